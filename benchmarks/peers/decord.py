"""decord2: NumPy arrays from every CPU thread; its wheel has no GPU decoder."""

from __future__ import annotations

from collections.abc import Iterator

from .base import BATCH, Frames, Peer, Size, chunks


class Decord(Peer):
    packages = ("decord2",)
    torch = False
    setting = "num_threads=0"

    def __init__(self) -> None:
        import decord

        self.library = decord

    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        height, width = size or (-1, -1)
        video = self.library.VideoReader(
            path, ctx=self.library.cpu(0), width=width, height=height, num_threads=0
        )
        for part in chunks(range(len(video)), batch):
            yield video.get_batch(part).asnumpy()

    def picked(self, path: str, numbers: list[int]) -> Iterator[Frames]:
        video = self.library.VideoReader(path, ctx=self.library.cpu(0), num_threads=0)
        for part in chunks(numbers):
            yield video.get_batch(part).asnumpy()
