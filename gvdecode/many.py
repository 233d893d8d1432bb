"""Many short clips, one after the other, with the next ones on their way."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any, Literal, SupportsIndex

from gvdecode import arguments
from gvdecode.batches import Batches, check_process
from gvdecode.closing import Closing
from gvdecode.decoder import VideoDecoder
from gvdecode.errors import ClosedError, Error
from gvdecode.frames import FrameBatch
from gvdecode.log import logger
from gvdecode.progress import bar_class
from gvdecode.settings import Settings, check_gpu, settle

__all__ = ["ManyBatches", "SourceBatch", "decode_many"]


@dataclass(frozen=True, slots=True, eq=False)
class SourceBatch:
    """A batch, and whose it is."""

    source: Any
    """As it was given."""
    index: int
    """Its place in `sources`, from 0."""
    batch: FrameBatch
    """Some of its frames, in order."""


def decode_many(
    sources: Iterable[Any],
    batch_size: SupportsIndex,
    *,
    prefetch: SupportsIndex = 4,
    on_error: Literal["raise", "skip"] = "raise",
    progress: bool = False,
    **options: Any,
) -> ManyBatches:
    """Decodes one source after the other, in their order, each in batches.

        for item in gvdecode.decode_many(paths, 16, size=(224, 224)):
            scores = model(torch.from_dlpack(item.batch))

    Args:
        sources: what `VideoDecoder` opens; any iterable, also one without an end: it is
            asked for a source when that one's turn to open has come, in the thread that
            iterates.
        batch_size: frames of a batch; fewer in each source's last one, since a batch is
            of one source.
        prefetch: how many sources behind the present one are opened, each in a thread,
            and decoded meanwhile.
        on_error: what happens where a source cannot be opened or breaks, or where
            `crop`, `stream_index` and the like do not fit it: "raise" its error when
            its turn has come (`next` then goes on with the next source), or "skip" what
            is left of it, with a warning to the "gvdecode" logger.
        progress: tqdm's bar of the sources that are done, of `len(sources)` where that
            is known.
        options: `VideoDecoder`'s, for all of them.

    Returns:
        An iterator of `SourceBatch`es. Dropping or closing it ends all that runs.

    Raises:
        ValueError: what is wrong with `options`, by this call.
        TypeError: the same, or `sources` is one source.
        OutOfMemoryError: what does not fit into memory, whatever `on_error` says.
        Error: the GPU's driver fails, whatever `on_error` says.
        UnsupportedError: `device` is a GPU that is not there, or `progress` without
            tqdm.
    """
    one = (str, bytes, bytearray, memoryview, os.PathLike)
    if (
        isinstance(sources, one)
        or hasattr(sources, "read")
        or str(getattr(sources, "dtype", "")).endswith("uint8")
    ):
        raise TypeError(
            f"sources must be several, as in a list, got one {type(sources).__name__}"
        )
    arguments.choice("on_error", on_error, ("raise", "skip"))
    for name, value in options.items():
        if isinstance(value, Iterator):  # for every source
            options[name] = [*value]
    # "cuda" is the current GPU of this thread, not of those that open.
    options["device"] = _settle(options).device
    check_gpu(options["device"])
    bar = bar_class(progress)
    run = ManyBatches(
        sources,
        arguments.integer("batch_size", batch_size, 1),
        arguments.integer("prefetch", prefetch, 0, 1000),
        on_error == "skip",
        options,
    )
    if bar is not None:
        total = len(sources) if isinstance(sources, Sized) else None
        run._bar = bar(total=total, unit="source")
    return run


def _settle(options: dict[str, Any]) -> Settings:
    """TypeError or ValueError where `VideoDecoder` takes no such options."""
    import inspect  # slow to import

    try:
        bound = inspect.signature(VideoDecoder).bind(None, **options)
    except TypeError as error:
        raise TypeError(f"VideoDecoder {error}") from None
    bound.apply_defaults()
    return settle(bound.arguments)


class ManyBatches(Closing, Iterator[SourceBatch]):
    """The batches of many sources; made by `decode_many`.

    For one thread at a time, but `close` may be called from any.
    """

    _is_ending = staticmethod(sys.is_finalizing)

    def __init__(
        self,
        sources: Iterable[Any],
        batch_size: int,
        prefetch: int,
        skip: bool,
        options: dict[str, Any],
    ) -> None:
        self._process = os.getpid()
        self._sources = enumerate(sources)
        self._batch_size = batch_size
        self._ahead: deque[_Opening] = deque()  # the present one is the first
        self._most = 1 + prefetch
        self._skip = skip
        self._options = options
        self._skipped = 0
        self._closed = False
        self._bar: Any = None  # tqdm's, of sources; `decode_many` sets it
        self._end: BaseException | None = None  # of the sources

    @property
    def skipped(self) -> int:
        """How many sources were skipped, in whole or in part."""
        return self._skipped

    def __next__(self) -> SourceBatch:
        check_process(self._process)
        while True:
            self._open_more()
            if not self._ahead:
                if self._bar is not None:
                    self._bar.close()
                end, self._end = self._end, StopIteration()
                assert end is not None
                try:
                    raise end
                finally:
                    del end
            first = self._ahead[0]
            try:
                batch = next(first.wait())
            except StopIteration:
                self._drop(first)
            except KeyboardInterrupt:
                raise  # nothing is lost: the next call goes on
            except BaseException as error:
                self._drop(first)
                if not (self._skip and _is_of_the_source(error)):
                    raise
                self._skipped += 1
                logger.warning("skipped: source %d: %s", first.index, _reason(error))
            else:
                return SourceBatch(first.source, first.index, batch)

    def _open_more(self) -> None:
        while self._end is None and len(self._ahead) < self._most:
            if self._closed:
                raise ClosedError("the iterator of decode_many was closed")
            try:
                index, source = next(self._sources)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                # Raised when its turn has come. Its traceback knows this frame:
                # a cycle would keep all running.
                self._end = error.with_traceback(
                    error.__traceback__ and error.__traceback__.tb_next
                )
                return
            self._ahead.append(_Opening(index, source, self._batch_size, self._options))

    def _drop(self, first: _Opening) -> None:
        first.close()
        if self._ahead and self._ahead[0] is first:
            self._ahead.popleft()
            if self._bar is not None:
                self._bar.update()

    def close(self) -> None:
        """Ends all that runs; a wait in another thread is `ClosedError`.

        Batches that were given out live on. Does nothing in a forked process.
        """
        if self._process != os.getpid():
            return
        self._closed = True
        ahead = list(self._ahead)
        for opening in ahead:
            opening.abort()
        for opening in ahead:
            opening.close()
        if self._bar is not None:
            self._bar.close()

    def __del__(self) -> None:
        # When the interpreter ends all is closed, and modules' names are gone.
        if hasattr(self, "_end") and not self._is_ending():
            self.close()


class _Opening:
    """A source that a thread opens and begins to decode."""

    def __init__(
        self, index: int, source: Any, batch_size: int, options: dict[str, Any]
    ) -> None:
        self.index = index
        self.source = source
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._closed = False
        self._video: VideoDecoder | None = None
        self._run: Batches | None = None
        self._error: BaseException | None = None
        # A source that never opens must not hold up the end of the process.
        threading.Thread(
            target=self._open, args=(batch_size, options), daemon=True
        ).start()

    def _open(self, batch_size: int, options: dict[str, Any]) -> None:
        try:
            video = VideoDecoder(self.source, **options)
            with self._lock:
                self._video = video
                closed = self._closed
            if closed:
                video.close()
            else:
                self._run = video.batches(batch_size)
        except StopIteration as error:  # which would end the sources
            self._error = RuntimeError(f"the source raised {error!r}")
        except BaseException as error:
            self._error = error
        finally:
            self._done.set()

    def wait(self) -> Batches:
        """The reading, once it runs, or the error of opening it."""
        self._done.wait()
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # it knows this frame: a cycle would keep all running
        if self._run is None:
            raise ClosedError("the iterator of decode_many was closed")
        return self._run

    def abort(self) -> None:
        """Has its reading end, without waiting for it."""
        if self._run is not None:
            self._run._abort()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            video = self._video
        if video is None:
            self._done.set()  # nobody waits for what is not opened yet
        else:
            video.close()


def _is_of_the_source(error: BaseException) -> bool:
    """Also what its `read` raises; but not memory, the driver or the end."""
    return (
        isinstance(error, Exception)
        and not isinstance(error, MemoryError | ClosedError)
        and type(error) is not Error
    )


def _reason(error: BaseException) -> str:
    """In words; only this package's own say whose it is, and what."""
    return (
        f"{error}" if isinstance(error, Error) else f"{type(error).__name__}: {error}"
    )
