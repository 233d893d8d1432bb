"""Which frames to decode and keep beside one that is asked for."""

from __future__ import annotations

__all__ = ["Neighbours"]


class Neighbours:
    """Guesses, while single frames are asked for, which come next.

    Decoding one frame decodes those that it is made of. Where the requests walk
    through a video, the next frames of the walk are decoded at once and kept: as
    many as lie between the key frame and the one asked for, since those are decoded
    each time, and the more the longer the walk.
    """

    FIRST, MOST = 15, 120  # frames
    ROOM = 240 << 20  # bytes; the core keeps 256 MiB
    NEAR = 2

    def __init__(self) -> None:
        self.frame_bytes = 1  # of a frame as it is kept
        self._last: int | None = None
        self._kept = range(0)

    def extra(self, index: int, count: int, since_key: int) -> tuple[int, int]:
        """The range of frames to keep beside this one; an empty one is (0, 0).

        since_key: how far the frame lies behind its key frame.
        """
        last, self._last = self._last, index
        if index in self._kept:
            return (0, 0)
        before, self._kept = self._kept, range(0)
        if last is None or not 0 < abs(index - last) <= self.NEAR:
            return (0, 0)
        size = max(2 * len(before) if last in before else self.FIRST, since_key)
        size = min(size, self.MOST, self.ROOM // self.frame_bytes)
        if index > last:
            self._kept = range(index + 1, min(index + 1 + size, count))
        else:
            self._kept = range(max(index - size, 0), index)
        return (self._kept.start, self._kept.stop) if self._kept else (0, 0)

    def forget(self) -> None:
        """Something else was asked for, which the kept frames gave way to."""
        self._last = None
        self._kept = range(0)
