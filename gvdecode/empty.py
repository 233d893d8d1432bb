"""The pixels of a batch without frames."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from gvdecode.arguments import CPU
from gvdecode.lazy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Empty"]

_TYPESTRS = {"uint8": "|u1", "uint16": "<u2", "float16": "<f2", "float32": "<f4"}


class Empty:
    """What `_core.Tensor` is for some frames: shape (0, ...), no memory."""

    data_ptr = 0
    nbytes = 0

    def __init__(
        self, shape: tuple[int, ...], device: tuple[int, int], dtype: str = "uint8"
    ) -> None:
        self.shape = shape
        self.device = device
        self.dtype = dtype

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        if self.device[0] == CPU:
            raise AttributeError("the pixels are in host memory")
        if self.dtype not in _TYPESTRS:
            raise AttributeError(
                f"__cuda_array_interface__ has no {self.dtype}: use DLPack"
            )
        typestr = _TYPESTRS[self.dtype]
        return {
            "shape": self.shape,
            "typestr": typestr,
            "data": (0, False),
            "version": 3,
        }

    def __buffer__(self, flags: int, /) -> memoryview:
        if self.device[0] != CPU:
            raise BufferError("the tensor is in GPU memory: numpy() copies it")
        if self.dtype not in _TYPESTRS:
            raise BufferError(f"the buffer protocol has no {self.dtype}")
        return memoryview(self.numpy())  # type: ignore[arg-type]

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> object:
        """Nothing to wait for or to copy; on a GPU and of bfloat16 it takes torch."""
        wanted = self.device if dl_device is None else dl_device
        if wanted[0] == CPU and self.dtype in _TYPESTRS:
            return self.numpy().__dlpack__()
        torch = sys.modules.get("torch")
        if torch is None or wanted not in ((CPU, 0), self.device):
            raise BufferError(
                "an empty batch on a GPU or of bfloat16 is made by torch, on its own "
                "device, where torch is imported: take .numpy() or "
                "__cuda_array_interface__"
            )
        device = "cpu" if wanted[0] == CPU else f"cuda:{wanted[1]}"
        dtype = getattr(torch, self.dtype)
        tensor = torch.empty(self.shape, dtype=dtype, device=device)
        return tensor.__dlpack__(stream=None if wanted[0] == CPU else -1)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device

    def numpy(self) -> NDArray[Any]:
        if self.dtype not in _TYPESTRS:
            raise TypeError(
                f"NumPy has no {self.dtype}: take .torch(), or decode with "
                'dtype="float16"'
            )
        return np.empty(self.shape, dtype=self.dtype)

    def select(self, index: int, /) -> Empty:
        raise IndexError(index)
