"""VideoDecoder: a video file, read in order or by frame number or time."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    SupportsFloat,
    SupportsIndex,
    TypeAlias,
)

from gvdecode import _core, arguments, log
from gvdecode.access import FrameAccess
from gvdecode.batches import (
    Batches,
    alive,
    check_process,
    close_runs,
    reopening,
)
from gvdecode.closing import Closing
from gvdecode.errors import ClosedError, FallbackWarning, UnsupportedError
from gvdecode.frame_numbers import Numbers
from gvdecode.frames import Frame, device_name
from gvdecode.index import SourceMark, VideoIndex, mark_of
from gvdecode.metadata import VideoMetadata, from_media
from gvdecode.progress import bar_class
from gvdecode.rescan import TO_RESCAN, Rescan
from gvdecode.settings import settle
from gvdecode.stats import DecodeStats

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["VideoDecoder"]

_Size: TypeAlias = (
    SupportsIndex
    | Sequence[SupportsIndex]
    | tuple[Literal["shorter", "longer"], SupportsIndex]
    | None
)
_Colorspace: TypeAlias = Literal[
    "bt601", "bt709", "bt2020", "fcc", "smpte240m", "ycgco", "rgb"
]

_SLICE_MS = 100  # of the index's building, between looks for signals


class VideoDecoder(Closing, FrameAccess):
    """Decodes a video on the GPU where there is one, else on the CPU.

    Args:
        source: a path or a URL (str or `os.PathLike`); the bytes of a file (bytes,
            bytearray, memoryview, array or tensor of uint8), which are not copied; or
            an object with `read(n)` and, if it can, `seek(offset, whence)`, which is
            read from its start, on a thread of its own.
        device: "auto" is the GPU where there is one, else the CPU; "cpu"; "cuda";
            "cuda:1" or 1; a `torch.device`. A GPU without a number is torch's current
            one where torch uses GPUs, else the first.
        stream_index: the container's number of a video stream; None: FFmpeg's best.
        pixel_format: "rgb24"; "bgr24"; "gray8", the luma in full range, one channel; or
            "native" for the decoded planes themselves. What stands below down to `pad`
            is of the others, not of native frames.
        dimension_order: "NCHW" or "NHWC"; both are contiguous.
        dtype: "uint8", "uint16", "float16", "bfloat16" or "float32", or NumPy's or
            torch's dtype of that name. White is 255, 65535 or, as float, `scale`.
        crop: (top, left, height, width): the part of the upright picture to take.
        size: (height, width) to resize that to; an int or ("shorter", n) for the
            shorter side, ("longer", n) for the longer one, the other then follows.
        interpolation: "bilinear", "bicubic", "nearest" or "area".
        antialias: smooth where "bilinear" or "bicubic" makes the picture smaller.
        scale: what white is in float pixels; black is 0.
        mean: of float pixels, a number or one for each channel in its order: they
            become (pixel - mean) / std, after `scale`.
        std: like `mean`; not 0.
        colorspace: the matrix in place of the one that the stream names: "bt601",
            "bt709", "bt2020", "fcc", "smpte240m", "ycgco" or "rgb".
        out_range: "full", or "limited" for black at 16 and white at 235 of 255.
        pad: (height, width) of a black canvas, in the middle of which the picture is
            placed; black before `mean` and `std`.
        fallback: what happens where the CPU decodes although there is a GPU, since that
            cannot decode this stream or "auto" cannot use it: "warn"
            (`FallbackWarning`), "error" (`UnsupportedError`), "silent".
        sessions: how many decoders work at once; "auto": as many as it pays.
        memory_limit: bytes that decoded frames may take while they wait for their turn;
            None: a part of what is free.
        apply_rotation: turn the frames as the file asks players to, in steps of 90
            degrees. Native frames are never turned.
        index: a `VideoIndex` of this file, or the path where one was saved, so that it
            need not be scanned. ValueError where it is another file's.
        allow_inexact: let the GPU decode MPEG-1, -2, -4 and JPEG too, whose pixels may
            differ from FFmpeg's by rounding.
        on_corrupt: what becomes of frames in which the decoder concealed damage
            (`Frame.corrupt`): "keep" gives them; "raise" is a `DecodeError` in their
            place, after the frames before; "skip" leaves them out of `batches` and
            iteration, where the others keep their numbers. A frame that is asked for by
            number or time is a `DecodeError` under both, and `len` counts it.
            With "raise", `batches` and iteration also end with a `DecodeError` where
            packets gave the decoder's error and no frame, or the file was cut off and
            its container tells. `stats` counts `corrupt_frames` and `lost_packets`
            always.
        timeout: seconds that any one wait may take, for opening, for a packet or for
            the next batch: `TimeoutError` then; None: no limit.
        protocols: FFmpeg's names of the protocols that the source may use, on any host,
            and whatever a playlist in it names: "https", "file" ... None: http, https,
            rtsp, rtsps, rtp, udp and tcp for a URL of these, nothing for all else; an
            HLS playlist on a web server may name files of that server, and other
            playlists are refused.
        max_pixels: of a picture, 2^27 if not given; a stream whose header asks for more
            is `UnsupportedError`, and where only later pictures do, they are lost (see
            `on_corrupt`).
        follow: the file or FIFO is still written to: at its present end the reading
            waits for more, until `timeout`. An MP4 must be a fragmented one.
        latency: "low" gives each frame as soon as the decoder has it, which is at once
            where the stream has no B frames: one decoder, no thread ahead of the
            caller, and times that are the packets' own.
        drop: "oldest": where a caller is too slow for a live stream, no more than a
            batch of frames waits; the oldest are left out, `Frame.number` counts them
            and so does `stats.dropped_frames`.
        seek_mode: torchcodec's; "approximate" is as exact as "exact" here.
        num_ffmpeg_threads: torchcodec's; accepted and ignored, `sessions` counts.

    Raises:
        OpenError: the source holds no video that can be read; a missing file is
            `FileNotFoundError` too.
        UnsupportedError: this machine cannot serve the request.
        TimeoutError: opening took longer than `timeout`.
        OutOfMemoryError: there is no memory for what opening needs.
        ValueError: a wrong argument, or an index of another file.
        TypeError: an argument of a wrong type.

    `len(video)`, `video[i]`, `video[a:b:c]` and the `get_` calls take frames by
    number or time, which needs `video.index`: the first of them scans the file's
    packets. They run one at a time, each with all decoders. Iteration needs no
    index, but `list(video)` asks for the length first.

    `out`, of every call that gives one frame or one batch: an array that knows
    DLPack (a torch tensor, a NumPy array ...), in whose memory the pixels are
    made; what is returned has that memory too. It must be of the result's device
    (BufferError), dtype (TypeError) and shape, one frame's without the dimension
    of the batch (ValueError), contiguous and writable (BufferError); one that is
    not is not written. On a GPU the pixels are there in the order of torch's
    current stream or, without torch, of the legacy default stream.

    A decoder may be used from several threads. In a process that was forked since, one
    that decodes on the CPU opens its file, URL or bytes anew when it is first used;
    one of a GPU, of a pipe or of an object with `read` is `ClosedError` there.
    Pickling keeps its arguments and the index where there is one: what is unpickled
    has opened the source anew.
    """

    def __init__(
        self,
        source: arguments.VideoSource,
        *,
        device: object = "auto",
        stream_index: SupportsIndex | None = None,
        pixel_format: Literal["rgb24", "bgr24", "gray8", "native"] = "rgb24",
        dimension_order: Literal["NCHW", "NHWC"] = "NCHW",
        dtype: object = "uint8",
        crop: Sequence[SupportsIndex] | NDArray[np.integer[Any]] | None = None,
        size: _Size = None,
        interpolation: Literal["bilinear", "bicubic", "nearest", "area"] = "bilinear",
        antialias: bool = True,
        scale: SupportsFloat = 1.0,
        mean: SupportsFloat | Sequence[SupportsFloat] | None = None,
        std: SupportsFloat | Sequence[SupportsFloat] | None = None,
        colorspace: _Colorspace | None = None,
        out_range: Literal["full", "limited"] = "full",
        pad: Sequence[SupportsIndex] | None = None,
        fallback: Literal["warn", "error", "silent"] = "warn",
        sessions: SupportsIndex | Literal["auto"] = "auto",
        memory_limit: SupportsIndex | None = None,
        apply_rotation: bool = True,
        index: VideoIndex | str | os.PathLike[str] | None = None,
        allow_inexact: bool = False,
        on_corrupt: Literal["keep", "skip", "raise"] = "keep",
        timeout: SupportsFloat | None = None,
        protocols: str | Iterable[str] | None = None,
        max_pixels: SupportsIndex = arguments.MAX_PIXELS,
        follow: bool = False,
        latency: Literal["normal", "low"] = "normal",
        drop: Literal["oldest"] | None = None,
        seek_mode: Literal["exact", "approximate"] = "exact",
        num_ffmpeg_threads: SupportsIndex | None = None,
    ) -> None:
        self._arguments = {  # for pickle
            name: value for name, value in locals().items() if name != "self"
        }
        settled = settle(self._arguments)
        self._source = arguments.source(source)
        if self._source.data is None:
            self._arguments["source"] = self._source.name
        self._settings = settled
        self._output = settled.output
        self._metadata: VideoMetadata | None = None
        self._index: VideoIndex | None = None
        given = index
        if not (given is None or isinstance(given, VideoIndex)):
            given = VideoIndex.load(given)
        self._closed = False
        self._open()
        self._process = os.getpid()
        if given is not None:
            self._use_index(given)
        self._check_fallback()

    def _open(self) -> None:
        source, settings = self._source, self._settings
        self._name = source.name
        try:
            self._core = _core.Reader(
                source.url,
                source.data,
                stream_index=settings.stream,
                output=settings.output._asdict(),
                apply_rotation=settings.rotate,
                ca_file=arguments.certificates() if source.is_url else None,
                **settings.core,
            )
        finally:
            log.drain()
        self._forget()
        self._lock = threading.RLock()
        self._running: weakref.WeakSet[Batches] = weakref.WeakSet()
        self._latest: _core.Pass | None = None

    @property
    def _reader(self) -> _core.Reader:
        self._come_along()
        return self._core

    def _come_along(self) -> None:
        """In a forked child, where the source can be had again, opens it anew."""
        if self._process == os.getpid():
            return
        with reopening():
            if self._process == os.getpid():  # another thread has
                return
            self._check_open()
            if self._core.device[0] != arguments.CPU or not self._source.is_lasting:
                check_process(self._process, self._name)
            self._open()
            if self._index is not None:
                self._use_index(self._index)
            self._process = os.getpid()  # other threads may go on

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError(f"{self._name}: the decoder was closed")

    def _use_index(self, index: VideoIndex) -> None:
        try:
            index._check(
                self._name, self._core.time_base, self._mark(), self._best_stream
            )
            self._core.set_index(index._core)
        except BaseException:
            self._closed = True
            self._core.close()
            raise
        self._index = index

    def _mark(self) -> SourceMark:
        stream = self._settings.stream
        return mark_of(self._source, None if stream < 0 else stream)

    def _best_stream(self) -> int:
        """The number of FFmpeg's best video stream."""
        return int(self._core.media["best_stream_index"])

    def _check_fallback(self) -> None:
        # Where there is no sign of a GPU, "auto" has no reason either.
        reason, settings = self.fallback_reason, self._settings
        if (
            reason is None
            or settings.device.type == arguments.CPU
            or settings.fallback == "silent"
        ):
            return
        text = f"{self._name}: decoded on the CPU: {reason}"
        if settings.fallback == "error":
            self.close()
            raise UnsupportedError(
                f'{text}. Pass device="cpu", or fallback="warn" or "silent"'
            )
        warnings.warn(text, FallbackWarning, stacklevel=3)

    @property
    def metadata(self) -> VideoMetadata:
        """What is known of the stream.

        Raises:
            ClosedError: it is first asked for after `close`.
        """
        # Read on demand: decoding needs less, and opening must be quick.
        if self._metadata is None:
            self._check_open()
            media = self._reader.media
            options = {name: self._arguments[name] for name in TO_RESCAN}
            options["stream_index"] = media["stream_index"]
            scan = Rescan(VideoDecoder, options, media["seekable"], self)
            self._metadata = from_media(media, self._settings.rotate, scan)
            log.drain()
        return self._metadata

    @property
    def index(self) -> VideoIndex:
        """Which frames there are and when; the first use scans the file.

        Raises:
            UnsupportedError: of a pipe, which can be read only once.
        """
        if self._index is None:
            with self._alone():
                if self._index is None:
                    self._index = self._build_index()
        return self._index

    def _build_index(self) -> VideoIndex:
        self._check_open()
        mark = self._mark()
        try:
            while not self._reader.build_index(_SLICE_MS):
                pass
            core = self._reader.index
        finally:
            log.drain()
        assert core is not None
        return VideoIndex(core, self._reader.time_base, mark, self._name)

    @property
    def device(self) -> str:
        """Where the frames are: "cpu", or "cuda:0" and so on."""
        return device_name(self._core.device)

    @property
    def backend(self) -> str:
        """What decodes: "nvdec" or "cpu". `Frame.backend` tells of each frame."""
        return self._core.backend

    @property
    def fallback_reason(self) -> str | None:
        """Why the CPU decodes although a GPU might, or None."""
        return self._core.fallback_reason

    @property
    def stats(self) -> DecodeStats:
        """Figures of the latest reading of the video, running or over."""
        latest = self._latest
        if latest is None or self._process != os.getpid():
            return DecodeStats()
        return DecodeStats(**latest.stats())

    def batches(self, batch_size: SupportsIndex, *, progress: bool = False) -> Batches:
        """Reads the video from its first frame, in presentation order.

        Decoding starts with this call and runs ahead; dropping the iterator ends
        it.

        Args:
            batch_size: frames of a batch, from 1; fewer are in the last one and
                before a change of the picture's size.
            progress: tqdm's bar of the frames given out, of as many as the header
                claims; a scan is not made for it.

        Returns:
            An iterator of `FrameBatch`es. A native batch is a sequence of frames
                and no array.

        Raises:
            ClosedError: after `close`.
            UnsupportedError: a second reading of a pipe, or `progress` without tqdm.
            DecodeError: while iterating, where the stream breaks.
            TimeoutError: while iterating, where a wait takes longer than `timeout`.
            OutOfMemoryError: while iterating, where a batch and a few frames do not
                fit into the memory limit.
        """
        size = arguments.integer("batch_size", batch_size, 1)
        bar = bar_class(progress)
        run = self._start(size)
        if bar is not None:
            run._bar = bar(total=self._claimed_frames(), unit="frame")
        return run

    def _claimed_frames(self) -> int | None:
        """As the index has them or, where there is none yet, the header."""
        if self._index is not None:
            return len(self._index)
        claims = self.metadata
        if claims.num_frames_from_header is not None:
            return claims.num_frames_from_header
        seconds = claims.duration_seconds_from_header
        fps = claims.average_fps_from_header
        return None if seconds is None or fps is None else round(seconds * fps)

    def _start(
        self,
        batch_size: int,
        numbers: Numbers | None = None,
        extra: tuple[int, int] = (0, 0),
        out: object = None,
        one: bool = False,
    ) -> Batches:
        self._check_open()
        try:
            core = self._reader.open_pass(batch_size, numbers, extra, out, one)
        finally:
            log.drain()
        run = Batches(core, self._reader.time_base, self._output)
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

        Frames and batches that were given out live on. May be called twice. In a
        forked child it is the child's own that is closed.
        """
        if self._process != os.getpid():
            with reopening():
                if self._process != os.getpid():
                    self._closed = True  # nothing was opened in this process
                    return
        with self._lock:
            self._closed = True
            running = alive(self._running)
        close_runs(running)
        self._reader.close()
        log.drain()

    def __reduce__(self) -> tuple[Any, ...]:
        source = self._arguments["source"]
        if hasattr(source, "read") or isinstance(source, memoryview):
            raise TypeError(
                f"{self._name}: a decoder of a {type(source).__name__} cannot be "
                "pickled: give it the file's path, or its bytes"
            )
        options = dict(self._arguments)
        if self._index is not None:
            options["index"] = self._index
        return _reopen, (type(self), options)

    def __repr__(self) -> str:
        return (
            f"<gvdecode.VideoDecoder {self._name!r} device={self.device!r} "
            f"backend={self.backend!r}>"
        )


def _reopen(kind: type[VideoDecoder], options: dict[str, Any]) -> VideoDecoder:
    return kind(**options)
