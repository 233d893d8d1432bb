"""The arguments of a `VideoDecoder`, checked, as it and the core take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gvdecode import _core, arguments
from gvdecode.errors import UnsupportedError
from gvdecode.output import Output, choose

__all__ = ["Settings", "check_gpu", "settle"]

ON_CORRUPT = ("keep", "skip", "raise")  # in the core's order


class Settings(NamedTuple):
    """All but the source and its index."""

    device: arguments.Device
    fallback: str
    output: Output
    rotate: bool
    stream: int  # or -1 for FFmpeg's best
    core: dict[str, Any]  # what is left, in the core's words


def settle(given: Mapping[str, Any]) -> Settings:
    """TypeError or ValueError names what is wrong."""
    choice, flag = arguments.choice, arguments.flag
    choice("seek_mode", given["seek_mode"], ("exact", "approximate"))
    arguments.optional("num_ffmpeg_threads", given["num_ffmpeg_threads"], 0, 0)
    output = choose(**{name: given[name] for name in Output._fields})
    device = arguments.device(given["device"])
    core = {
        "device_type": device.type,
        "device_id": device.id,
        "sessions": arguments.sessions(given["sessions"]),
        "memory_limit": arguments.optional(
            "memory_limit", given["memory_limit"], 1, 0, 2**63 - 1
        ),
        "allow_inexact": flag("allow_inexact", given["allow_inexact"]),
        "on_corrupt": ON_CORRUPT.index(
            choice("on_corrupt", given["on_corrupt"], ON_CORRUPT)
        ),
        "timeout": arguments.seconds("timeout", given["timeout"]),
        "protocols": arguments.protocols(given["protocols"]),
        "max_pixels": arguments.integer("max_pixels", given["max_pixels"], 1, 2**62),
        "follow": flag("follow", given["follow"]),
        "low_latency": arguments.is_low_latency(given["latency"], given["drop"]),
        "drop_oldest": given["drop"] is not None,
    }
    rotate = flag("apply_rotation", given["apply_rotation"])
    return Settings(
        device,
        choice("fallback", given["fallback"], ("warn", "error", "silent")),
        output,
        rotate and not output.native,
        arguments.optional("stream_index", given["stream_index"], 0, -1),
        core,
    )


def check_gpu(device: arguments.Device) -> None:
    """`UnsupportedError` where a GPU was asked for by name that is not there."""
    if device.type != arguments.CUDA:
        return
    count, reason = _core.cuda_device_count()
    if device.id >= count:
        reason = reason or f"there is no cuda:{device.id}, this machine has {count}"
        raise UnsupportedError(f"no CUDA device: {reason}")
