"""VideoIndex: which frames a stream has, and its file on the disk."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from gvdecode import _core
from gvdecode.arguments import Source
from gvdecode.errors import UnsupportedError
from gvdecode.frame_numbers import Numbers
from gvdecode.lazy import np
from gvdecode.times import Times, seconds, seconds_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SourceMark", "VideoIndex", "mark_of"]

_FORMAT = 1  # of the file, and of what the core puts into it
_END_BYTES = 64 * 1024
_ZIP = b"PK\3\4"  # NumPy's .npz is one


class SourceMark(NamedTuple):
    """By which a stream is known again; None where that cannot be told."""

    stream_index: int | None  # as it was asked for; None is FFmpeg's best
    size: int | None = None
    digest: str | None = None  # of the file's first and last bytes


def mark_of(source: Source, stream_index: int | None) -> SourceMark:
    """The mark of a source: in full where it is a regular file or bytes."""
    unknown = SourceMark(stream_index)
    try:
        if isinstance(source.data, memoryview):
            return SourceMark(stream_index, *_digest(io.BytesIO(source.data)))
        if source.data or source.is_url:
            return unknown
        if not stat.S_ISREG(os.stat(source.url).st_mode):
            return unknown
        with open(source.url, "rb") as file:
            return SourceMark(stream_index, *_digest(file))
    except OSError:
        return unknown


def _digest(file: BinaryIO) -> tuple[int, str]:
    """The size, and a digest of both ends."""
    digest = hashlib.blake2b(file.read(_END_BYTES), digest_size=16)
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _END_BYTES, 0))
    digest.update(file.read(_END_BYTES))
    return size, digest.hexdigest()


class VideoIndex:
    """Which frames a stream has, when they are shown and where decoding starts.

    Made by a scan of the packets, without decoding where they tell enough;
    `len` is the number of frames. Made for one stream of one file, it may be
    saved and given to later decoders of it: `VideoDecoder(..., index=...)`.
    """

    def __init__(
        self,
        core: _core.Index,
        time_base: tuple[int, int],
        mark: SourceMark,
        name: str,
    ) -> None:
        self._core = core
        self._time_base = time_base
        self._mark = mark
        self._name = name  # of the video, or of the file that it was loaded from

    def __len__(self) -> int:
        """Frames that are shown."""
        return self._core.frame_count

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it takes."""
        return self._core.nbytes

    @cached_property
    def key_frames(self) -> Numbers:
        """The numbers of the frames decoded from key packets, int64, rising."""
        return _frozen(self._core.key_frames())

    @property
    def pts(self) -> Numbers:
        """When each frame is shown, int64, in the stream's time base; -2**63
        where the stream does not tell."""
        return _frozen(self._core.pts())

    @cached_property
    def pts_seconds(self) -> NDArray[np.float64]:
        """When each frame is shown, float64; nan where the stream does not tell."""
        return _frozen(seconds_of(self._core.pts(), self._time_base))

    @property
    def end_seconds(self) -> float:
        """When the last frame's time is over; nan where the stream does not tell."""
        return seconds(self._core.end, self._time_base)

    @cached_property
    def times(self) -> Times:
        """For requests by time; `UnsupportedError` where there are no times."""
        if np.isnan(self.pts_seconds).any():
            raise UnsupportedError(
                f"{self._name}: the stream does not tell when its frames are shown: "
                "ask for them by number"
            )
        return Times(self.pts_seconds, self.end_seconds)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file for `VideoDecoder(..., index=path)`.

        A file that is there is replaced in one step.

        Args:
            path: any name; the format is NumPy's .npz.
        """
        plain: dict[str, Any] = {}
        arrays: dict[str, NDArray[np.uint8]] = {}
        for name, value in self._core.state().items():
            if isinstance(value, bytes):
                arrays[name] = np.frombuffer(value, dtype=np.uint8)
            else:
                plain[name] = value
        header = {
            "format": _FORMAT,
            "time_base": self._time_base,
            "source": self._mark._asdict(),
            "state": plain,
        }
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
        _replace(Path(path), arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> VideoIndex:
        """Reads a file that `save` wrote.

        Args:
            path: of that file.

        Raises:
            ValueError: it is not sound, or of another format.
        """
        name = os.fspath(path)
        with open(path, "rb") as file:
            if file.read(len(_ZIP)) != _ZIP:
                raise ValueError(f"{name}: no index of a video, as `save` writes it")
            file.seek(0)
            try:
                header, state = _parse(file)
            except Exception as error:  # zipfile, NumPy and json have many
                raise ValueError(f"{name}: no index of a video: {error}") from error
        if header.get("format") != _FORMAT:
            raise ValueError(
                f"{name}: an index of format {header.get('format')}, "
                f"this version reads format {_FORMAT}"
            )
        try:
            num, den = (int(number) for number in header["time_base"])
            mark = SourceMark(**header["source"])
            core = _core.Index.from_state(state)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{name}: a broken index: {error}") from error
        return cls(core, (num, den), mark, name)

    def _check(
        self,
        name: str,
        time_base: tuple[int, int],
        mark: SourceMark,
        best_stream: Callable[[], int],
    ) -> None:
        """ValueError if it is not of that stream, which `name` names."""
        ours, theirs = self._mark, mark
        if ours.stream_index != theirs.stream_index:
            best = best_stream()
            ours, theirs = (
                each._replace(stream_index=best) if each.stream_index is None else each
                for each in (ours, theirs)
            )
        known = zip(SourceMark._fields, ours, theirs, strict=True)
        facts = [("time base", self._time_base, time_base), *known]
        for what, mine, others in facts:
            if mine is not None and others is not None and mine != others:
                raise ValueError(
                    f"{name}: the index is of another video: its {what} is {mine}, "
                    f"here it is {others} (the index: {self._name})"
                )

    def __reduce__(self) -> tuple[Any, ...]:
        parts = self._core.state(), self._time_base, self._mark, self._name
        return _restore, parts

    def __repr__(self) -> str:
        return f"<gvdecode.VideoIndex of {len(self)} frames, {self._name!r}>"


def _restore(state: dict[str, Any], *parts: Any) -> VideoIndex:
    return VideoIndex(_core.Index.from_state(state), *parts)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


def _parse(file: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    with np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name].tobytes() for name in stored.files}
    header = json.loads(arrays.pop("header"))
    return header, {**header["state"], **arrays}


def _replace(path: Path, arrays: dict[str, NDArray[np.uint8]]) -> None:
    unique = f"{os.getpid()}-{threading.get_ident()}"
    temporary = path.with_name(f".{path.name}.{unique}.tmp")
    try:
        with open(temporary, "xb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == str(temporary):
            error.filename = str(path)
        raise
