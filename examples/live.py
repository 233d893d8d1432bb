"""A live source, each frame as soon as the decoder has it, and how late that is.

    python examples/live.py rtsp://camera/stream
    python examples/live.py udp://127.0.0.1:5000
    ffmpeg ... -f mpegts - | python examples/live.py /dev/stdin
    python examples/live.py --demo

Lateness is counted from the frame that came soonest after its time in the
stream. --demo starts an ffmpeg that draws, encodes and sends a picture on
loopback and writes the time of day into the stream, so there it is the whole way
from the drawing to the decoded frame. The first frames are late: they came before
it was known what they are.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import gvdecode

WRAP = 2**33 / 90000  # seconds after which the times of MPEG-TS begin again


@contextlib.contextmanager
def demo_source(rate: int = 25) -> Iterator[str]:
    """Starts to send; gives the address."""
    if shutil.which("ffmpeg") is None:
        sys.exit("--demo needs the ffmpeg program.")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        url = f"udp://127.0.0.1:{free.getsockname()[1]}"
    picture = (
        f"testsrc2=size=640x360:rate={rate},realtime,"
        "settb=1/90000,setpts=RTCTIME/1000000/TB"
    )
    command = (
        f"ffmpeg -v error -nostdin -f lavfi -i {picture} -c:v libx264 -threads 1 "
        f"-preset ultrafast -tune zerolatency -g {rate} "
        f"-copyts -muxdelay 0 -f mpegts {url}?pkt_size=1316"
    )
    with subprocess.Popen(command.split()) as sender:
        try:
            yield url
        finally:
            sender.kill()


def watch(source: str, seconds: float, timed: bool) -> list[float]:
    """Reads for so long; gives how late each frame was, in seconds.

    timed: the stream's times are the time of day.
    """
    delays, soonest = [], float("inf")
    with gvdecode.VideoDecoder(
        source, latency="low", drop="oldest", timeout=10
    ) as video:
        print(f"{source}: {video.metadata.codec}, decoded by {video.backend}")
        end = time.monotonic() + seconds
        for frame in video:
            delay = time.time() - frame.pts_seconds
            soonest = 0.0 if timed else min(soonest, delay)
            delays.append((delay - soonest) % WRAP)
            if len(delays) % 25 == 0:
                print(f"frame {frame.number}: {delays[-1] * 1000:.1f} ms")
            if time.monotonic() > end:
                break
        print(f"{video.stats.dropped_frames} frames dropped")
    return delays


def main() -> None:
    parser = argparse.ArgumentParser(description="Reads a live source.")
    parser.add_argument("source", nargs="?")
    parser.add_argument("--demo", action="store_true", help="a source on loopback")
    parser.add_argument("--seconds", type=float, default=10, help="%(default)s")
    args = parser.parse_args()
    if args.demo == (args.source is not None):
        parser.error("give a source or --demo")
    with demo_source() if args.demo else contextlib.nullcontext(args.source) as source:
        delays = watch(source, args.seconds, args.demo)
    late = f"median {statistics.median(delays) * 1000:.1f} ms, "
    print(f"{len(delays)} frames, late by {late}worst {max(delays) * 1000:.1f} ms")


if __name__ == "__main__":
    main()
