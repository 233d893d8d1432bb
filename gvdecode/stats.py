"""What a pass over a video did, and what it waited for."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DecodeStats"]


@dataclass(frozen=True, slots=True)
class DecodeStats:
    """Figures of one pass; all are zero before the first."""

    sessions: int = 0
    """Decoders that worked at once, at most."""
    sessions_reason: str = ""
    """Why there were not more."""
    packets: int = 0
    """Packets read."""
    frames: int = 0
    """Frames decoded."""
    corrupt_frames: int = 0
    """Frames in which the decoder concealed damage; `on_corrupt="skip"` left out
    so many."""
    lost_packets: int = 0
    """Packets so damaged that the decoder gave no frame for them."""
    dropped_frames: int = 0
    """Frames that `drop="oldest"` left out, since the caller was too slow."""
    fallback_frames: int = 0
    """Frames that the CPU decoded although the GPU was to."""
    bytes_held: int = 0
    """Bytes of frames that wait for their turn now."""
    bytes_held_max: int = 0
    """The most of these."""
    wait_demux: float = 0.0
    """Seconds that decoders waited for packets, summed over the decoders."""
    wait_decode: float = 0.0
    """Seconds that the caller waited for frames."""
    wait_convert: float = 0.0
    """Seconds that the caller waited for the conversion."""
