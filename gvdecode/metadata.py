"""What is known of a stream: from its header at once, from its index on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from gvdecode.index import VideoIndex
from gvdecode.times import seconds

__all__ = ["VideoMetadata"]


@dataclass(frozen=True, slots=True)
class VideoMetadata:
    """A video stream, described.

    The fields are what the header says; what that leaves out is None. Headers
    are claims: fields whose names end in `_from_header` are known to be wrong in
    some files. `num_frames`, `average_fps`, `duration_seconds`,
    `begin_stream_seconds` and `end_stream_seconds` are true: the first of them
    that is asked for scans the file (`VideoDecoder.index`), also after the
    decoder is closed. On a pipe they are `UnsupportedError`.
    """

    stream_index: int
    """The container's number of the stream."""
    width: int
    """Pixels of the frames as they are given: rotated, unless they are native or
    `apply_rotation` is False. 0 of a live stream that was opened between key frames
    with `latency="low"`, before anything told it."""
    height: int
    """Pixels, like `width`."""
    codec: str
    """FFmpeg's name: "h264", "hevc", "vp9" ..."""
    pixel_format: str | None
    """FFmpeg's name of what is stored: "yuv420p", "yuv420p10le" ..."""
    num_frames_from_header: int | None
    """Frames."""
    duration_seconds_from_header: float | None
    """Seconds."""
    begin_stream_seconds_from_header: float | None
    """Seconds, when the first frame is shown."""
    average_fps_from_header: float | None
    """Frames a second."""
    bit_rate: int | None
    """Bits a second."""
    pixel_aspect_ratio: Fraction | None
    """Width of a stored pixel by its height; not applied."""
    rotation: int | None
    """Degrees counter-clockwise by which a player turns the stored pictures."""
    color_primaries: str | None
    """FFmpeg's name, like the next three: "bt709", "bt2020" ..."""
    color_space: str | None
    """The matrix: "bt709", "smpte170m", "bt2020nc" ..."""
    color_transfer_characteristic: str | None
    """The transfer function: "bt709", "smpte2084" (PQ), "arib-std-b67" (HLG) ..."""
    color_range: str | None
    """The range: "tv" (limited) or "pc" (full)."""
    _scan: Callable[[], VideoIndex] = field(repr=False, compare=False)

    @property
    def num_frames(self) -> int:
        """Frames of the stream, as `len(video)`."""
        return len(self._scan())

    @property
    def begin_stream_seconds(self) -> float | None:
        """When the first frame is shown; None without frames or times."""
        index = self._scan()
        return _known(index.pts_seconds[0]) if len(index) else None

    @property
    def end_stream_seconds(self) -> float | None:
        """When the last frame's time is over; None without frames or times."""
        return _known(self._scan().end_seconds)

    @property
    def duration_seconds(self) -> float | None:
        """From the first frame to the end; None without frames or times."""
        begin, end = self.begin_stream_seconds, self.end_stream_seconds
        return None if begin is None or end is None else end - begin

    @property
    def average_fps(self) -> float | None:
        """Frames by duration; None where that is not known."""
        duration = self.duration_seconds
        return self.num_frames / duration if duration else None


def _known(time: float) -> float | None:
    return None if time != time else float(time)


def _ratio(pair: tuple[int, int]) -> Fraction | None:
    return Fraction(*pair) if pair[0] > 0 and pair[1] > 0 else None


def _word(word: str) -> str | None:
    return None if word in ("", "unknown") else word


def size_of(media: dict[str, Any], rotate: bool) -> tuple[int, int]:
    """Width and height of the frames."""
    size = (media["width"], media["height"])
    return size[::-1] if rotate and media["rotation"] in (90, 270) else size


def from_media(
    media: dict[str, Any], rotate: bool, scan: Callable[[], VideoIndex]
) -> VideoMetadata:
    """The metadata of an open reader's `media`."""
    fps = _ratio(media["average_frame_rate"])
    start = media["start_pts"]
    width, height = size_of(media, rotate)
    return VideoMetadata(
        stream_index=media["stream_index"],
        width=width,
        height=height,
        codec=media["codec"],
        pixel_format=media["pixel_format"] or None,
        num_frames_from_header=media["header_frames"] or None,
        duration_seconds_from_header=media["header_duration"] or None,
        begin_stream_seconds_from_header=(
            None if start is None else seconds(start, media["time_base"])
        ),
        average_fps_from_header=float(fps) if fps else None,
        bit_rate=media["bit_rate"] or None,
        pixel_aspect_ratio=_ratio(media["pixel_aspect_ratio"]),
        rotation=media["rotation"] or None,
        color_primaries=_word(media["color_primaries"]),
        color_space=_word(media["color_space"]),
        color_transfer_characteristic=_word(media["color_transfer"]),
        color_range=_word(media["color_range"]),
        _scan=scan,
    )
