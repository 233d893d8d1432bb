"""PyAV: FFmpeg's frame and slice threads, to_ndarray(format="rgb24")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .base import BATCH, Frames, Peer, Size, chunks


class Pyav(Peer):
    packages = ("av",)
    torch = False
    setting = "thread_type AUTO"

    def __init__(self) -> None:
        import av
        import numpy

        self.library, self.numpy = av, numpy

    def frames(self, path: str, start: int = 0) -> Iterator[Any]:
        """All frames, or those from the one with this number on."""
        with self.library.open(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            wanted = 0
            if start:
                wanted = round(start / stream.average_rate / stream.time_base)
                container.seek(wanted + (stream.start_time or 0), stream=stream)
            for frame in container.decode(stream):
                if frame.pts - (stream.start_time or 0) >= wanted:
                    yield frame

    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        height, width = size or (None, None)
        pictures = (
            frame.to_ndarray(format="rgb24", width=width, height=height)
            for frame in self.frames(path)
        )
        for part in chunks(pictures, batch):
            yield self.numpy.stack(part)

    def picked(self, path: str, numbers: list[int]) -> Iterator[Frames]:
        for part in chunks(numbers):
            frames = [next(self.frames(path, number)) for number in part]
            yield [frame.to_ndarray(format="rgb24") for frame in frames]
