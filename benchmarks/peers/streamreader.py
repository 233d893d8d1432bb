"""torchaudio's StreamReader, last in torchaudio 2.8: requirements-streamreader.txt.

CPU: FFmpeg converts to rgb24, every thread. GPU: h264_cuvid and hevc_cuvid where the
FFmpeg that is found has them; frames come as YUV 4:4:4 in CUDA memory and become RGB
by torch, as its documentation does it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from .base import BATCH, Frames, Peer, Size

PACKAGES = ("torchaudio", "torch")
UNBOUND = -1  # no chunk is dropped


class StreamReaderCpu(Peer):
    packages = PACKAGES
    order = "NCHW"
    setting = "rgb24, threads=0"

    def __init__(self) -> None:
        warnings.filterwarnings("ignore", message=".*has been deprecated")
        from torchaudio.io import StreamReader

        self.reader = StreamReader

    def open(self, path: str, size: Size, batch: int) -> Any:
        height, width = size or (None, None)
        reader = self.reader(path)
        reader.add_basic_video_stream(
            batch,
            UNBOUND,
            decoder_option={"threads": "0"},
            format="rgb24",
            width=width,
            height=height,
        )
        return reader

    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        for (chunk,) in self.open(path, size, batch).stream():
            yield chunk

    def picked(self, path: str, numbers: list[int]) -> Iterator[Frames]:
        reader = self.open(path, None, 1)
        rate = reader.get_src_stream_info(reader.default_video_stream).frame_rate
        for number in numbers:
            reader.seek(max(number - 0.5, 0) / rate)
            (chunk,) = next(reader.stream())
            yield chunk


class StreamReaderCuda(StreamReaderCpu):
    device = "cuda"
    setting = "cuvid, hw_accel, RGB by torch"

    def open(self, path: str, size: Size, batch: int) -> Any:
        reader = self.reader(path)
        codec = reader.get_src_stream_info(reader.default_video_stream).codec
        options = {"resize": f"{size[1]}x{size[0]}"} if size else {}
        reader.add_video_stream(
            batch,
            UNBOUND,
            decoder=f"{codec}_cuvid",
            decoder_option=options,
            hw_accel="cuda:0",
        )
        return reader

    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        return map(bt709, super().batches(path, size, batch))

    def picked(self, path: str, numbers: list[int]) -> Iterator[Frames]:
        return map(bt709, super().picked(path, numbers))


def bt709(chunk: Any) -> Any:
    """RGB bytes of YUV bytes of limited range, NCHW."""
    y, u, v = chunk.float().unbind(1)
    y, u, v = (y - 16) * (255 / 219), (u - 128) * (255 / 224), (v - 128) * (255 / 224)
    import torch

    red = y + 1.5748 * v
    green = y - 0.1873 * u - 0.4681 * v
    blue = y + 1.8556 * u
    return torch.stack((red, green, blue), 1).round().clamp(0, 255).byte()
