"""The ways from a file to the model's input.

A pipeline is made with the path, the model's kind and the batch size, which is not
timed; `batches` opens the file and gives tensors on the model's device, and
`prepare` turns one into what the model takes.

conventional   OpenCV, cvtColor into one of two pinned buffers in turn, upload, then
               torchvision's transforms on the GPU
gvdecode cpu   decoded on every core; for the light model resized and normalised
               there too, for the heavy one uint8, since fewer bytes travel
gvdecode cuda  decoded by NVDEC, with the model's input made in the decode call
model alone    inputs that are in the model's memory already, again and again
streamreader   torchaudio's StreamReader: NVDEC where its FFmpeg has h264_cuvid,
               else rgb24 on the CPU and upload
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import torch
from subjects import opencv_frames, opencv_size
from torch import Tensor

import gvdecode
from seed.models import DEVICE, DTYPE, MEAN, SIZE, STD, transform
from seed.streamreader import StreamReader

RESIDENT = 128  # frames that "model alone" has in memory


def upload(pixels: Tensor) -> Tensor:
    """To the model's device by way of pinned memory, so that nothing waits for it."""
    if DEVICE == "cpu":
        return pixels
    return pixels.pin_memory().to(DEVICE, non_blocking=True)


class Conventional:
    def __init__(self, path: str, kind: str, batch: int) -> None:
        self.path, self.batch = path, batch
        self.prepare = transform(kind)
        shape = (2 * batch, *opencv_size(path), 3)
        pinned = DEVICE == "cuda"
        self.ring = torch.zeros(shape, dtype=torch.uint8, pin_memory=pinned)

    def batches(self) -> Iterator[Tensor]:
        frames = opencv_frames(self.path, self.ring.numpy())
        uploaded: dict[int, torch.cuda.Event] = {}
        for half in cycle(range(2)):
            if half in uploaded:
                uploaded[half].synchronize()  # its buffer may be written again
            filled = sum(1 for _ in islice(frames, self.batch))
            if not filled:
                return
            first = half * self.batch
            pixels = self.ring[first : first + filled]
            pixels = pixels.to(DEVICE, non_blocking=True)
            if DEVICE == "cuda":
                uploaded[half] = torch.cuda.current_stream().record_event()
            yield pixels.permute(0, 3, 1, 2)


class Gvdecode:
    """`device` decodes. Frames come as NHWC, which permuted is channels last."""

    device = "cuda"

    def __init__(self, path: str, kind: str, batch: int) -> None:
        self.path, self.batch = path, batch
        self.options: dict[str, Any] = {"dimension_order": "NHWC", "fallback": "error"}
        if SIZE[kind] or self.device == DEVICE:
            self.options |= {"dtype": str(DTYPE).removeprefix("torch.")}
            self.options |= {"size": SIZE[kind], "mean": MEAN, "std": STD}
            self.prepare = lambda pictures: pictures
        else:
            self.prepare = transform(kind)

    def batches(self) -> Iterator[Tensor]:
        with gvdecode.VideoDecoder(
            self.path, device=self.device, **self.options
        ) as video:
            for batch in video.batches(self.batch):
                pixels = torch.from_dlpack(batch)
                if self.device != DEVICE:
                    pixels = upload(pixels)
                yield pixels.permute(0, 3, 1, 2)


class GvdecodeCpu(Gvdecode):
    device = "cpu"


class ModelAlone(Gvdecode):
    device = DEVICE

    def __init__(self, path: str, kind: str, batch: int) -> None:
        super().__init__(path, kind, batch)
        resident = max(RESIDENT // batch, 1)
        self.resident = list(islice(super().batches(), resident))
        with gvdecode.VideoDecoder(path, device="cpu") as video:
            self.frames = len(video)

    def batches(self) -> Iterator[Tensor]:
        left = self.frames
        for pictures in cycle(self.resident):
            yield pictures[:left]
            left -= self.batch
            if left <= 0:
                return


PIPELINES = {
    "conventional": Conventional,
    "streamreader": StreamReader,
    "gvdecode cpu": GvdecodeCpu,
    "gvdecode cuda": Gvdecode,
    "model alone": ModelAlone,
}
