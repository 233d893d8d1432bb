"""What every peer of the benchmark can be asked for.

A peer decodes files to RGB in its own best documented setting. It gives batches:
an array or tensor of uint8 pictures, or a list of single pictures where the library
gives no batch. Its modules are imported when the object is made, not before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

BATCH = 32
Frames = Any
Size = tuple[int, int] | None  # height and width of the output; None: as coded


class UnsupportedError(Exception):
    """The library has no such call; the text says which."""


def chunks(items: Iterable[Any], size: int = BATCH) -> Iterator[list[Any]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def shrink(frames: Any, size: Size) -> Any:
    """NCHW tensors in another size, where the library's decoder has no resize."""
    if size is None:
        return frames
    from torch.nn.functional import interpolate

    small = interpolate(frames.float(), size, mode="bilinear", antialias=True)
    return small.round().byte()


class Peer(ABC):
    packages: tuple[str, ...]  # as the package index calls them
    order = "NHWC"
    device = "cpu"
    torch = True  # whether its frames are tensors
    setting = ""  # for the row's note

    @abstractmethod
    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        """Every frame, front to back."""

    def picked(self, path: str, numbers: list[int]) -> Iterator[Frames]:
        """The frames with these numbers, in this order, from the open on."""
        raise UnsupportedError("has no access by number")

    def sample(self, path: str, numbers: list[int], fps: float) -> Iterator[Frames]:
        """So many frames a second, which are those with these rising numbers."""
        return self.picked(path, numbers)

    def clips(self, paths: list[str]) -> Iterator[Frames]:
        """One file after the other."""
        for path in paths:
            yield from self.batches(path)

    def in_step(self, paths: list[str], batch: int) -> Iterator[list[Frames]]:
        """A batch of each file, then the next of each."""
        streams = [self.batches(path, batch=batch) for path in paths]
        return map(list, zip(*streams, strict=True))

    def small(self, path: str, size: tuple[int, int]) -> Iterator[Frames]:
        """Every frame as float16 from 0 to 1 in this size."""
        for frames in self.batches(path, size):
            if self.torch:
                yield frames.half() / 255
            else:
                yield frames.astype("float16") / 255

    def trim(self) -> None:  # noqa: B027
        """Gives back what is only kept for later, where the library can."""
