"""The pixels of a batch without frames."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from gvdecode.arguments import CPU
from gvdecode.lazy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Empty"]


class Empty:
    """What `_core.Tensor` is for some frames: shape (0, ...), uint8, no memory."""

    dtype = "uint8"
    data_ptr = 0
    nbytes = 0

    def __init__(self, shape: tuple[int, ...], device: tuple[int, int]) -> None:
        self.shape = shape
        self.device = device

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        if self.device[0] == CPU:
            raise AttributeError("the pixels are in host memory")
        return {"shape": self.shape, "typestr": "|u1", "data": (0, False), "version": 3}

    def __buffer__(self, flags: int, /) -> memoryview:
        if self.device[0] != CPU:
            raise BufferError("the tensor is in GPU memory: numpy() copies it")
        return memoryview(self.numpy())  # type: ignore[arg-type]

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> object:
        """Nothing to wait for or to copy; on a GPU it takes torch."""
        wanted = self.device if dl_device is None else dl_device
        if wanted[0] == CPU:
            return self.numpy().__dlpack__()
        torch = sys.modules.get("torch")
        if torch is None or wanted != self.device:
            raise BufferError(
                "an empty batch on a GPU is made by torch, on its own device, where "
                "torch is imported: take .numpy() or __cuda_array_interface__"
            )
        device = f"cuda:{self.device[1]}"
        tensor = torch.empty(self.shape, dtype=torch.uint8, device=device)
        return tensor.__dlpack__(stream=-1)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device

    def numpy(self) -> NDArray[np.uint8]:
        return np.empty(self.shape, dtype=np.uint8)

    def select(self, index: int, /) -> Empty:
        raise IndexError(index)
