"""torchcodec: its GPU backend `nvdec` (the default), or every CPU thread.

`seek_mode="approximate"` spares the scan of the whole file; its documentation has it
for files with a constant frame rate, which these are.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .base import BATCH, Frames, Peer, Size, chunks, shrink

THREADS = 7


class Torchcodec(Peer):
    packages = ("torchcodec",)
    order = "NCHW"
    setting = "approximate seek mode"

    def __init__(self, device: str) -> None:
        from torchcodec import decoders, transforms

        self.library, self.transforms = decoders, transforms
        self.device = device

    def open(self, path: str, size: Size = None) -> Any:
        options: dict[str, Any] = {"device": self.device}
        if self.device == "cpu":
            options["num_ffmpeg_threads"] = 0
            if size:  # its decoder resizes on the CPU only
                options["transforms"] = [self.transforms.Resize(size)]
        return self.library.VideoDecoder(path, seek_mode="approximate", **options)

    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        video = self.open(path, size)
        for start in range(0, len(video), batch):
            stop = min(start + batch, len(video))
            frames = video.get_frames_in_range(start, stop).data
            yield shrink(frames, size) if self.device == "cuda" else frames

    def picked(self, path: str, numbers: list[int]) -> Iterator[Frames]:
        video = self.open(path)
        for part in chunks(numbers):
            yield video.get_frames_at(part).data


class ByHand(Torchcodec):
    """One file by seven threads with a decoder each, as a user would write it."""

    setting = f"{THREADS} threads with a decoder each, every frame in memory at once"

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self.pool = ThreadPoolExecutor(THREADS)

    def part(self, path: str, first: int, last: int) -> list[Frames]:
        video = self.open(path)
        starts = range(first, last, BATCH)
        ends = (min(start + BATCH, last) for start in starts)
        return [
            video.get_frames_in_range(*both).data
            for both in zip(starts, ends, strict=True)
        ]

    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        frames = len(self.open(path))
        cuts = [frames * i // THREADS // BATCH * BATCH for i in range(THREADS)]
        parts = self.pool.map(self.part, [path] * THREADS, cuts, [*cuts[1:], frames])
        for part in parts:
            yield from part
