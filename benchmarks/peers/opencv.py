"""OpenCV: VideoCapture on the CPU, and what is conventional for a GPU: an upload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .base import BATCH, Frames, Peer, Size, chunks


class Opencv(Peer):
    packages = ("opencv-python-headless", "opencv-python")
    torch = False
    setting = "VideoCapture"

    def __init__(self) -> None:
        import cv2
        import numpy

        self.library, self.numpy = cv2, numpy

    def open(self, path: str) -> Any:
        capture = self.library.VideoCapture(path)
        if not capture.isOpened():
            raise ValueError(f"OpenCV cannot open {path}")
        return capture

    def rgb(self, image: Any, size: Size) -> Any:
        if size:
            area = self.library.INTER_AREA
            image = self.library.resize(image, size[::-1], interpolation=area)
        return self.library.cvtColor(image, self.library.COLOR_BGR2RGB)

    def pictures(self, capture: Any, size: Size) -> Iterator[Any]:
        good, image = capture.read()
        while good:
            yield self.rgb(image, size)
            good, image = capture.read(image)

    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        for part in chunks(self.pictures(self.open(path), size), batch):
            yield self.numpy.stack(part)

    def picked(self, path: str, numbers: list[int]) -> Iterator[Frames]:
        capture = self.open(path)
        for part in chunks(numbers):
            shown = []
            for number in part:
                capture.set(self.library.CAP_PROP_POS_FRAMES, number)
                shown.append(next(self.pictures(capture, None)))
            yield self.numpy.stack(shown)


class Upload(Opencv):
    """Pinned memory, one copy a batch, NCHW on the GPU."""

    order = "NCHW"
    device = "cuda"
    torch = True
    setting = "VideoCapture, pinned memory, one copy a batch"

    def __init__(self) -> None:
        super().__init__()
        import torch

        self.pytorch = torch

    def pinned(self, frames: Any) -> Any:
        pixels = self.pytorch.from_numpy(frames).pin_memory()
        return pixels.to("cuda", non_blocking=True).permute(0, 3, 1, 2).contiguous()

    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        return map(self.pinned, super().batches(path, size, batch))

    def picked(self, path: str, numbers: list[int]) -> Iterator[Frames]:
        return map(self.pinned, super().picked(path, numbers))
