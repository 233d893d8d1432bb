"""VideoDecoder: a video file, read as frames or as batches of frames."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
import warnings
import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import Literal, Self, SupportsIndex

from gvdecode import _core, arguments, log
from gvdecode.errors import ClosedError, FallbackWarning, UnsupportedError
from gvdecode.frames import Frame, FrameBatch, device_name
from gvdecode.metadata import VideoMetadata, from_media
from gvdecode.stats import DecodeStats

__all__ = ["Batches", "VideoDecoder"]


class Batches(Iterator[FrameBatch]):
    """One reading of a video; made by `VideoDecoder.batches`.

    Dropping it ends the reading and lets go of its decoders.
    """

    def __init__(self, core: _core.Pass, time_base: tuple[int, int]) -> None:
        self._core = core
        self._time_base = time_base
        self._over = False
        self._process = os.getpid()
        self._callers: set[int] = set()  # threads inside `__next__`
        _started(self)

    def __next__(self) -> FrameBatch:
        if self._over:
            raise StopIteration
        _check_process(self._process)
        try:
            self._callers.add(threading.get_ident())
            item = self._core.next_batch()
        except KeyboardInterrupt:
            raise  # nothing is lost: the next call goes on
        except BaseException:
            self.close()
            if _ending and threading.current_thread() is not threading.main_thread():
                raise SystemExit from None  # ends a daemon thread without a word
            raise
        finally:
            self._callers.discard(threading.get_ident())
            log.drain()
        if item is None:
            self._over = True
            self.close()
            raise StopIteration
        return FrameBatch(*item, self._time_base)

    def close(self) -> None:
        """Ends the reading; a wait for it in another thread is `ClosedError`.

        Does nothing in a forked process: the reading is its parent's.
        """
        if self._process == os.getpid():
            self._core.close()

    def __del__(self) -> None:
        if hasattr(self, "_process"):
            self.close()


# All readings that are not closed, for the end of the process.
_lock = threading.RLock()  # a signal's handler may read a video too
_all: weakref.WeakSet[Batches] = weakref.WeakSet()
_ending = False  # the interpreter is


def _started(run: Batches) -> None:
    with _lock:
        _all.add(run)


def _forget() -> None:
    """In a forked child: readings and locks are the parent's."""
    global _lock, _all
    _lock = threading.RLock()
    _all = weakref.WeakSet()


def _close_all(seconds: float = 5) -> None:
    """Ends every reading, so that no worker meets the end of its driver.

    A daemon thread that waits for a batch must leave before the interpreter
    stops it: the last to leave waits for the workers.
    """
    global _ending
    _ending = True
    with _lock:
        running = list(_all)
    for run in running:
        run.close()
    end = time.monotonic() + seconds
    while any(run._callers for run in running) and time.monotonic() < end:
        time.sleep(0.001)


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget)


def _check_process(process: int) -> None:
    if process != os.getpid():
        raise ClosedError(
            "the decoder was opened before os.fork(), in another process; "
            "open it again in this one"
        )


class VideoDecoder:
    """Decodes a video on the GPU where there is one, else on the CPU.

    source: a path or a URL, a str or an `os.PathLike`.
    device: "auto" is the GPU where there is one, else the CPU; "cpu"; "cuda";
        "cuda:1" or 1; a `torch.device`. A GPU without a number is torch's
        current one where torch uses GPUs, else the first.
    stream_index: the container's number of a video stream; None: FFmpeg's best.
    pixel_format: "rgb24", or "native" for the decoded planes themselves.
    dimension_order: "NCHW" or "NHWC", of RGB; both are contiguous.
    fallback: what happens where the CPU decodes although there is a GPU, since
        that cannot decode this stream or "auto" cannot use it: "warn"
        (`FallbackWarning`), "error" (`UnsupportedError`), "silent".
    sessions: how many decoders work at once; "auto": as many as it pays.
    memory_limit: bytes that decoded frames may take while they wait for their
        turn; None: a part of what is free.

    Raises `OpenError` where the source holds no video that can be read (a
    missing file is `FileNotFoundError` too), `UnsupportedError` where this
    machine cannot serve the request, and ValueError or TypeError for a wrong
    argument. A decoder may be used from several threads, but after `os.fork`
    only in the process that opened it.
    """

    def __init__(
        self,
        source: str | os.PathLike[str],
        *,
        device: object = "auto",
        stream_index: SupportsIndex | None = None,
        pixel_format: Literal["rgb24", "native"] = "rgb24",
        dimension_order: Literal["NCHW", "NHWC"] = "NCHW",
        fallback: Literal["warn", "error", "silent"] = "warn",
        sessions: SupportsIndex | Literal["auto"] = "auto",
        memory_limit: SupportsIndex | None = None,
    ) -> None:
        url, is_url = arguments.source_url(source)
        wanted = arguments.device(device)
        pixels = arguments.choice("pixel_format", pixel_format, ("rgb24", "native"))
        order = arguments.choice("dimension_order", dimension_order, ("NCHW", "NHWC"))
        on_fallback = arguments.choice(
            "fallback", fallback, ("warn", "error", "silent")
        )
        self._lock = threading.RLock()
        self._running: weakref.WeakSet[Batches] = weakref.WeakSet()
        self._latest: _core.Pass | None = None
        self._closed = False
        self._process = os.getpid()
        self._name = os.fsdecode(url)
        try:
            self._reader = _core.Reader(
                url,
                stream_index=_optional("stream_index", stream_index, 0, -1),
                device_type=wanted.type,
                device_id=wanted.id,
                native=pixels == "native",
                nhwc=order == "NHWC",
                sessions=_sessions(sessions),
                memory_limit=_optional("memory_limit", memory_limit, 1, 0, 2**63 - 1),
                ca_file=arguments.certificates() if is_url else None,
            )
        finally:
            log.drain()
        self._metadata: VideoMetadata | None = None
        self._check_fallback(wanted, on_fallback)

    def _check_fallback(self, wanted: arguments.Device, on_fallback: str) -> None:
        # Where there is no sign of a GPU, "auto" has no reason either.
        reason = self.fallback_reason
        if reason is None or wanted.type == arguments.CPU or on_fallback == "silent":
            return
        text = f"{self._name}: decoded on the CPU: {reason}"
        if on_fallback == "error":
            self.close()
            raise UnsupportedError(
                f'{text}. Pass device="cpu", or fallback="warn" or "silent"'
            )
        warnings.warn(text, FallbackWarning, stacklevel=3)

    @property
    def metadata(self) -> VideoMetadata:
        """What the header tells of the stream.

        Raises `ClosedError` where it is first asked for after `close`.
        """
        # Read on demand: decoding needs less, and opening must be quick.
        if self._metadata is None:
            self._metadata = from_media(self._reader.media)
            log.drain()
        return self._metadata

    @property
    def device(self) -> str:
        """Where the frames are: "cpu", or "cuda:0" and so on."""
        return device_name(self._reader.device)

    @property
    def backend(self) -> str:
        """What decodes: "nvdec" or "cpu". `Frame.backend` tells of each frame."""
        return self._reader.backend

    @property
    def fallback_reason(self) -> str | None:
        """Why the CPU decodes although a GPU might, or None."""
        return self._reader.fallback_reason

    @property
    def stats(self) -> DecodeStats:
        """Figures of the latest reading of the video, running or over."""
        latest = self._latest
        if latest is None or self._process != os.getpid():
            return DecodeStats()
        return DecodeStats(**latest.stats())

    def batches(self, batch_size: SupportsIndex) -> Batches:
        """Reads the video from its first frame, in presentation order.

        Gives batches of `batch_size` frames, fewer in the last and before a
        change of the picture's size; a native batch is a sequence of frames and
        no array. Decoding starts with this call and runs ahead; dropping the
        iterator ends it. Raises `ClosedError` after `close`, `UnsupportedError`
        for a second reading of a pipe, and while iterating `DecodeError` where
        the stream breaks.
        """
        size = arguments.integer("batch_size", batch_size, 1)
        _check_process(self._process)
        try:
            core = self._reader.open_pass(size)
        finally:
            log.drain()
        run = Batches(core, self._reader.time_base)
        with self._lock:
            self._running.add(run)
            self._latest = core
            closed = self._closed
        if closed:
            run.close()
        return run

    def __iter__(self) -> Iterator[Frame]:
        """The frames one by one, from the first, whatever was read before."""
        # One a batch: a kept frame then keeps no other frame's memory.
        with contextlib.closing(self.batches(1)) as run:
            for batch in run:
                yield batch[0]

    def close(self) -> None:
        """Ends reading, also in other threads: they get `ClosedError`.

        Frames and batches that were given out live on. May be called twice. Does
        nothing in a forked process: the decoder is its parent's.
        """
        if self._process != os.getpid():
            return
        with self._lock:
            self._closed = True
            running = list(self._running)
        for run in running:
            run.close()
        self._reader.close()
        log.drain()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"<gvdecode.VideoDecoder {self._name!r} device={self.device!r} "
            f"backend={self.backend!r}>"
        )


def _optional(
    name: str,
    value: SupportsIndex | None,
    low: int,
    missing: int,
    high: int = 2**31 - 1,
) -> int:
    return missing if value is None else arguments.integer(name, value, low, high)


def _sessions(value: SupportsIndex | Literal["auto"]) -> int:
    if isinstance(value, str):
        if value != "auto":
            raise ValueError(f'sessions must be "auto" or an int from 1, got {value!r}')
        return 0
    return arguments.integer("sessions", value, 1, 64)
