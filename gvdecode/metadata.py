"""What is known of a stream before a frame of it is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

__all__ = ["VideoMetadata"]


@dataclass(frozen=True, slots=True)
class VideoMetadata:
    """A video stream as its header describes it; what that leaves out is None.

    Headers are claims. Fields whose names end in `_from_header` are known to be
    wrong in some files.
    """

    stream_index: int
    """The container's number of the stream."""
    width: int
    """Pixels of the frames, which this version does not rotate."""
    height: int
    """Pixels of the frames, which this version does not rotate."""
    codec: str
    """FFmpeg's name: "h264", "hevc", "vp9" ..."""
    pixel_format: str | None
    """FFmpeg's name of what is stored: "yuv420p", "yuv420p10le" ..."""
    num_frames_from_header: int | None
    duration_seconds_from_header: float | None
    begin_stream_seconds_from_header: float | None
    average_fps_from_header: float | None
    """Frames a second."""
    bit_rate: int | None
    """Bits a second."""
    pixel_aspect_ratio: Fraction | None
    rotation: int | None
    """Degrees counter-clockwise by which a player turns the frames."""
    color_primaries: str | None
    color_space: str | None
    color_transfer_characteristic: str | None
    color_range: str | None


def _ratio(pair: tuple[int, int]) -> Fraction | None:
    return Fraction(*pair) if pair[0] > 0 and pair[1] > 0 else None


def _word(word: str) -> str | None:
    return None if word in ("", "unknown") else word


def from_media(media: dict[str, Any]) -> VideoMetadata:
    """The metadata of an open reader's `media`."""
    fps = _ratio(media["average_frame_rate"])
    time_base = _ratio(media["time_base"])
    start = media["start_pts"]
    return VideoMetadata(
        stream_index=media["stream_index"],
        width=media["width"],
        height=media["height"],
        codec=media["codec"],
        pixel_format=media["pixel_format"] or None,
        num_frames_from_header=media["header_frames"] or None,
        duration_seconds_from_header=media["header_duration"] or None,
        begin_stream_seconds_from_header=(
            None if start is None or not time_base else float(start * time_base)
        ),
        average_fps_from_header=float(fps) if fps else None,
        bit_rate=media["bit_rate"] or None,
        pixel_aspect_ratio=_ratio(media["pixel_aspect_ratio"]),
        rotation=media["rotation"] or None,
        color_primaries=_word(media["color_primaries"]),
        color_space=_word(media["color_space"]),
        color_transfer_characteristic=_word(media["color_transfer"]),
        color_range=_word(media["color_range"]),
    )
