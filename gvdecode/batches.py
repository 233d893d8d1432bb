"""Batches: one reading of a video, and how every reading ends with the process."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from gvdecode import _core, log
from gvdecode.closing import Closing
from gvdecode.errors import ClosedError, Error
from gvdecode.frames import FrameBatch
from gvdecode.output import Output

__all__ = ["Batches"]


class Batches(Closing, Iterator[FrameBatch]):
    """One reading of a video; made by `VideoDecoder.batches` and `.sample`.

    Dropping it, or the end of a `with` statement, ends the reading and lets go of its
    decoders.
    """

    # For `__del__`: when the interpreter ends, this module's names may be gone.
    _getpid = staticmethod(os.getpid)

    def __init__(
        self, core: _core.Pass, time_base: tuple[int, int], output: Output
    ) -> None:
        self._core = core
        self._time_base = time_base
        self._output = output
        self._bar: Any = None  # tqdm's, of frames; whoever started this sets it
        self._over = False
        self._process = os.getpid()
        # What an exception kept from its caller.
        self._kept: deque[tuple[Any, Any]] = deque()
        self._callers: set[int] = set()  # threads inside `__next__`
        _started(self)

    def __next__(self) -> FrameBatch:
        if self._over:
            raise StopIteration
        check_process(self._process)
        item = self._next_item()
        if item is None:
            self._over = True
            if self._bar is not None:
                self._bar.total = self._bar.n  # it was a header's claim
            self.close()
            log.drain()
            raise StopIteration
        try:
            log.drain()
            batch = FrameBatch(*item, self._time_base, self._output)
            if self._bar is not None:
                self._bar.update(len(batch))
            return batch
        except BaseException:  # a signal's handler, or a handler of `logging`
            self._kept.append(item)
            raise

    def _next_item(self) -> tuple[Any, Any] | None:
        """Of the next batch, or None at the end."""
        try:
            return self._kept.popleft()
        except IndexError:
            pass
        try:
            self._callers.add(threading.get_ident())
            return self._core.next_batch()
        except BaseException as error:
            if not (isinstance(error, Error) or self._core.failed()):
                raise  # of a signal's handler: nothing is lost, the next call goes on
            self._over = not isinstance(error, ClosedError)
            self.close()
            log.drain()
            if _ending and threading.current_thread() is not threading.main_thread():
                raise SystemExit from None  # ends a daemon thread without a word
            raise
        finally:
            self._callers.discard(threading.get_ident())

    def _abort(self) -> None:
        """Has the reading end, without waiting for it; `close` does."""
        if self._process == self._getpid():
            self._core.abort()

    def close(self) -> None:
        """Ends the reading; a wait for it in another thread is `ClosedError`.

        Does nothing in a forked process: the reading is its parent's.
        """
        if self._process == self._getpid():
            self._core.close()
            if self._bar is not None:
                self._bar.close()

    def __del__(self) -> None:
        if hasattr(self, "_process"):
            self.close()


# All readings that are not closed, for the end of the process.
_lock = threading.RLock()  # a signal's handler may read a video too
_all: weakref.WeakSet[Batches] = weakref.WeakSet()
_ending = False  # the interpreter is
_reopening = threading.RLock()


def alive(readings: weakref.WeakSet[Batches]) -> list[Batches]:
    """Those that are not dropped; another thread may drop one meanwhile."""
    while True:
        try:
            return list(readings)
        except RuntimeError:  # the set changed
            continue


def _started(run: Batches) -> None:
    with _lock:
        _all.add(run)


def _forget() -> None:
    """In a forked child: readings and locks are the parent's."""
    global _lock, _all, _reopening
    _lock = threading.RLock()
    _reopening = threading.RLock()
    _all = weakref.WeakSet()


def close_runs(runs: Iterable[Batches]) -> None:
    """All are told before one is waited for: those that go on would hold it up."""
    runs = list(runs)
    for run in runs:
        run._abort()
    for run in runs:
        run.close()


def close_all(seconds: float = 5) -> None:
    """Ends every reading, so that no worker meets the end of its driver.

    A daemon thread that waits for a batch must leave before the interpreter
    stops it: the last to leave waits for the workers.
    """
    global _ending
    _ending = True
    with _lock:
        running = alive(_all)
    close_runs(running)
    end = time.monotonic() + seconds
    while any(run._callers for run in running) and time.monotonic() < end:
        time.sleep(0.001)


atexit.register(close_all)
os.register_at_fork(after_in_child=_forget)


def reopening() -> AbstractContextManager[bool]:
    """For one thread of a forked child, which opens anew what it inherited."""
    return _reopening


def check_process(process: int, name: str = "") -> None:
    """`ClosedError` in another process than that."""
    if process != os.getpid():
        raise ClosedError(
            f"{name and name + ': '}the decoder was opened before os.fork(), in "
            "another process; open it again in this one"
        )
