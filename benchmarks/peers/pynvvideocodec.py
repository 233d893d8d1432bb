"""PyNvVideoCodec: frames stay in GPU memory as RGB, taken over through DLPack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .base import BATCH, Frames, Peer, Size, chunks, shrink


class Pynvvideocodec(Peer):
    packages = ("PyNvVideoCodec",)
    device = "cuda"

    def __init__(self) -> None:
        import PyNvVideoCodec as library  # noqa: N813
        import torch

        self.library, self.pytorch = library, torch
        self.options = {
            "gpu_id": 0,
            "use_device_memory": True,
            "output_color_type": library.OutputColorType.RGB,
        }

    def pixels(self, frames: list[Any], size: Size = None) -> Frames:
        """A list of single frames, or a tensor where a size is asked for."""
        tensors = [self.pytorch.from_dlpack(frame) for frame in frames]
        if size is None:
            return tensors
        pictures = self.pytorch.stack(tensors).permute(0, 3, 1, 2)
        return shrink(pictures, size).permute(0, 2, 3, 1)


class Simple(Pynvvideocodec):
    setting = "SimpleDecoder"

    def open(self, path: str) -> Any:
        return self.library.SimpleDecoder(path, **self.options)

    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        video = self.open(path)
        for start in range(0, len(video), batch):
            frames = video.get_batch_frames(min(batch, len(video) - start))
            yield self.pixels(frames, size)

    def picked(self, path: str, numbers: list[int]) -> Iterator[Frames]:
        video = self.open(path)
        for part in chunks(numbers):
            yield self.pixels(video.get_batch_frames_by_index(part))


class Reconfigured(Simple):
    """One decoder that is given the next file, as its sampling example does it."""

    setting = "SimpleDecoder.reconfigure_decoder"
    video: Any = None

    def open(self, path: str) -> Any:
        if self.video is None:
            self.video = self.library.SimpleDecoder(
                path, max_width=1920, max_height=1088, **self.options
            )
        else:
            self.pytorch.cuda.current_stream().synchronize()
            self.video.reconfigure_decoder(path)
        return self.video


class Threaded(Pynvvideocodec):
    setting = "ThreadedDecoder, buffer of 64 frames"

    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        video = self.library.ThreadedDecoder(path, 2 * BATCH, **self.options)
        try:
            while frames := video.get_batch_frames(batch):
                yield self.pixels(frames, size)
        finally:
            video.end()
