"""FrameAccess: the calls of a VideoDecoder that take frames by number or time."""

from __future__ import annotations

import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, SupportsFloat, SupportsIndex, TypeVar, overload

from gvdecode import _core, arguments, frame_numbers
from gvdecode.batches import Batches
from gvdecode.empty import Empty
from gvdecode.errors import DecodeError, Error, UnsupportedError
from gvdecode.frame_numbers import Numbers
from gvdecode.frames import Frame, FrameBatch
from gvdecode.index import VideoIndex
from gvdecode.lazy import np
from gvdecode.metadata import VideoMetadata
from gvdecode.neighbours import Neighbours
from gvdecode.output import Output
from gvdecode.progress import bar_class

__all__ = ["FrameAccess"]

_Found = TypeVar("_Found")


class _NoLengthError(UnsupportedError, TypeError):
    """Of a pipe. TypeError is what tells `list(video)` to go on without one."""


class FrameAccess(ABC):
    """Frames by number or time; `VideoDecoder` is the only subclass."""

    _name: str
    _output: Output

    def _forget(self) -> None:
        """Begins without any request."""
        self._requests = threading.RLock()  # they run one at a time
        self._neighbours = Neighbours()

    @property
    @abstractmethod
    def _reader(self) -> _core.Reader: ...

    @abstractmethod
    def _come_along(self) -> None: ...

    @property
    @abstractmethod
    def index(self) -> VideoIndex: ...

    @property
    @abstractmethod
    def metadata(self) -> VideoMetadata: ...

    @abstractmethod
    def _start(
        self,
        batch_size: int,
        wanted: Numbers | None = None,
        extra: tuple[int, int] = (0, 0),
        out: object = None,
        one: bool = False,
    ) -> Batches: ...

    @property
    def key_frames(self) -> Numbers:
        """The numbers of the key frames that are shown, int64, rising."""
        return self.index.key_frames

    def __bool__(self) -> bool:
        """True: the length is not looked up for this."""
        return True

    def __len__(self) -> int:
        """How many frames iterating gives; the same at all times.

        Raises:
            UnsupportedError: of a pipe, which can be read only once.
        """
        try:
            return len(self.index)
        except UnsupportedError as error:
            raise _NoLengthError(*error.args) from None

    @overload
    def __getitem__(self, key: SupportsIndex) -> Frame: ...
    @overload
    def __getitem__(self, key: slice) -> FrameBatch: ...
    def __getitem__(self, key: SupportsIndex | slice) -> Frame | FrameBatch:
        """`video[i]`, or `video[a:b:c]` as of a list."""
        if isinstance(key, slice):
            return self.get_frames_in_range(key.start, key.stop, key.step)
        return self.get_frame_at(key)

    def get_frame_at(self, index: SupportsIndex, *, out: object = None) -> Frame:
        """The frame of a number from 0; negative numbers count from the end.

        Where such calls walk through a video, forward or backward, the frames
        that come next are decoded at once.

        Args:
            index: anything with `__index__`.
            out: memory for the pixels, as for every such call of `VideoDecoder`.

        Raises:
            IndexError: there is no such frame.
            DecodeError: it is damaged, and `on_corrupt` is not "keep".
        """
        number = self._find(frame_numbers.one, index, len(self.index))
        return self._fetch_one(number, out)

    def get_frames_at(
        self, indices: Iterable[SupportsIndex], *, out: object = None
    ) -> FrameBatch:
        """The frames of some numbers, in their order, repeated ones too.

        Each frame has memory of its own.

        Args:
            indices: whole numbers in a list, a range, a NumPy array, a CPU torch
                tensor ...; negative ones count from the end.
            out: memory for the pixels, as for every such call of `VideoDecoder`.

        Raises:
            IndexError: a number is out of range.
            UnsupportedError: the frames have several sizes, unless `size` makes them
                equal or they are native: they come as a sequence.
            DecodeError: one is damaged, and `on_corrupt` is not "keep".
        """
        numbers = self._find(frame_numbers.many, indices, len(self.index))
        return self._fetch(numbers, out)

    def get_frames_in_range(
        self,
        start: SupportsIndex | None,
        stop: SupportsIndex | None = None,
        step: SupportsIndex | None = 1,
        *,
        out: object = None,
    ) -> FrameBatch:
        """`video[start:stop:step]`: as a slice of a list, maybe of no frame.

        Args:
            start: number of the first frame; negative ones count from the end.
            stop: the number behind the last one; None: the end.
            step: from one frame to the next; negative ones go backward.
            out: memory for the pixels, as for every such call of `VideoDecoder`.
        """
        count = len(self.index)
        return self._fetch(frame_numbers.between(start, stop, step, count), out)

    def get_frame_played_at(
        self, seconds: SupportsFloat, *, out: object = None
    ) -> Frame:
        """The frame that is shown at a time.

        Args:
            seconds: anything with `__float__`.
            out: memory for the pixels, as for every such call of `VideoDecoder`.

        Raises:
            IndexError: before the first frame's `pts_seconds`, and from the end of
                the last frame on.
            UnsupportedError: the stream does not tell when its frames are shown.
        """
        return self._fetch_one(self._find(self.index.times.at, seconds), out)

    def get_frames_played_at(
        self, seconds: Iterable[SupportsFloat], *, out: object = None
    ) -> FrameBatch:
        """The frames that are shown at some times, in their order.

        Args:
            seconds: a list, a NumPy array, a CPU torch tensor ... of times.
            out: memory for the pixels, as for every such call of `VideoDecoder`.

        Raises:
            IndexError: a time at which no frame is shown.
        """
        return self._fetch(self._find(self.index.times.at_each, seconds), out)

    def get_frames_played_in_range(
        self,
        start_seconds: SupportsFloat,
        stop_seconds: SupportsFloat,
        fps: SupportsFloat | None = None,
        *,
        out: object = None,
    ) -> FrameBatch:
        """The frames that are shown from a time on, up to but not at another.

        The first is the one that shows at `start_seconds`.

        Args:
            start_seconds: from the first frame's `pts_seconds` on.
            stop_seconds: up to the end of the last frame.
            fps: frames a second: round((stop_seconds - start_seconds) * fps) come,
                those that show at start_seconds + k / fps. None: every frame once.
            out: memory for the pixels, as for every such call of `VideoDecoder`.

        Raises:
            ValueError: the times are out of order or of range.
        """
        between = self.index.times.between
        return self._fetch(self._find(between, start_seconds, stop_seconds, fps), out)

    def get_all_frames(
        self, fps: SupportsFloat | None = None, *, out: object = None
    ) -> FrameBatch:
        """Every frame, or those shown from the begin to the end at a rate.

        Args:
            fps: frames a second; None: every frame once.
            out: memory for the pixels, as for every such call of `VideoDecoder`.
        """
        if fps is None:
            return self.get_frames_in_range(None, out=out)
        return self._fetch(self.index.times.every(fps), out)

    @overload
    def sample(
        self,
        *,
        fps: SupportsFloat | None = None,
        count: SupportsIndex | None = None,
        batch_size: None = None,
        out: object = None,
    ) -> FrameBatch: ...
    @overload
    def sample(
        self,
        *,
        fps: SupportsFloat | None = None,
        count: SupportsIndex | None = None,
        batch_size: SupportsIndex,
        progress: bool = False,
    ) -> Batches: ...
    def sample(
        self,
        *,
        fps: SupportsFloat | None = None,
        count: SupportsIndex | None = None,
        batch_size: SupportsIndex | None = None,
        out: object = None,
        progress: bool = False,
    ) -> FrameBatch | Batches:
        """Some frames of the whole video, at a rate or of a number.

        Args:
            fps: the frames that show at begin + k / fps, for every k before the end.
            count: so many, evenly from the first frame to the last; with repeats where
                there are fewer.
            batch_size: None: one batch; else an iterator of batches of this size, for
                what does not fit in memory at once, and not in `out` either.
            out: memory for the pixels, as for every such call of `VideoDecoder`.
            progress: tqdm's bar of the frames, for batches.

        Raises:
            ValueError: neither or both of `fps` and `count`, or `out` with
                `batch_size`.
            UnsupportedError: `progress` without tqdm.
        """
        if (fps is None) == (count is None):
            raise ValueError("sample takes one of fps and count")
        size = (
            0 if batch_size is None else arguments.integer("batch_size", batch_size, 1)
        )
        if size and out is not None:
            raise ValueError("out is for one batch: pass it without batch_size")
        if progress and not size:
            raise ValueError("progress is for batches: pass it with batch_size")
        bar = bar_class(progress)
        if fps is not None:
            found = self.index.times.sampled(fps)
        else:
            assert count is not None
            wanted = arguments.integer("count", count, 1)
            found = frame_numbers.spread(wanted, len(self.index))
        if not size:
            return self._fetch(found, out)
        run = self._start(size, found)
        if bar is not None:
            run._bar = bar(total=len(found), unit="frame")
        return run

    def _find(self, find: Callable[..., _Found], *wanted: Any) -> _Found:
        """Which frames are meant; what is out of range is told with the file's name."""
        try:
            return find(*wanted)
        except (IndexError, ValueError) as error:
            if type(error) not in (IndexError, ValueError):
                raise  # of the caller's own iterable
            raise type(error)(f"{self._name}: {error}") from None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self._come_along()  # a fork may leave the lock held
        with self._requests:
            yield

    def _fetch_one(self, number: int, out: object) -> Frame:
        self._check_out(out)
        wanted = np.array([number], dtype=np.int64)
        with self._alone():
            if self._output.native:  # whose frames are not kept
                return self._take(wanted)[0]
            walk, index = self._neighbours, self.index
            key = int(np.searchsorted(index.key_frames, number, side="right")) - 1
            since_key = number - int(index.key_frames[key]) if key >= 0 else number
            extra = walk.extra(number, len(index), since_key)
            batch = self._take(wanted, extra, out, one=True)
            walk.frame_bytes = max(_kept_bytes(batch), 1)
            return batch[0]

    def _fetch(self, wanted: Numbers, out: object) -> FrameBatch:
        self._check_out(out)
        with self._alone():
            if not len(wanted):
                return self._empty(out)
            self._neighbours.forget()
            return self._take(wanted, out=out)

    def _check_out(self, out: object) -> None:
        if self._output.native and out is not None:
            raise ValueError("out is one array, which native frames are not")

    def _take(
        self,
        wanted: Numbers,
        extra: tuple[int, int] = (0, 0),
        out: object = None,
        one: bool = False,
    ) -> FrameBatch:
        run = self._start(len(wanted), wanted, extra, out, one)
        with contextlib.closing(run):
            batch = next(run, None)
            if extra != (0, 0):
                with contextlib.suppress(Error):  # it is not this frame's
                    next(run, None)  # returns when the extra frames are decoded
        if batch is None:
            raise DecodeError(f"{self._name}: frame {wanted[0]} did not come")
        if len(batch) < len(wanted):
            raise UnsupportedError(
                f"{self._name}: frame {wanted[len(batch)]} is of another size than "
                f"frame {wanted[0]}: pass size= to make them equal, ask for them "
                'apart, read batches(), or decode with pixel_format="native"'
            )
        return batch

    def _empty(self, out: object) -> FrameBatch:
        base = self._reader.time_base
        if self._output.native:
            return FrameBatch(None, (), base, self._output)
        if out is not None:
            self._reader.check_out(out)
        pixels = Empty(
            self._reader.shape(0), self._reader.device, dtype=self._output.dtype
        )
        return FrameBatch(pixels, (), base, self._output)


def _kept_bytes(batch: FrameBatch) -> int:
    """Of the frame as the core keeps it: YUV 4:2:0 before it is cropped or resized."""
    frame = batch._frames[0]
    return frame.width * frame.height * 3 // 2
