"""The article's optimised pipeline: torchaudio.io.StreamReader, to torchaudio 2.8."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from seed.models import DEVICE, transform

UNBOUND = -1  # no frame is dropped
# BT.709, limited range, of 8 bits: what the clips are.
FROM_YUV = ((1.0, 0.0, 1.5748), (1.0, -0.1873, -0.4681), (1.0, 1.8556, 0.0))
RANGE = ((16.0, 219.0), (128.0, 224.0), (128.0, 224.0))


class StreamReader:
    def __init__(self, path: str, kind: str, batch: int) -> None:
        from torchaudio.io import StreamReader as Reader
        from torchaudio.utils import ffmpeg_utils

        self.reader, self.path, self.batch = Reader, path, batch
        decoders = ffmpeg_utils.get_video_decoders()
        self.nvdec = DEVICE == "cuda" and "h264_cuvid" in decoders
        self.transform = transform(kind)

    def batches(self) -> Iterator[Tensor]:
        reader = self.reader(self.path)
        if self.nvdec:  # planes of YUV 4:4:4, on the GPU
            reader.add_video_stream(
                self.batch, UNBOUND, decoder="h264_cuvid", hw_accel=f"{DEVICE}:0"
            )
        else:
            threads = {"threads": "0"}
            reader.add_basic_video_stream(
                self.batch, UNBOUND, format="rgb24", decoder_option=threads
            )
        for (pixels,) in reader.stream():
            if DEVICE == "cuda" and not self.nvdec:
                pixels = pixels.pin_memory().to(DEVICE, non_blocking=True)
            yield pixels

    def prepare(self, pixels: Tensor) -> Tensor:
        return self.transform(rgb(pixels) if self.nvdec else pixels)


def rgb(pixels: Tensor) -> Tensor:
    """From YUV (N, 3, H, W), uint8, to RGB likewise."""
    zero, span = torch.tensor(RANGE, device=pixels.device).T[:, :, None, None]
    matrix = torch.tensor(FROM_YUV, device=pixels.device)
    levels = torch.einsum("cd,ndhw->nchw", matrix, (pixels - zero) / span)
    return (levels * 255).round().clamp(0, 255).to(torch.uint8)
