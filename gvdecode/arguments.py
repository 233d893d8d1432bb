"""Turns a caller's arguments into the core's, or says what is wrong."""

from __future__ import annotations

import importlib.util
import io
import math
import operator
import os
import re
import sys
from collections.abc import Iterable
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NamedTuple,
    Protocol,
    SupportsFloat,
    SupportsIndex,
    TypeAlias,
)

from gvdecode.lazy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CPU = 1  # DLPack's device types
CUDA = 2
AUTO = 0
MAX_PIXELS = 2**27  # of a picture, unless more are asked for

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_DEVICES = '"auto", "cpu", "cuda", "cuda:N", an int N or a torch.device'


class Device(NamedTuple):
    """A device type of DLPack's, or AUTO, and a number."""

    type: int
    id: int


class Readable(Protocol):
    """A file opened in binary mode, or what reads like one."""

    def read(self, size: int, /) -> bytes: ...


class HostTensor(Protocol):
    """One dimension of uint8, as a torch tensor."""

    def __dlpack__(self) -> object: ...


VideoSource: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | NDArray[np.uint8]"
    " | HostTensor | Readable"
)


class Source(NamedTuple):
    """What is opened: a path or a URL, or an object in its place."""

    url: bytes  # or what to call the object
    is_url: bool
    data: object = None  # bytes-like, or with `read`

    @property
    def name(self) -> str:
        return os.fsdecode(self.url)

    @property
    def is_lasting(self) -> bool:
        """Whether it can be opened again beside the first opening."""
        if self.data is not None:
            return not hasattr(self.data, "read")
        return self.is_url or not os.path.exists(self.url) or os.path.isfile(self.url)


def source(value: object) -> Source:
    """The source that the value is, or TypeError."""
    if isinstance(value, str) and _URL.match(value):
        if not value.lower().startswith("file://"):
            return Source(value.encode(), True)
        host, slash, path = value[len("file://") :].partition("/")
        if host not in ("", "localhost"):
            raise ValueError(f"{value}: a file: URL must be of this machine")
        return Source(_unquote(slash + path), False)
    if isinstance(value, (str, os.PathLike)):
        return Source(_absolute(os.fsencode(value)), False)
    return _object_source(value)


def _absolute(path: bytes) -> bytes:
    """The same file still where the working directory is another one."""
    return os.path.join(os.getcwdb(), path) if path else path


def _names_a_file(value: bytes) -> bool:
    return b"\0" not in value and os.path.isfile(value)


def _unquote(path: str) -> bytes:
    from urllib.parse import unquote_to_bytes  # rarely needed and slow to import

    return unquote_to_bytes(os.fsencode(path))


def _object_source(value: object) -> Source:
    if isinstance(value, bytes) and len(value) < 1024 and _names_a_file(value):
        raise TypeError(
            f"source is bytes, which would be a file's content, but names the file "
            f"{os.fsdecode(value)}: pass it as a str or os.PathLike"
        )
    try:
        view = memoryview(_buffer(value))
    except TypeError:
        if isinstance(value, io.TextIOBase) or not callable(
            getattr(value, "read", None)
        ):
            raise TypeError(
                "source must be a path or URL (a str or os.PathLike), bytes-like, or "
                "an object with read(), such as a file opened in binary mode; got "
                f"{type(value).__name__}"
            ) from None
        name = getattr(value, "name", None)
        said = f" {name!r}" if isinstance(name, (str, bytes)) else ""
        return Source(f"<{type(value).__name__}{said}>".encode(), False, value)
    if view.itemsize != 1 or not view.c_contiguous:
        raise TypeError(
            "source must be contiguous bytes; this "
            f"{type(value).__name__} has elements of format {view.format!r} and "
            f"strides {view.strides}"
        )
    return Source(f"<{view.nbytes} bytes>".encode(), False, view.cast("B"))


def _buffer(value: Any) -> Any:
    """The value, or the memory of a tensor that knows no other way."""
    if not hasattr(value, "__dlpack__") or isinstance(value, np.ndarray):
        return value
    try:
        return np.from_dlpack(value)
    except (BufferError, RuntimeError) as error:
        raise TypeError(f"source must be memory of the CPU: {error}") from error


def protocols(value: object) -> str | None:
    """FFmpeg's names with commas in between, as the core takes them."""
    if value is None:
        return None
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Iterable):
        raise TypeError(
            f"protocols must be None, a name or several, got {type(value).__name__}"
        )
    names = list(names)
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9]*", name):
            raise ValueError(
                'protocols must be names of FFmpeg\'s protocols, like "https" or '
                f'"file", got {name!r}'
            )
    if not names or sum(len(name) + 1 for name in names) > 100:
        raise ValueError(f"protocols must be one to a dozen names, got {len(names)}")
    return ",".join(names)


def seconds(name: str, value: SupportsFloat | None) -> float:
    """A time above 0; None is 0, no limit."""
    if value is None:
        return 0.0
    if isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be None or seconds, got {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not 0 < number < 1e9:
        raise ValueError(f"{name} must be above 0 seconds, got {number}")
    return number


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
    if isinstance(value, Device):
        return value
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


def optional(
    name: str,
    value: SupportsIndex | None,
    low: int,
    missing: int,
    high: int = 2**31 - 1,
) -> int:
    """A whole number in low..high, or what stands for None."""
    return missing if value is None else integer(name, value, low, high)


def flag(name: str, value: object) -> bool:
    """True or False, NumPy's too, or 1 or 0."""
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if type(value).__name__ in ("bool", "bool_") and hasattr(value, "item"):
        return bool(value)
    raise TypeError(f"{name} must be True or False, got {value!r}")


def is_low_latency(latency: str, drop: str | None) -> bool:
    """Whether `latency` is "low", which `drop` needs."""
    low = choice("latency", latency, ("normal", "low")) == "low"
    if drop is not None:
        choice("drop", drop, ("oldest",))
        if not low:
            raise ValueError(f'drop={drop!r} is for latency="low"')
    return low


def sessions(value: SupportsIndex | Literal["auto"]) -> int:
    """1 to 64, or 0 for "auto"."""
    if isinstance(value, str):
        if value != "auto":
            raise ValueError(f'sessions must be "auto" or an int from 1, got {value!r}')
        return 0
    return integer("sessions", value, 1, 64)
