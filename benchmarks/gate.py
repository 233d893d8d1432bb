"""Whether a peer's pictures are those that were asked for."""

from __future__ import annotations

from typing import Any

import numpy
from server import ServerError

LIMIT = 6.0  # levels between a peer's frame and ours, on average
CLEAR = 0.05  # levels by which another frame may be nearer: equal frames


class OtherFramesError(ServerError):
    """A peer gave something else than was asked for."""


def distances(ours: Any, frames: Any) -> Any:
    """The mean distance of each frame from the one at its place, in levels."""
    wide = numpy.abs(ours.astype(numpy.float32) - frames.astype(numpy.float32))
    return wide.reshape(len(wide), -1).mean(axis=1)


def farthest(theirs: Any, ours: Any, *beside: Any) -> float:
    """The greatest distance from our frames; an error unless those are nearest.

    `beside` are our frames before and behind the ones that were asked for.
    """
    if theirs.shape != ours.shape:
        raise OtherFramesError(f"shape {theirs.shape} instead of {ours.shape}")
    at = distances(ours, theirs)
    nearest = numpy.minimum(*(distances(other, theirs) for other in beside))
    if at.max() > LIMIT or (at > nearest + CLEAR).any():
        raise OtherFramesError(f"other frames: up to {at.max():.1f} levels away")
    return float(at.max())
