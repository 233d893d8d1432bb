"""Which frames a caller means by number."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sized
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeAlias

from gvdecode.lazy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray


__all__ = ["Numbers", "between", "is_iterable", "many", "one", "spread"]

Numbers: TypeAlias = "NDArray[np.int64]"


def one(value: SupportsIndex, count: int) -> int:
    """A frame's number, 0 to count - 1, from anything with `__index__`."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        index = operator.index(value)
    except TypeError:
        several = isinstance(value, Sized) and not isinstance(value, (str, bytes))
        hint = "; get_frames_at takes several" if several else ""
        raise _not_a_number(f"{type(value).__name__}{hint}") from None
    if not -count <= index < count:
        raise IndexError(f"frame {index} is out of range: {_valid(count)}")
    return index + count if index < 0 else index


def _not_a_number(kind: object) -> TypeError:
    return TypeError(f"a frame's number must be an int, got {kind}")


def _valid(count: int) -> str:
    if count == 0:
        return "the video has no frames"
    return f"the video has {count} frame{'s'[: count > 1]}, 0 to {count - 1}"


def is_iterable(value: Any) -> bool:
    """Sequences that only have `__getitem__` are, too."""
    try:
        iter(value)
    except TypeError:
        return False
    return True


def many(values: Iterable[Any], count: int) -> Numbers:
    """The numbers of a list, a range, an array or a CPU tensor, in its order."""
    if isinstance(values, (str, bytes, bytearray)):
        raise _not_a_number(type(values).__name__)
    if not hasattr(values, "__array__"):
        if not is_iterable(values):
            raise TypeError(
                "indices must be frame numbers, as in a list, got "
                f"{type(values).__name__}; get_frame_at takes one"
            )
        return np.array([one(value, count) for value in values], dtype=np.int64)
    array: NDArray[Any] = np.asarray(values)
    if array.ndim != 1:
        raise TypeError(
            f"frame numbers must have one dimension, got an array of {array.ndim}"
        )
    if array.dtype.kind == "O" or array.size == 0:
        return np.array([one(value, count) for value in array], dtype=np.int64)
    if array.dtype.kind not in "iu":
        raise _not_a_number(array.dtype)
    for extreme in (array.min(), array.max()):
        one(extreme, count)
    found = array.astype(np.int64, order="C")
    found[found < 0] += count
    return found


def between(
    start: SupportsIndex | None,
    stop: SupportsIndex | None,
    step: SupportsIndex | None,
    count: int,
) -> Numbers:
    """The numbers that a slice of a list of `count` items takes."""
    return np.arange(*slice(start, stop, step).indices(count), dtype=np.int64)


def spread(wanted: int, count: int) -> Numbers:
    """`wanted` numbers, evenly from the first frame to the last."""
    if count == 0:
        return np.empty(0, dtype=np.int64)
    return np.linspace(0, count - 1, wanted).round().astype(np.int64)
