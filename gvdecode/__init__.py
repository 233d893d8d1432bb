"""Video decoding for deep learning.

    with gvdecode.VideoDecoder("film.mp4") as video:
        for batch in video.batches(32):
            scores = model(torch.from_dlpack(batch))

On an NVIDIA GPU the frames of one file are decoded by all of its NVDEC engines
and never leave its memory; without one the same lines decode on the CPU's cores.
"""

from __future__ import annotations

from gvdecode._core import trim
from gvdecode.batches import Batches
from gvdecode.decoder import VideoDecoder
from gvdecode.errors import (
    ClosedError,
    DecodeError,
    Error,
    FallbackWarning,
    FileMissingError,
    OpenError,
    OutOfMemoryError,
    TimeoutError,
    UnsupportedError,
)
from gvdecode.frames import Frame, FrameBatch
from gvdecode.index import VideoIndex
from gvdecode.many import ManyBatches, SourceBatch, decode_many
from gvdecode.memory import MemoryUsage, memory_usage, set_memory_limit
from gvdecode.metadata import VideoMetadata
from gvdecode.stats import DecodeStats
from gvdecode.version import __version__

__all__ = [
    "Batches",
    "ClosedError",
    "DecodeError",
    "DecodeStats",
    "Error",
    "FallbackWarning",
    "FileMissingError",
    "Frame",
    "FrameBatch",
    "ManyBatches",
    "MemoryUsage",
    "OpenError",
    "OutOfMemoryError",
    "SourceBatch",
    "TimeoutError",
    "UnsupportedError",
    "VideoDecoder",
    "VideoIndex",
    "VideoMetadata",
    "__version__",
    "decode_many",
    "memory_usage",
    "set_memory_limit",
    "trim",
]
