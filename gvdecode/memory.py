"""The memory that all decoders of the process hold together, and its limit."""

from __future__ import annotations

import math
from typing import NamedTuple, SupportsIndex

from gvdecode import _core, arguments
from gvdecode.settings import check_gpu
from gvdecode.times import real

__all__ = ["MemoryUsage", "memory_usage", "set_memory_limit"]


class MemoryUsage(NamedTuple):
    """Bytes that all decoders hold on one device."""

    limit: int
    """What they may hold together."""
    held: int
    """Now."""
    held_max: int
    """The most since the limit was set."""


def set_memory_limit(
    limit: SupportsIndex | None,
    *,
    device: object = "auto",
    patience: float = 30.0,
) -> None:
    """Bounds what all decoders of this process hold on a device.

    Counted are decoded frames from their decoding until they are given out or
    freed, also those kept for later requests, batches in the making, NVDEC's
    sessions and memory kept idle; not the frames and batches that were given
    out, which are the caller's, nor what FFmpeg's decoders hold inside.

    Args:
        limit: bytes from 1; None is the default, three quarters of the device's memory
            (of the cgroup's, on the CPU).
        device: as for `VideoDecoder`; the host's memory is "cpu". `UnsupportedError`
            where there is no such GPU.
        patience: how many seconds a reading that may not begin waits while nobody gives
            memory back.

    Near the limit idle memory is freed, frames kept for later requests go, fewer
    jobs are decoded ahead and readings share what there is; every reading that
    began goes on. One that finds no room for a batch and a few frames waits for
    it; that is `OutOfMemoryError` where it waits in vain or where these alone are
    more than the limit. What is held when the limit is lowered goes as it is used up.
    """
    number = 0
    if limit is not None:
        number = arguments.integer("limit", limit, 1, 2**62)
    seconds = real("patience", patience)
    if math.isnan(seconds) or seconds < 0:
        raise ValueError(f"patience must be 0 or more seconds, got {patience}")
    _core.set_memory_limit(*_device(device), number, seconds)


def memory_usage(device: object = "auto") -> MemoryUsage:
    """What all decoders of this process hold on a device, and may hold.

    Args:
        device: as for `VideoDecoder`; the host's memory is "cpu".
    """
    return MemoryUsage(*_core.memory_usage(*_device(device)))


def _device(value: object) -> arguments.Device:
    wanted = arguments.device(value)
    if wanted.type != arguments.AUTO:
        check_gpu(wanted)
        return wanted
    count, _ = _core.cuda_device_count()
    kind = arguments.CUDA if count else arguments.CPU
    return arguments.Device(kind, wanted.id if count else 0)
