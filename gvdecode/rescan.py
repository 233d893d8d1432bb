"""The index for a `VideoMetadata`, which may outlive its decoder."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from gvdecode.arguments import source
from gvdecode.errors import UnsupportedError

if TYPE_CHECKING:
    from gvdecode.decoder import VideoDecoder
    from gvdecode.index import VideoIndex

__all__ = ["TO_RESCAN", "Rescan"]

# How a decoder's source is opened again.
TO_RESCAN = ("source", "timeout", "protocols", "max_pixels", "follow")


class Rescan:
    """Finds it: the decoder's own, or with a decoder for nothing else."""

    def __init__(
        self,
        kind: type[VideoDecoder],
        options: dict[str, Any],
        seekable: bool,
        video: VideoDecoder | None = None,
    ) -> None:
        self._parts = (kind, options, seekable)
        self._video = None if video is None else weakref.ref(video)
        self._index: VideoIndex | None = None

    def __call__(self) -> VideoIndex:
        video = self._video() if self._video else None
        if video is not None and not (video._closed and video._index is None):
            return video.index
        kind, options, seekable = self._parts
        if not seekable:
            name = source(options["source"]).name
            raise UnsupportedError(f"{name}: it can be read only once")
        if self._index is None:
            with kind(device="cpu", fallback="silent", **options) as again:
                self._index = again.index
        return self._index

    def __reduce__(self) -> tuple[Any, ...]:
        return Rescan, self._parts
