"""gvdecode: CUDA tensors NCHW, or NumPy arrays NHWC as the others give them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .base import BATCH, Frames, Peer, Size, chunks


class Gvdecode(Peer):
    packages = ("gvdecode",)
    torch = False  # on the GPU only

    def __init__(self, device: str) -> None:
        import gvdecode

        self.library = gvdecode
        self.device = device
        self.torch = device == "cuda"
        self.order = "NCHW" if self.torch else "NHWC"
        if self.torch:
            import torch

            self.pixels = torch.from_dlpack

    @property
    def options(self) -> dict[str, Any]:
        return {
            "device": self.device,
            "dimension_order": self.order,
            "fallback": "error",
        }

    def pixels(self, frames: Any) -> Frames:
        return frames.numpy()

    def open(self, path: str, **output: Any) -> Any:
        return self.library.VideoDecoder(path, **self.options, **output)

    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        with self.open(path, size=size) as video:
            yield from map(self.pixels, video.batches(batch))

    def picked(self, path: str, numbers: list[int]) -> Iterator[Frames]:
        with self.open(path) as video:
            for part in chunks(numbers):
                yield self.pixels(video.get_frames_at(part))

    def sample(self, path: str, numbers: list[int], fps: float) -> Iterator[Frames]:
        with self.open(path) as video:
            yield from map(self.pixels, video.sample(fps=fps, batch_size=BATCH))

    def small(self, path: str, size: tuple[int, int]) -> Iterator[Frames]:
        with self.open(path, size=size, dtype="float16") as video:
            yield from map(self.pixels, video.batches(BATCH))

    def trim(self) -> None:
        self.library.trim()


class DecodeMany(Gvdecode):
    """A list of files, the next ones opened and decoded ahead."""

    setting = "decode_many"

    def clips(self, paths: list[str]) -> Iterator[Frames]:
        run = self.library.decode_many(paths, BATCH, **self.options)
        return (self.pixels(item.batch) for item in run)
