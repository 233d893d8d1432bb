"""Live sources: frames come as soon as they can, and a slow caller gets new ones."""

import os
import shutil
import statistics
import time
from pathlib import Path

import live
import pytest

import gvdecode

FRAME = 1 / live.RATE

pytestmark = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="live sources are made by ffmpeg"
)


def send(tmp_path: Path, frames: int, *options: str) -> live.Sender:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    sender = live.Sender(live.flv_clip(tmp_path, frames, *options), fifo)
    sender.start()
    return sender


def delays(
    video: gvdecode.VideoDecoder, sender: live.Sender, behind: int
) -> list[float]:
    """Seconds from a frame's packet to the frame, of those after the first."""
    found = []
    for frame in video:
        now = time.monotonic()
        if frame.number >= behind:
            found.append(now - sender.sent[frame.number])
    return found


def test_a_frame_comes_at_once(tmp_path: Path, device: str) -> None:
    sender = send(tmp_path, 75, "-bf", "0")
    with gvdecode.VideoDecoder(
        sender.fifo, device=device, latency="low", timeout=10
    ) as video:
        found = delays(video, sender, 20)
    assert len(found) == 55
    print(f"\nfrom packet to frame: median {statistics.median(found) * 1e3:.2f} ms")
    assert statistics.median(found) < FRAME / 2


def test_b_frames_cost_their_own_delay_only(tmp_path: Path) -> None:
    sender = send(tmp_path, 75, "-bf", "2", "-b_strategy", "0")
    with gvdecode.VideoDecoder(
        sender.fifo, device="cpu", latency="low", timeout=10
    ) as video:
        found = delays(video, sender, 20)
    assert statistics.median(found) < 3 * FRAME


def test_low_latency_gives_the_same_frames(tmp_path: Path) -> None:
    clip = live.flv_clip(tmp_path, 60)
    with gvdecode.VideoDecoder(clip, device="cpu", pixel_format="gray8") as video:
        want = [(frame.number, frame.numpy().tobytes()) for frame in video]
    with gvdecode.VideoDecoder(
        clip, device="cpu", pixel_format="gray8", latency="low", sessions=3
    ) as video:
        assert [(frame.number, frame.numpy().tobytes()) for frame in video] == want
        assert [f.tobytes() for f in video.get_frames_at([7, 59]).numpy()] == [
            want[7][1],
            want[59][1],
        ]


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_slow_caller_gets_new_frames(tmp_path: Path, batch_size: int) -> None:
    sender = send(tmp_path, 100, "-bf", "0")
    ages, numbers = [], []
    with gvdecode.VideoDecoder(
        sender.fifo, device="cpu", latency="low", drop="oldest", timeout=10
    ) as video:
        for batch in video.batches(batch_size):
            now = time.monotonic()
            numbers += [frame.number for frame in batch]
            ages.append(now - sender.sent[numbers[-1]])
            time.sleep(10 * FRAME)
        stats = video.stats
    assert numbers == sorted(set(numbers))
    assert stats.dropped_frames > 40
    assert stats.dropped_frames + len(numbers) >= numbers[-1] + 1
    assert stats.frames == len(numbers)
    # All but the last few, which wait for the caller when the stream is over.
    assert statistics.median(ages) < (batch_size + 1) * FRAME


def test_without_drop_a_slow_caller_gets_all(tmp_path: Path) -> None:
    sender = send(tmp_path, 50, "-bf", "0")
    numbers = []
    with gvdecode.VideoDecoder(
        sender.fifo, device="cpu", latency="low", timeout=10
    ) as video:
        for frame in video:
            numbers.append(frame.number)
            time.sleep(FRAME * 1.5)
        assert video.stats.dropped_frames == 0
    assert numbers == list(range(50))


@pytest.mark.parametrize("latency", ["low", "normal"])
def test_rtsp(latency: str, device: str) -> None:
    server = live.RtspServer(seconds=4)
    server.start()
    found = []
    with gvdecode.VideoDecoder(
        server.url, device=device, latency=latency, timeout=10
    ) as video:
        assert video.metadata.codec == "h264"
        with pytest.raises(gvdecode.UnsupportedError, match="a live stream"):
            len(video)
        try:
            for frame in video:
                now = time.monotonic()
                found.append(now - server.sent[min(frame.number, len(server.sent) - 1)])
        except gvdecode.TimeoutError:
            pytest.fail("the end of the stream was not seen")
    server.over.set()
    assert len(found) >= 90
    settled = statistics.median(found[len(found) // 2 :])
    print(f"\n{latency}: from the frame's last packet to it {settled * 1e3:.1f} ms")
    if latency == "low":
        # libavformat's depacketiser needs the next frame to end one.
        assert settled < 2 * FRAME


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"latency": "lowest"}, "latency must be"),
        ({"drop": "newest", "latency": "low"}, "drop must be"),
        ({"drop": "oldest"}, 'is for latency="low"'),
    ],
)
def test_bad_arguments(options: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        gvdecode.VideoDecoder("film.mp4", **options)
