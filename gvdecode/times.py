"""When frames are shown: the one place where counts become seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, SupportsFloat

from gvdecode.frame_numbers import Numbers, is_iterable
from gvdecode.lazy import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NO_PTS", "Times", "real", "seconds", "seconds_of"]

NO_PTS = -(2**63)  # the core's "not known"


def seconds(count: int | None, time_base: tuple[int, int]) -> float:
    """A count of the time base as seconds; None is nan."""
    if count is None:
        return math.nan
    return count * time_base[0] / time_base[1]


def seconds_of(counts: Numbers, time_base: tuple[int, int]) -> NDArray[np.float64]:
    """`seconds` of each, with the same bits; `NO_PTS` is nan."""
    num, den = time_base
    largest = 2**53 // max(num, 1)  # up to there float64 holds the product
    if np.all((counts >= -largest) & (counts <= largest)):
        return counts * np.float64(num) / np.float64(den)
    each = (None if count == NO_PTS else count for count in counts.tolist())
    return np.array([seconds(count, time_base) for count in each], dtype=np.float64)


def real(name: str, value: SupportsFloat) -> float:
    """A number from anything with `__float__`, a 0-d array or tensor too."""
    if isinstance(value, (str, bytes)) or not (
        hasattr(value, "__float__") or hasattr(value, "__index__")
    ):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is too large for a float64") from None
    except (TypeError, ValueError) as error:  # arrays of several numbers
        raise TypeError(f"{name} must be a number: {error}") from None


def frame_rate(value: SupportsFloat) -> float:
    fps = real("fps", value)
    if not 0 < fps < math.inf:
        raise ValueError(f"fps must be above 0 and finite, got {fps}")
    return fps


def _count(seconds: float, fps: float) -> float:
    """How many times a rate gives; those of no video are more than a billion."""
    count = seconds * fps
    if count > 1e9:
        raise ValueError(f"fps {fps} gives {count:.3g} times in {seconds:.6g} s")
    return count


class Times:
    """The times of the frames of a video, which rise, and its end; seconds."""

    def __init__(self, begins: NDArray[np.float64], end: float) -> None:
        self._begins = begins
        self.begin = float(begins[0]) if len(begins) else math.nan
        self.end = end

    def at(self, value: SupportsFloat) -> int:
        """The frame that is shown then; IndexError before the first and from the
        end on."""
        time = real("seconds", value)
        self._check_shown(np.array([time]))
        return int(self._shown(time))

    def at_each(self, values: Iterable[Any]) -> Numbers:
        """The frame that is shown at each time, in their order."""
        if isinstance(values, (str, bytes)):
            raise TypeError(f"seconds must be numbers, got {type(values).__name__}")
        if not is_iterable(values):
            raise TypeError(
                f"seconds must be several, as in a list, got {type(values).__name__}; "
                "get_frame_played_at takes one"
            )
        times = np.array([real("seconds", value) for value in values], dtype=float)
        self._check_shown(times)
        return self._shown(times)

    def between(
        self,
        start: SupportsFloat,
        stop: SupportsFloat,
        fps: SupportsFloat | None = None,
    ) -> Numbers:
        """The frames that are shown from `start` up to `stop`, or, with `fps`,
        those at start + k / fps."""
        first, last = real("start_seconds", start), real("stop_seconds", stop)
        rate = None if fps is None else frame_rate(fps)
        self._check_range(first, last)
        if first == last:
            return np.empty(0, dtype=np.int64)
        if rate is not None:
            count = round(_count(last - first, rate))
            return self._shown(first + np.arange(count) / rate)
        behind = int(np.searchsorted(self._begins, last, side="left"))
        return np.arange(int(self._shown(first)), behind, dtype=np.int64)

    def every(self, fps: SupportsFloat) -> Numbers:
        """The frames `between` the begin and the end, at a rate."""
        if not len(self._begins):
            frame_rate(fps)
            return np.empty(0, dtype=np.int64)
        return self.between(self.begin, self.end, fps)

    def sampled(self, fps: SupportsFloat) -> Numbers:
        """The frames that are shown at begin + k / fps, for all k before the end."""
        rate = frame_rate(fps)
        if not len(self._begins):
            return np.empty(0, dtype=np.int64)
        most = math.ceil(_count(self.end - self.begin, rate)) + 1
        with np.errstate(over="ignore"):  # the second one may never come
            times = self.begin + np.arange(most) / rate
        return self._shown(times[times < self.end])

    def _shown(self, times: Any) -> Numbers:
        behind = np.searchsorted(self._begins, times, side="right")
        return np.asarray(behind, dtype=np.int64) - 1

    def _check_shown(self, times: NDArray[np.float64]) -> None:
        wrong = times[~((self.begin <= times) & (times < self.end))]
        if len(wrong):
            raise IndexError(f"{wrong[0]} s is out of range: {self._valid()}")

    def _check_range(self, start: float, stop: float) -> None:
        problem = None
        if not self.begin <= start < self.end:
            problem = f"start_seconds {start} is out of range"
        elif not stop <= self.end:
            problem = f"stop_seconds {stop} is out of range"
        elif start > stop:
            problem = f"start_seconds {start} is behind stop_seconds {stop}"
        if problem:
            raise ValueError(f"{problem}: {self._valid()}")

    def _valid(self) -> str:
        if not len(self._begins):
            return "the video has no frames"
        return f"frames are shown from {self.begin} s up to {self.end} s"
