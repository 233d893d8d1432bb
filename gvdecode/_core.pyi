"""The binding of the C core, written in csrc/python. Not for users."""

from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

_Pair: TypeAlias = tuple[int, int]

@final
class Reader:
    def __new__(
        cls,
        url: bytes,
        source: object,
        *,
        stream_index: int,
        device_type: int,
        device_id: int,
        output: dict[str, object],
        sessions: int,
        memory_limit: int,
        apply_rotation: bool,
        allow_inexact: bool,
        on_corrupt: int,
        protocols: str | None,
        ca_file: bytes | str | None,
        timeout: float,
        max_pixels: int,
        follow: bool,
        low_latency: bool,
        drop_oldest: bool,
    ) -> Reader: ...
    @property
    def media(self) -> dict[str, Any]: ...
    @property
    def time_base(self) -> _Pair: ...
    @property
    def device(self) -> _Pair: ...
    @property
    def backend(self) -> str: ...
    @property
    def fallback_reason(self) -> str | None: ...
    @property
    def index(self) -> Index | None: ...
    def build_index(self, timeout_ms: int, /) -> bool: ...
    def set_index(self, index: Index, /) -> None: ...
    def open_pass(
        self,
        batch_size: int,
        numbers: NDArray[np.int64] | None = None,
        extra: _Pair = (0, 0),
        out: object = None,
        one: bool = False,
        /,
    ) -> Pass: ...
    def check_out(self, out: object, /) -> None: ...
    def shape(self, count: int, /) -> tuple[int, int, int, int]: ...
    def streams(self) -> list[dict[str, Any]]: ...
    def close(self) -> None: ...

@final
class Index:
    @property
    def frame_count(self) -> int: ...
    @property
    def packet_count(self) -> int: ...
    @property
    def job_count(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def counted(self) -> bool: ...
    @property
    def end(self) -> int | None: ...
    def pts(self) -> NDArray[np.int64]: ...
    def key_frames(self) -> NDArray[np.int64]: ...
    def state(self) -> dict[str, Any]: ...
    @staticmethod
    def from_state(state: dict[str, Any], /) -> Index: ...

@final
class Pass:
    def next_batch(self) -> tuple[Tensor | None, tuple[Frame, ...]] | None: ...
    def failed(self) -> bool: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...
    def stats(self) -> dict[str, Any]: ...

@final
class Tensor:
    """An array of samples in host or GPU memory, as in `Frame.planes`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Elements in each dimension; of a plane (rows, columns)."""
    @property
    def strides(self) -> tuple[int, ...]:
        """Elements from one to the next in each dimension."""
    @property
    def dtype(self) -> str:
        """ "uint8", "float16" ..."""
    @property
    def device(self) -> _Pair:
        """DLPack's (device type, number)."""
    @property
    def data_ptr(self) -> int:
        """Address of the first element."""
    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Version 3; the legacy default stream is made to wait."""
    def __buffer__(self, flags: int, /) -> memoryview:
        """The elements on the CPU; BufferError on a GPU and of bfloat16."""
    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: _Pair | None = None,
        dl_device: _Pair | None = None,
        copy: bool | None = None,
    ) -> object:
        """A DLPack capsule of this memory; `Frame.__dlpack__` tells more."""
    def __dlpack_device__(self) -> _Pair:
        """DLPack's (device type, number)."""
    def numpy(self) -> NDArray[Any]:
        """A NumPy array: on the CPU the same memory, from a GPU a copy."""
    def slice(self, start: int, count: int, /) -> Tensor:
        """Some pictures in a row, a view."""

    def select(self, index: int, /) -> Tensor:
        """The part at an index of the first dimension, in the same memory."""

@final
class Frame:
    @property
    def number(self) -> int | None: ...
    @property
    def pts(self) -> int | None: ...
    @property
    def duration(self) -> int: ...
    @property
    def key(self) -> bool: ...
    @property
    def corrupt(self) -> bool: ...
    @property
    def picture_type(self) -> str: ...
    @property
    def interlaced(self) -> bool: ...
    @property
    def top_field_first(self) -> bool: ...
    @property
    def backend(self) -> str: ...
    @property
    def pixel_format(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def planes(self) -> tuple[Tensor, ...]: ...

def trim() -> None:
    """Frees every idle decoding session and all memory that is kept for later."""

def set_memory_limit(
    device_type: int, device_id: int, limit: int, patience: float, /
) -> None: ...
def memory_usage(device_type: int, device_id: int, /) -> tuple[int, int, int]: ...
def log_drain() -> list[tuple[int, str]]: ...
def cuda_device_count() -> tuple[int, str | None]: ...
def cuda_driver_version() -> int: ...
def cuda_describe(index: int, /) -> dict[str, Any]: ...
def libav_version() -> str: ...
