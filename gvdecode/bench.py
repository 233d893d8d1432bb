"""`python -m gvdecode bench FILE`: how fast this file is on this machine."""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Iterator
from time import perf_counter, process_time
from typing import NamedTuple

from gvdecode.decoder import VideoDecoder
from gvdecode.errors import UnsupportedError
from gvdecode.frames import FrameBatch

__all__ = ["Line", "measure"]

BATCH = 32
RANDOM = 30
OPENS = 20
PARTS = 4  # of the time, one for each measurement


class Line(NamedTuple):
    """One result: what was done, how fast, and what else there is to say."""

    what: str
    figure: str
    note: str = ""


class Progress:
    """A bar on stderr, where somebody looks at it."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.start = perf_counter()
        self.shown = sys.stderr.isatty()

    def show(self, what: str) -> None:
        if self.shown:
            share = min((perf_counter() - self.start) / self.seconds, 1)
            bar = "#" * int(share * 30)
            print(f"\r[{bar:<30}] {what:<24}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self.shown:
            print(f"\r{'':<60}\r", end="", file=sys.stderr, flush=True)


def measure(path: str, device: str, seconds: float) -> Iterator[Line]:
    """The lines, each as soon as it is known; in about so many seconds.

    Every measurement opens the file anew. Frames end where the decoder gives
    them: in memory of the CPU or of the GPU, whose work is waited for.
    """
    progress = Progress(seconds)
    part = seconds / PARTS
    try:
        yield _opens(path, device, part, progress)
        alone = _reading(path, device, part, progress, pixel_format="native")
        yield alone.line("decoding alone", "no RGB: the most that there is to get")
        rgb = _reading(path, device, part, progress, pixel_format="rgb24")
        yield rgb.line(f"RGB, batches of {BATCH}", rgb.compare(alone))
        yield _random(path, device, part, progress)
    finally:
        progress.end()


def _open(path: str, device: str, **options: str) -> VideoDecoder:
    return VideoDecoder(path, device=device, fallback="silent", **options)  # type: ignore[arg-type]


def _wait(batch: FrameBatch) -> None:
    """Until the last of what was asked for is there."""
    if len(batch) and batch.device != "cpu":
        batch[-1].numpy()


def _opens(path: str, device: str, part: float, progress: Progress) -> Line:
    times: list[float] = []
    end = perf_counter() + part
    while len(times) <= OPENS and (not times or perf_counter() < end):
        progress.show("opening")
        start = perf_counter()
        with _open(path, device) as video:
            for batch in video.batches(1):
                _wait(batch)
                break
        times.append(perf_counter() - start)
    again = times[1:] or times
    return Line(
        "open, first frame",
        f"{statistics.median(again) * 1e3:.1f} ms",
        f"median of {len(again)}; the first time {times[0] * 1e3:.1f} ms",
    )


class _Rate(NamedTuple):
    """A reading of the file, over and over for its time."""

    frames: int
    seconds: float
    cpu_seconds: float
    sessions: int
    missing: str = ""  # why there is none

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds else 0.0

    def line(self, what: str, note: str) -> Line:
        if self.missing:
            return Line(what, "-", self.missing)
        return Line(what, f"{self.fps:,.0f} fps", note)

    def compare(self, alone: _Rate) -> str:
        share = f"{self.fps / alone.fps:.0%} of that, " if alone.frames else ""
        cores = self.cpu_seconds / self.seconds if self.seconds else 0
        plural = "s" if self.sessions != 1 else ""
        return f"{share}{self.sessions} session{plural}, {cores:.1f} cores busy"


def _reading(
    path: str, device: str, part: float, progress: Progress, pixel_format: str
) -> _Rate:
    frames = sessions = 0
    cpu = process_time()
    start = perf_counter()
    try:
        while perf_counter() < start + part:
            with _open(path, device, pixel_format=pixel_format) as video:
                for batch in video.batches(BATCH):
                    frames += len(batch)
                    progress.show(f"reading, {pixel_format}")
                    if perf_counter() > start + part:
                        break
                sessions = max(sessions, video.stats.sessions)
                if pixel_format != "native" and frames:
                    _wait(batch)
    except UnsupportedError as error:
        return _Rate(0, 0, 0, 0, str(error))
    return _Rate(frames, perf_counter() - start, process_time() - cpu, sessions)


def _random(path: str, device: str, part: float, progress: Progress) -> Line:
    what = f"{RANDOM} random frames"
    progress.show("finding the frames")
    with _open(path, device) as video:
        start = perf_counter()
        try:
            index = video.index
        except UnsupportedError as error:
            return Line(what, "-", str(error))
        indexing = perf_counter() - start
    draw = random.Random(0)
    rates: list[float] = []
    end = perf_counter() + part
    while len(index) and (not rates or perf_counter() < end):
        progress.show(what)
        numbers = draw.sample(range(len(index)), min(RANDOM, len(index)))
        start = perf_counter()
        # Opened anew: a decoder keeps frames that it was asked for.
        with VideoDecoder(path, device=device, fallback="silent", index=index) as video:
            _wait(video.get_frames_at(numbers))
        rates.append(len(numbers) / (perf_counter() - start))
    if not rates:
        return Line(what, "-", "there are no frames")
    note = f"median of {len(rates)}, opening included; index of {len(index):,} frames"
    return Line(
        what, f"{statistics.median(rates):,.0f} fps", f"{note} {indexing * 1e3:.1f} ms"
    )
