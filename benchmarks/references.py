"""Makes and reads the references that bench_exact.py compares with.

    python references.py CLIP_OR_FOLDER... --program build/exact/reference --out DIR

One text file a clip, `<clip's file name>.ref`, written by the C program
`tests/c/reference.c`, whose head describes the lines. It needs no GPU, and the
files travel to a machine that has no FFmpeg.
"""

from __future__ import annotations

import argparse
import heapq
import math
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

WINDOW = 16  # packets among which a frame's timestamp is looked for
AHEAD = 4  # packets that must be known before a frame's time is given
NO_CLIPS = {".md5", ".ref", ".txt", ".json"}


class Picture(NamedTuple):
    """One frame; two of them are equal if all of this is."""

    pts: int | None
    width: int
    height: int
    pixel_format: str
    md5: str  # empty where there is nothing to compare it with


class Packet(NamedTuple):
    pts: int | None
    dts: int | None
    shown: bool


@dataclass
class Reference:
    libav: str = ""
    time_base: Fraction = Fraction(0)
    rate: Fraction = Fraction(0)
    packets: list[Packet] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)  # with libavcodec's pts
    planar: bool = True  # the MD5s are those of planes
    end: str = ""

    def expected(self) -> list[Picture]:
        """The frames that gvdecode must give."""
        times = expected_times(self)
        pairs = zip(self.pictures, times, strict=True)
        return [picture._replace(pts=pts) for picture, pts in pairs]


def clips_in(paths: list[Path]) -> Iterator[Path]:
    """The files named, and the clips right in the folders named."""
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.is_file())
            yield from (file for file in inside if file.suffix not in NO_CLIPS)
        else:
            yield path


# --- times: behaviour 24, written a second time ---


def expected_times(reference: Reference) -> list[int | None]:
    """The frames' own pts where these rise, else what behaviour 24 makes of them.

    As long as all packets have a pts of their own, a frame is not shown before
    the one in front of it, that is all; from the first on that has none or
    repeats one, the smallest of the timestamps that are left in the window.
    """
    own = [picture.pts for picture in reference.pictures]
    packets = [packet for packet in reference.packets if packet.shown]
    times = [packet.dts if packet.pts is None else packet.pts for packet in packets]
    front = rising(own)
    if len(front) == len(own) and all(a < b for a, b in pairwise(front)):
        return [*own]
    if all(time is None for time in times):
        return [counted(k, reference) for k in range(len(own))]
    front = front[: max(0, first_irregular(packets, times) - AHEAD)]
    return [*front, *smallest(unused(times, front), front, len(own) - len(front))]


def first_irregular(packets: list[Packet], times: list[int | None]) -> int:
    """The first that has no pts or one of those of the 16 before it."""
    for number, packet in enumerate(packets):
        if packet.pts is None or packet.pts in times[max(0, number - WINDOW) : number]:
            return number
    return sys.maxsize


def counted(number: int, reference: Reference) -> int | None:
    """The frame's number as a time; a half is rounded up."""
    if not reference.rate or not reference.time_base:
        return None
    time = number / (reference.rate * reference.time_base)
    return math.floor(time + Fraction(1, 2))


def rising(times: list[int | None]) -> list[int]:
    """The running maximum, up to the first that is not known."""
    front: list[int] = []
    for time in times:
        if time is None:
            break
        front.append(max([time, *front[-1:]]))
    return front


def unused(times: list[int | None], given: list[int]) -> list[float]:
    """The timestamps that are left when the first frames have theirs."""
    numbers = [math.inf if time is None else time for time in times]
    if not given or given[-1] not in times:
        return numbers[len(given) :]
    own = times.index(given[-1]) + 1
    return [time for time in numbers[:own] if time > given[-1]] + numbers[own:]


def smallest(times: list[float], given: list[int], count: int) -> list[int | None]:
    """For each frame the smallest in a window that moves on by one packet."""
    left = iter(times)
    window = [next(left, math.inf) for _ in range(WINDOW)]
    heapq.heapify(window)
    last = given[-1] if given else None
    found = []
    for _ in range(count):
        time = heapq.heapreplace(window, next(left, math.inf))
        if time != math.inf:
            last = int(time) if last is None else max(last, int(time))
        found.append(last)
    return found


# --- files ---


def known(word: str) -> int | None:
    return None if word == "-" else int(word)


def read_line(reference: Reference, kind: str, words: list[str]) -> None:
    if kind == "libav":
        reference.libav = words[0]
    elif kind == "stream":
        reference.time_base, reference.rate = (
            Fraction(0)
            if word.startswith("0/") or word.endswith("/0")
            else Fraction(word)
            for word in words[2:4]
        )
    elif kind == "packet":
        packet = Packet(known(words[0]), known(words[1]), shown=words[3] == "0")
        reference.packets.append(packet)
    elif kind == "frame":
        size = int(words[3]), int(words[4])
        picture = Picture(known(words[0]), *size, words[5], words[8])
        reference.pictures.append(picture)
        reference.planar &= words[7] == "planes"
    elif kind == "end":
        reference.end = " ".join(words)


def read_reference(path: Path) -> Reference:
    reference = Reference()
    for line in path.read_text().splitlines():
        kind, *words = line.split()
        read_line(reference, kind, words)
    if not reference.end:
        raise ValueError(f"{path}: it stops in the middle")
    return reference


def write_reference(program: Path, clip: Path, out: Path) -> str:
    """Writes the clip's file and returns what to say about it."""
    command = [str(program.resolve()), str(clip)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    target = out / f"{clip.name}.ref"
    target.write_text(done.stdout)
    reference = read_reference(target)
    return f"{target}: {len(reference.pictures)} frames; {reference.end}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+", help="files or folders")
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        for line in pool.map(
            lambda clip: write_reference(options.program, clip, options.out),
            clips_in(options.clips),
        ):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
