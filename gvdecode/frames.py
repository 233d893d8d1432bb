"""What a decoder gives: one picture, or a batch of them."""

from __future__ import annotations

import importlib
import operator
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex, overload

from gvdecode import _core
from gvdecode.empty import Empty
from gvdecode.errors import UnsupportedError
from gvdecode.lazy import np
from gvdecode.output import Output
from gvdecode.times import seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Frame", "FrameBatch"]

_CPU = 1  # DLPack's device type


def device_name(pair: tuple[int, int]) -> str:
    """ "cpu", or "cuda:0" and so on."""
    return "cpu" if pair[0] == _CPU else f"cuda:{pair[1]}"


class _Pixels:
    """The ways out of one core tensor, the same for a frame and for a batch.

    The memory is writable and lives as long as anything that was made from it,
    also after the decoder is closed.
    """

    __slots__ = ("__weakref__", "_tensor")

    def __init__(self, tensor: _core.Tensor | Empty | None) -> None:
        self._tensor = tensor

    def _pixels(self) -> _core.Tensor | Empty:
        if self._tensor is None:
            raise UnsupportedError(
                "native frames are no single array: take the arrays of frame.planes, "
                'or decode with pixel_format="rgb24"'
            )
        return self._tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return self._pixels().shape

    @property
    def dtype(self) -> str:
        """ "uint8", "uint16", "float16", "bfloat16" or "float32"."""
        return self._pixels().dtype

    @property
    def device(self) -> str:
        """ "cpu", or "cuda:0" and so on."""
        return device_name(self._pixels().device)

    @property
    def data(self) -> Any:
        """The pixels without a copy, made anew at each access.

        A torch tensor where torch is imported; else a NumPy array on the CPU,
        and on the GPU this object itself, for any library that knows DLPack.
        """
        if hasattr(sys.modules.get("torch"), "from_dlpack"):
            return self.torch()
        tensor = self._pixels()
        return tensor.numpy() if tensor.device[0] == _CPU else self

    def numpy(self) -> NDArray[Any]:
        """A NumPy array: on the CPU the same memory, from the GPU a copy.

        The copy waits until the pixels are ready.

        Raises:
            TypeError: of bfloat16, which NumPy does not have.
            UnsupportedError: of native frames, which are no single array.
        """
        return self._pixels().numpy()

    def torch(self) -> Any:
        """A torch tensor of the same memory, ready on torch's current stream.

        Work on other streams must be made to wait for that stream, as with any
        tensor of torch's own.
        """
        return importlib.import_module("torch").from_dlpack(self)

    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule; `stream` waits for the pixels, the host does not.

        On the GPU `stream` is None or 1 (the legacy default stream), 2 (the
        per-thread one), -1 (no ordering) or a stream's address. A copy to host
        memory is made for `dl_device=(1, 0)`. What cannot be done without a
        copy that `copy` forbids is BufferError, a stream 0 ValueError.
        """
        return self._pixels().__dlpack__(
            stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} cannot be pickled or copied: its memory may be a "
            "GPU's; take its .data, .torch() or .numpy()"
        )

    def __dlpack_device__(self) -> tuple[int, int]:
        """DLPack's (device type, number): (1, 0) is the CPU, (2, n) is cuda:n."""
        return self._pixels().__dlpack_device__()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Version 3, on a GPU; the legacy default stream waits for the pixels.

        There is none on the CPU and of bfloat16: AttributeError.
        """
        return self._pixels().__cuda_array_interface__

    def __buffer__(self, flags: int, /) -> memoryview:
        """The pixels on the CPU, from Python 3.12 on; BufferError on a GPU and of
        bfloat16."""
        return memoryview(self._pixels())

    def __array__(
        self, dtype: object = None, copy: bool | None = None
    ) -> NDArray[np.generic]:
        """For `np.asarray`, on the CPU; TypeError on a GPU."""
        if self._pixels().device[0] != _CPU:
            raise TypeError("the pixels are on the GPU: .numpy() copies them")
        array: NDArray[Any] = self.numpy()
        if dtype is not None and np.dtype(dtype) != array.dtype:  # type: ignore[call-overload]
            if copy is False:
                raise ValueError(f"a change to {dtype} needs a copy")
            return array.astype(dtype)  # type: ignore[call-overload, no-any-return]
        return array.copy() if copy else array


class Frame(_Pixels):
    """One shown picture and its facts.

    Shape (C, H, W), or (H, W, C) with `dimension_order="NHWC"`: C is 3, of
    "gray8" 1. Of the `dtype` that was asked for.
    Native: `planes`, each with an array of its own.
    """

    __slots__ = ("_frame", "_output", "_time_base")

    def __init__(
        self,
        frame: _core.Frame,
        tensor: _core.Tensor | Empty | None,
        time_base: tuple[int, int],
        output: Output,
    ) -> None:
        super().__init__(tensor)
        self._frame = frame
        self._time_base = time_base
        self._output = output

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array; of a native frame (H, W)."""
        if self._tensor is None:
            return (self.height, self.width)
        return self._tensor.shape

    @property
    def dtype(self) -> str:
        """As asked for; of a native frame "uint16" where samples have more bits
        than "uint8"."""
        return (self._tensor or self.planes[0]).dtype

    @property
    def device(self) -> str:
        """ "cpu", or "cuda:0" and so on."""
        return device_name((self._tensor or self.planes[0]).device)

    @property
    def width(self) -> int:
        """Pixels, of the picture as it is given: turned, cropped, resized and
        padded; of a native frame as it is coded."""
        if self._tensor is None:
            return self._frame.width
        return self.shape[1 if self._output.dimension_order == "NHWC" else 2]

    @property
    def height(self) -> int:
        """Pixels, as `width`."""
        if self._tensor is None:
            return self._frame.height
        return self.shape[0 if self._output.dimension_order == "NHWC" else 1]

    @property
    def pixel_format(self) -> str:
        """ "rgb24", "bgr24" or "gray8" as asked for, or of a native frame
        FFmpeg's planar name: "yuv420p" ..."""
        if self._tensor is None:
            return self._frame.pixel_format
        return self._output.pixel_format

    @property
    def planes(self) -> tuple[_core.Tensor, ...]:
        """The planes Y, U, V of a native frame; of any other none.

        Each has shape (rows, columns), uint8 or uint16 with the sample in the
        low bits, and is possibly strided. It knows DLPack, `.numpy()` and, on
        the CPU, the buffer protocol: `np.asarray(plane)` takes no copy.
        """
        return self._frame.planes if self._tensor is None else ()

    @property
    def number(self) -> int | None:
        """Which it is in presentation order, from 0; None where that is not known.

        Packets that gave no frame (`stats.lost_packets`) have a number all the same,
        so reading in order passes it over, wherever the index takes packets for
        frames; where damage keeps it from that, they may have none. With
        `latency="low"` the frames that come are counted.
        """
        return self._frame.number

    @property
    def pts(self) -> int | None:
        """When it is shown, in the stream's time base; None where that is not told."""
        return self._frame.pts

    @property
    def pts_seconds(self) -> float:
        """When it is shown; nan where the stream does not tell."""
        return seconds(self._frame.pts, self._time_base)

    @property
    def duration(self) -> int:
        """How long it is shown, in the stream's time base; 0 where not told."""
        return self._frame.duration

    @property
    def duration_seconds(self) -> float:
        """How long it is shown; 0 where the stream does not tell."""
        return seconds(self._frame.duration, self._time_base)

    @property
    def time_base(self) -> Fraction:
        """Seconds of one count of `pts` and `duration`."""
        return Fraction(*self._time_base)

    @property
    def key_frame(self) -> bool:
        """Whether it was decoded from a key packet."""
        return self._frame.key

    @property
    def corrupt(self) -> bool:
        """Whether the decoder concealed damage in it.

        On the CPU, damage in a frame that was asked for by number may go untold with
        `on_corrupt="keep"`, never with "raise" or "skip".
        """
        return self._frame.corrupt

    @property
    def picture_type(self) -> str | None:
        """ "I", "P" or "B"; None where the decoder does not tell."""
        return self._frame.picture_type or None

    @property
    def field_order(self) -> str:
        """ "progressive", or of woven fields "tt" (top first) or "bb"."""
        return _field_order(self._frame)

    @property
    def backend(self) -> str:
        """ "nvdec" or "cpu": what decoded this frame."""
        return self._frame.backend

    def __iter__(self) -> Iterator[Any]:
        """For `data, pts_seconds, duration_seconds = frame`."""
        return iter((self.data, self.pts_seconds, self.duration_seconds))

    def _repr_png_(self) -> bytes | None:
        from gvdecode import pictures  # only notebooks need it

        return pictures.png_of(self)

    def __repr__(self) -> str:
        return (
            f"<gvdecode.Frame {self.pixel_format} shape={self.shape} "
            f"device={self.device!r} pts_seconds={self.pts_seconds:.6g}>"
        )


class FrameBatch(_Pixels):
    """Frames in one array, with the facts of each.

    Shape (N, C, H, W), or (N, H, W, C) with `dimension_order="NHWC"`, contiguous:
    C is 3, of "gray8" 1. Of the `dtype` that was asked for. `batch[i]` and
    iteration give frames that share its memory, `batch[a:b]` a batch that does.
    A native batch is only a sequence of frames, whose sizes may differ.
    """

    __slots__ = ("_frames", "_output", "_time_base")

    def __init__(
        self,
        tensor: _core.Tensor | Empty | None,
        frames: tuple[_core.Frame, ...],
        time_base: tuple[int, int],
        output: Output,
    ) -> None:
        super().__init__(tensor)
        self._frames = frames
        self._time_base = time_base
        self._output = output

    def __len__(self) -> int:
        """How many frames."""
        return len(self._frames)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> FrameBatch: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Frame | FrameBatch:
        """One frame, or `batch[a:b]`, in the same memory.

        IndexError where there is no such frame, ValueError for a step that is not 1.
        """
        if isinstance(index, slice):
            return self._part(*index.indices(len(self)))
        at = operator.index(index)
        if not -len(self) <= at < len(self):
            raise IndexError(f"frame {at} of a batch of {len(self)}")
        at %= len(self)
        tensor = self._tensor.select(at) if self._tensor else None
        return Frame(self._frames[at], tensor, self._time_base, self._output)

    def _part(self, start: int, stop: int, step: int) -> FrameBatch:
        if step != 1:
            raise ValueError(f"a batch is cut in steps of 1, got {step}: cut its .data")
        frames, tensor = self._frames[start:stop], self._tensor
        if isinstance(tensor, _core.Tensor) and frames:
            tensor = tensor.slice(start, len(frames))
        elif tensor:
            tensor = Empty((0, *tensor.shape[1:]), tensor.device, tensor.dtype)
        return FrameBatch(tensor, frames, self._time_base, self._output)

    def __iter__(self) -> Iterator[Frame]:
        """The frames one by one."""
        return (self[i] for i in range(len(self)))

    @property
    def number(self) -> list[int | None]:
        """Which each is in presentation order, from 0; None where not known."""
        return [frame.number for frame in self._frames]

    @property
    def pts(self) -> list[int | None]:
        """When each frame is shown, in the stream's time base."""
        return [frame.pts for frame in self._frames]

    @property
    def pts_seconds(self) -> NDArray[np.float64]:
        """When each frame is shown, shape (N,); nan where it is not known."""
        return self._times([frame.pts for frame in self._frames])

    @property
    def duration_seconds(self) -> NDArray[np.float64]:
        """How long each frame is shown, shape (N,); 0 where it is not known."""
        return self._times([frame.duration for frame in self._frames])

    def _times(self, counts: list[int | None]) -> NDArray[np.float64]:
        each = [seconds(count, self._time_base) for count in counts]
        return np.array(each, dtype=np.float64)

    @property
    def key_frame(self) -> list[bool]:
        """Whether each frame was decoded from a key packet."""
        return [frame.key for frame in self._frames]

    @property
    def corrupt(self) -> list[bool]:
        """Whether the decoder concealed damage in each frame."""
        return [frame.corrupt for frame in self._frames]

    @property
    def picture_type(self) -> list[str | None]:
        """ "I", "P" or "B" of each frame; None where the decoder does not tell."""
        return [frame.picture_type or None for frame in self._frames]

    @property
    def field_order(self) -> list[str]:
        """ "progressive", "tt" or "bb" of each frame."""
        return [_field_order(frame) for frame in self._frames]

    @property
    def backend(self) -> list[str]:
        """What decoded each frame: "nvdec" or "cpu"."""
        return [frame.backend for frame in self._frames]

    @property
    def pixel_format(self) -> str:
        """ "rgb24", "bgr24" or "gray8" as asked for, or of native frames
        FFmpeg's planar name: "yuv420p" ...

        That of the first; a native batch without frames has none, "".
        """
        if self._tensor:
            return self._output.pixel_format
        return self._frames[0].pixel_format if self._frames else ""

    def _repr_html_(self) -> str | None:
        from gvdecode import pictures

        return pictures.strip_of(self)

    def __repr__(self) -> str:
        what = (
            f"shape={self.shape} device={self.device!r}" if self._tensor else "native"
        )
        return f"<gvdecode.FrameBatch of {len(self)} {what}>"


def _field_order(frame: _core.Frame) -> str:
    if not frame.interlaced:
        return "progressive"
    return "tt" if frame.top_field_first else "bb"
