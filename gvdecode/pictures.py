"""Frames as notebooks show them: small pictures, by Pillow where it is installed."""

from __future__ import annotations

import base64
import html
import importlib
import importlib.util
import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from gvdecode.lazy import np
from gvdecode.output import Output

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gvdecode.frames import Frame, FrameBatch

__all__ = ["png_of", "strip_of"]

SIDE = 640  # the longer side of a picture, at most
STRIP = 8  # pictures of a batch
STRIP_SIDE = 160


def png_of(frame: Frame, side: int = SIDE) -> bytes | None:
    """The frame as a PNG file no larger than that; None without Pillow, and of
    what is no array that NumPy has."""
    levels = _levels(frame)
    if levels is None:
        return None
    image = importlib.import_module("PIL.Image").fromarray(levels)
    image.thumbnail((side, side))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def strip_of(batch: FrameBatch) -> str | None:
    """Some of the frames side by side, as HTML."""
    step = max(1, -(-len(batch) // STRIP))
    shown = [batch[i] for i in range(0, len(batch), step)]
    pictures = list(_figures(shown))
    if not pictures:
        return None
    return f'<div style="display:flex;flex-wrap:wrap">{"".join(pictures)}</div>'


def _figures(frames: Iterable[Frame]) -> Iterator[str]:
    for frame in frames:
        picture = png_of(frame, STRIP_SIDE)
        if picture is None:
            continue
        source = base64.b64encode(picture).decode()
        label = f"{frame.number}: {frame.pts_seconds:.3f} s"
        yield (
            f'<figure style="margin:2px"><img src="data:image/png;base64,{source}">'
            f"<figcaption>{html.escape(label)}</figcaption></figure>"
        )


def _levels(frame: Frame) -> NDArray[np.uint8] | None:
    """The picture in uint8, (H, W, 3) in RGB or (H, W)."""
    output = frame._output
    if output.native or output.dtype == "bfloat16":
        return None
    if importlib.util.find_spec("PIL") is None:
        return None
    pixels = frame.numpy()
    if output.dimension_order == "NCHW":
        pixels = pixels.transpose(1, 2, 0)
    pixels = _to_bytes(pixels, output)
    if pixels.shape[2] == 1:
        return np.ascontiguousarray(pixels[:, :, 0])
    step = -1 if output.pixel_format == "bgr24" else 1
    return np.ascontiguousarray(pixels[:, :, ::step])


def _to_bytes(pixels: NDArray[Any], output: Output) -> NDArray[np.uint8]:
    if output.dtype == "uint8":
        return pixels
    if output.dtype == "uint16":
        return (pixels >> 8).astype(np.uint8)
    channels = pixels.shape[2]
    mean, std = (
        np.array(each[:channels], np.float32) for each in (output.mean, output.std)
    )
    levels = (pixels.astype(np.float32) * std + mean) * (255 / output.scale)
    found: NDArray[np.uint8] = np.clip(levels + 0.5, 0, 255).astype(np.uint8)
    return found
