"""What users do with videos, as the benchmark of the peers has it.

A workload is one or more streams of batches, each read by a thread of its own, and
says which frame of which file comes at which place, so that pixels can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from peers.base import Frames, Peer

SMALL = (224, 224)
FPS, STEP = 2, 15  # of a sample; every 15th frame of 30 a second
NUMBERS = 30  # of random frames
CAMERAS, TOGETHER = 6, 8  # files in step, frames of each in a step
SHORT = ("short_360p", "short_480p", "short_720p", "short_1080p")

Numbers = list[int]
Places = list[tuple[int, int]]  # which file, which frame


@dataclass(frozen=True)
class Workload:
    name: str
    metric: str  # fps, clips/s or ms
    clips: tuple[str, ...]
    streams: Callable[[Peer, list[str], Numbers], list[Iterator[Frames]]]
    # Of each stream, from how many frames the files have and how many are read.
    places: Callable[[Numbers], list[Places]]
    limit: bool = False  # whether a shorter part of the file would do
    size: tuple[int, int] | None = None  # of the pictures, if not as coded
    heavy: bool = False  # minutes on a few cores


def one_file(peer: Peer, paths: list[str], counts: Numbers) -> list[Iterator[Frames]]:
    return [peer.batches(paths[0])]


def all_of_one(counts: Numbers) -> list[Places]:
    return [[(0, number) for number in range(counts[0])]]


def first_frame(
    peer: Peer, paths: list[str], counts: Numbers
) -> list[Iterator[Frames]]:
    return [peer.batches(paths[0], batch=1)]


def draw(frames: int) -> Numbers:
    return Random("30 of a file").sample(range(frames), NUMBERS)


def random_frames(
    peer: Peer, paths: list[str], counts: Numbers
) -> list[Iterator[Frames]]:
    return [peer.picked(paths[0], draw(counts[0]))]


def sampled(peer: Peer, paths: list[str], counts: Numbers) -> list[Iterator[Frames]]:
    return [peer.sample(paths[0], list(range(0, counts[0], STEP)), FPS)]


def clip_loop(peer: Peer, paths: list[str], counts: Numbers) -> list[Iterator[Frames]]:
    return [peer.clips(paths)]


def all_in_a_row(counts: Numbers) -> list[Places]:
    return [[(i, n) for i, count in enumerate(counts) for n in range(count)]]


def cameras(peer: Peer, paths: list[str], counts: Numbers) -> list[Iterator[Frames]]:
    steps = peer.in_step(paths * CAMERAS, TOGETHER)
    return [(frames for step in steps for frames in step)]


def in_step(counts: Numbers) -> list[Places]:
    """Eight frames of the file, six times; then the next eight."""
    starts = range(0, counts[0], TOGETHER)
    steps = [range(s, min(s + TOGETHER, counts[0])) for s in starts]
    return [[(0, n) for step in steps for _ in range(CAMERAS) for n in step]]


def at_once(
    files: int, peer: Peer, paths: list[str], counts: Numbers
) -> list[Iterator[Frames]]:
    return [peer.batches(paths[i % len(paths)]) for i in range(files)]


def each_alone(files: int, counts: Numbers) -> list[Places]:
    which = [i % len(counts) for i in range(files)]
    return [[(i, number) for number in range(counts[i])] for i in which]


def shrunk(peer: Peer, paths: list[str], counts: Numbers) -> list[Iterator[Frames]]:
    return [peer.small(paths[0], SMALL)]


def sequential(codec: str) -> Workload:
    name = f"1080p {codec} gop30 rgb24"
    clips = (f"{codec}_gop30",)
    return Workload(name, "fps", clips, one_file, all_of_one, limit=True)


def first_of(codec: str) -> Workload:
    name = f"first frame warm {codec}"
    return Workload(name, "ms", (f"{codec}_gop30",), first_frame, lambda _: [[(0, 0)]])


def random_of(gop: int) -> Workload:
    def places(counts: Numbers) -> list[Places]:
        return [[(0, number) for number in draw(counts[0])]]

    name, clips = f"{NUMBERS} random gop{gop}", (f"h264_gop{gop}",)
    return Workload(name, "fps", clips, random_frames, places, heavy=gop > NUMBERS)


def together(files: int) -> Workload:
    return Workload(
        f"{files} files at once" if files > 1 else "1 file alone",
        "fps",
        SHORT,
        partial(at_once, files),
        partial(each_alone, files),
        heavy=files > 4,
    )


WORKLOADS = (
    sequential("h264"),
    sequential("hevc"),
    Workload(
        "1080p h264 to 224x224 fp16",
        "fps",
        ("h264_gop30",),
        shrunk,
        all_of_one,
        limit=True,
        size=SMALL,
    ),
    first_of("h264"),
    first_of("hevc"),
    random_of(30),
    random_of(250),
    Workload(
        f"sample {FPS} fps",
        "fps",
        ("h264_gop250_50s",),
        sampled,
        lambda counts: [[(0, number) for number in range(0, counts[0], STEP)]],
        heavy=True,
    ),
    Workload("clips of 2 s in a loop", "clips/s", SHORT * 2, clip_loop, all_in_a_row),
    Workload(f"{CAMERAS} cameras in step", "fps", ("short_1080p",), cameras, in_step),
    *map(together, (1, 4, 16)),
)
BY_NAME = {workload.name: workload for workload in WORKLOADS}


def named(text: Any) -> Workload:
    return BY_NAME[text]
