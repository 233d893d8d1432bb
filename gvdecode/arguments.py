"""Turns a caller's arguments into the core's, or says what is wrong."""

from __future__ import annotations

import importlib.util
import operator
import os
import re
import sys
from typing import NamedTuple, SupportsIndex

CPU = 1  # DLPack's device types
CUDA = 2
AUTO = 0

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_DEVICES = '"auto", "cpu", "cuda", "cuda:N", an int N or a torch.device'


class Device(NamedTuple):
    """A device type of DLPack's, or AUTO, and a number."""

    type: int
    id: int


def source_url(source: object) -> tuple[bytes, bool]:
    """The bytes to open, and whether they are a URL."""
    if isinstance(source, str) and _URL.match(source):
        return source.encode(), True
    if isinstance(source, (str, os.PathLike)):
        return os.fsencode(source), False
    raise TypeError(
        "source must be a path or a URL, a str or an os.PathLike: bytes and file "
        f"objects cannot be read yet, got {type(source).__name__}"
    )


def certificates() -> str | None:
    """The file of certificates that https is verified with."""
    import ssl

    file: str | None = ssl.get_default_verify_paths().cafile
    if file is None and importlib.util.find_spec("certifi"):
        file = importlib.import_module("certifi").where()
    return file


def _current_gpu() -> int:
    """The GPU that "cuda" means: torch's current one, where torch uses GPUs."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    if cuda is None or not cuda.is_initialized():
        return 0
    return int(cuda.current_device())


def device(value: object) -> Device:
    """The device of a str, an int or an object like a torch.device."""
    kind, index = _device_parts(value)
    if kind == "cpu":
        return Device(CPU, 0)
    if kind not in ("auto", "cuda") or (index is not None and index < 0):
        raise _bad_device(value)
    return Device(
        CUDA if kind == "cuda" else AUTO, _current_gpu() if index is None else index
    )


def _device_parts(value: object) -> tuple[str, int | None]:
    if isinstance(value, int) and not isinstance(value, bool):
        return "cuda", value
    if isinstance(value, str):
        kind, colon, digits = value.partition(":")
        if not colon:
            return kind, None
        if not re.fullmatch(r"[0-9]{1,4}", digits) or kind == "auto":
            raise _bad_device(value)
        return kind, int(digits)
    name, index = getattr(value, "type", None), getattr(value, "index", None)
    if isinstance(name, str) and isinstance(index, int | None):
        return name, index
    raise TypeError(f"device must be {_DEVICES}, got {type(value).__name__}")


def _bad_device(value: object) -> ValueError:
    return ValueError(f"device must be {_DEVICES}, got {str(value)!r}")


def choice(name: str, value: object, valid: tuple[str, ...]) -> str:
    """One of a few words."""
    if isinstance(value, str) and value in valid:
        return value
    words = ", ".join(f'"{word}"' for word in valid)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {words}, got {type(value).__name__}")
    raise ValueError(f"{name} must be one of {words}, got {value!r}")


def integer(name: str, value: SupportsIndex, low: int, high: int = 2**31 - 1) -> int:
    """A whole number in low..high, from anything with `__index__`."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an int, got {type(value).__name__}") from None
    if not low <= number <= high:
        raise ValueError(f"{name} must be {low} to {high}, got {number}")
    return number
