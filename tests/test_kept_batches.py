"""No batch is lost to an exception that is none of the reading's, and all
readings are told to end before one is waited for."""

import io
import itertools
import logging
import signal
import threading
import time

import pytest
from conftest import Clips, Opener

import gvdecode
from gvdecode import _core
from gvdecode.batches import close_runs


class TooLongError(Exception):
    """Of a signal's handler."""


class Interrupts(io.BytesIO):
    """Sends the main thread a signal when it waits for what is read, and for
    nothing else: just before it gets it, now and then."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.calls = self.sent = 0
        self.waiting = 0  # the main thread's calls, odd while it is inside

    def read(self, size: int | None = -1) -> bytes:
        self.calls += 1
        if self.calls % 20 == 0 and self.waiting:
            call = 0
            while call != self.waiting:  # until all is decoded that was read before
                call = self.waiting
                time.sleep(0.15)
            if call % 2:
                self.sent += 1
                signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)
        return super().read(min(size or 0, 4000))


@pytest.mark.parametrize("kind", [KeyboardInterrupt, TooLongError])
def test_an_exception_of_a_signal_loses_no_batch(
    clips: Clips, kind: type[BaseException]
) -> None:
    def interrupt(*_: object) -> None:
        raise kind

    source = Interrupts(clips.path("long.mp4").read_bytes())
    numbers: list[int] = []
    interrupted = 0
    with gvdecode.VideoDecoder(source, device="cpu") as video:
        run = video.batches(10)
        old = signal.signal(signal.SIGALRM, interrupt)
        try:
            while True:
                source.waiting += 1
                try:
                    batch = next(run)
                except kind:
                    interrupted += 1
                    continue
                except StopIteration:
                    break
                finally:
                    source.waiting += 1
                numbers += [frame.number for frame in batch]
        finally:
            signal.signal(signal.SIGALRM, old)
    assert numbers == list(range(400))
    assert interrupted == source.sent > 2


def test_what_is_said_at_the_end_is_logged(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    drained: list[int] = []

    def drain() -> list[tuple[int, str]]:
        drained.append(1)
        return []

    run = opened("h264.mp4").batches(60)
    assert len(next(run)) == 60
    monkeypatch.setattr(_core, "log_drain", drain)
    assert next(run, None) is None
    assert drained


def test_a_log_handler_that_raises_loses_no_batch(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Raises(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise TooLongError

    lines = itertools.cycle([[(logging.WARNING, "a line")], []])
    logger, handler = logging.getLogger("gvdecode"), Raises()
    run = opened("h264.mp4").batches(7)
    monkeypatch.setattr(_core, "log_drain", lambda: next(lines))
    logger.addHandler(handler)
    frames = failed = 0
    try:
        for _ in range(30):
            try:
                frames += len(next(run))
            except TooLongError:
                failed += 1
            except StopIteration:
                break
    finally:
        logger.removeHandler(handler)
    assert failed
    assert frames == 60


def test_all_readings_are_told_before_one_is_waited_for() -> None:
    order: list[str] = []

    class Run:
        def _abort(self) -> None:
            order.append("abort")

        def close(self) -> None:
            order.append("close")

    close_runs([Run(), Run()])  # type: ignore[list-item]
    assert order == ["abort", "abort", "close", "close"]
