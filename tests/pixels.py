"""What the pixels should be, in float64, and raw clips to try it with.

Nothing here is the library's: `expected` says in NumPy what VideoDecoder's output
options mean, and `write_y4m` writes samples that no codec changes.
"""

import ctypes
import math
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]  # of integers
Real = NDArray[np.float64]
Shape = tuple[int, int]  # height and width
POINTER = ctypes.POINTER(ctypes.c_void_p)


@dataclass(frozen=True)
class Layout:
    bits: int
    shift: Shape | None  # of chroma, along y and along x; None: there is none
    alpha: bool = False

    def shapes(self, shape: Shape) -> list[Shape]:
        """Of the planes of a picture."""
        planes = [shape]
        if self.shift:
            down, across = self.shift
            planes += [(-(-shape[0] >> down), -(-shape[1] >> across))] * 2
        return planes + [shape] * self.alpha

    @property
    def sample(self) -> str:
        """NumPy's name of the type in a file."""
        return "u1" if self.bits == 8 else "<u2"


Y4M = {
    "420jpeg": Layout(8, (1, 1)),
    "422": Layout(8, (0, 1)),
    "444": Layout(8, (0, 0)),
    "411": Layout(8, (0, 2)),
    "444alpha": Layout(8, (0, 0), alpha=True),
    "mono": Layout(8, None),
    "420p9": Layout(9, (1, 1)),
    "420p10": Layout(10, (1, 1)),
    "422p10": Layout(10, (0, 1)),
    "444p10": Layout(10, (0, 0)),
    "420p12": Layout(12, (1, 1)),
    "422p12": Layout(12, (0, 1)),
    "444p12": Layout(12, (0, 0)),
    "420p14": Layout(14, (1, 1)),
    "420p16": Layout(16, (1, 1)),
    "422p16": Layout(16, (0, 1)),
    "444p16": Layout(16, (0, 0)),
    "mono9": Layout(9, None),
    "mono10": Layout(10, None),
    "mono12": Layout(12, None),
    "mono16": Layout(16, None),
}

# Kr and Kb.
MATRICES = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
    "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
}


@dataclass(frozen=True)
class Picture:
    """Samples as they are coded, with their meaning."""

    planes: tuple[Plane, ...]
    layout: Layout
    full: bool = False
    matrix: str = "bt601"  # "rgb": the planes are green, blue and red

    @property
    def shape(self) -> Shape:
        height, width = self.planes[0].shape
        return height, width


KINDS = ("random", "ramp", "saturated")


def make(layout: Layout, shape: Shape, kind: str, full: bool = False) -> Picture:
    """A picture of all codes, legal or not, the same at every call."""
    rng = np.random.default_rng([layout.bits, *shape, KINDS.index(kind)])
    top = (1 << layout.bits) - 1
    planes = []
    for number, (height, width) in enumerate(layout.shapes(shape)):
        plane: Plane
        if kind == "random":
            plane = rng.integers(0, top + 1, (height, width))
        elif kind == "saturated":
            plane = rng.integers(0, 2, (height, width)) * top
        else:
            ramp = np.linspace(0, top, height * width).round()
            ramp = np.roll(ramp[:: -1 if number == 1 else 1], number * 7)
            plane = ramp.reshape(height, width)
        planes.append(plane.astype(layout.sample))
    return Picture(tuple(planes), layout, full)


def ranges(layout: Layout, shape: Shape = (17, 33)) -> Iterator[list[Picture]]:
    """Pictures of all kinds, limited ones and full ones."""
    for full in (False, True):
        yield [make(layout, shape, kind, full) for kind in KINDS]


def flat(layout: Layout, shape: Shape, luma: int, full: bool = False) -> Picture:
    """A gray picture."""
    chroma = 1 << (layout.bits - 1)
    values = [luma, chroma, chroma, 0] if layout.shift else [luma]
    planes = [
        np.full(size, value, layout.sample)
        for size, value in zip(layout.shapes(shape), values, strict=False)
    ]
    return Picture(tuple(planes), layout, full)


def write_y4m(
    path: Path, name: str, pictures: Sequence[Picture], tagged: bool = True
) -> Path:
    """Frames of one layout, size and range. Untagged: the file tells no range."""
    height, width = pictures[0].shape
    header = f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C{name}"
    if tagged:
        header += f" XCOLORRANGE={'FULL' if pictures[0].full else 'LIMITED'}"
    data = bytearray(f"{header}\n".encode())
    for picture in pictures:
        data += b"FRAME\n" + raw(picture)
    path.write_bytes(data)
    return path


def raw(picture: Picture) -> bytes:
    sample = picture.layout.sample
    return b"".join(plane.astype(sample).tobytes() for plane in picture.planes)


# --- colour ---


def luma(picture: Picture, plane: Plane) -> Real:
    bits = picture.layout.bits
    if picture.full:
        return plane.astype(np.float64) / ((1 << bits) - 1)
    return (plane.astype(np.float64) - (16 << (bits - 8))) / (219 << (bits - 8))


def chroma(picture: Picture, plane: Plane) -> Real:
    """From -0.5 to 0.5, for every pixel."""
    bits, (down, across) = picture.layout.bits, picture.layout.shift or (0, 0)
    span = (1 << bits) - 1 if picture.full else 224 << (bits - 8)
    height, width = picture.shape
    of_row, of_column = np.arange(height) >> down, np.arange(width) >> across
    values: Real = (plane.astype(np.float64) - (1 << (bits - 1))) / span
    spread: Real = values[np.ix_(of_row, of_column)]
    return spread


def rgb(picture: Picture) -> Real:
    """Red, green and blue: (3, H, W) in [0, 1]."""
    y = luma(picture, picture.planes[0])
    if picture.layout.shift is None:
        return np.clip(np.stack([y, y, y]), 0, 1)
    if picture.matrix == "rgb":
        green, blue, red = (luma(picture, plane) for plane in picture.planes[:3])
        return np.clip(np.stack([red, green, blue]), 0, 1)
    cb, cr = (chroma(picture, plane) for plane in picture.planes[1:3])
    if picture.matrix == "ycgco":
        return np.clip(np.stack([y - cb + cr, y + cb, y - cb - cr]), 0, 1)
    kr, kb = MATRICES[picture.matrix]
    red, blue = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    clipped: Real = np.clip(np.stack([red, green, blue]), 0, 1)
    return clipped


def gray(picture: Picture) -> Real:
    """(1, H, W) in [0, 1]."""
    if picture.matrix == "rgb" and picture.layout.shift:
        red, green, blue = rgb(picture)
        sums: Real = 0.299 * red + 0.587 * green + 0.114 * blue
        return sums[None]
    y: Real = np.clip(luma(picture, picture.planes[0]), 0, 1)
    return y[None]


# --- size ---


def triangle(x: Real) -> Real:
    weight: Real = np.clip(1 - np.abs(x), 0, 1)
    return weight


def cubic(x: Real, a: float) -> Real:
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * a * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def weights(count: int, into: int, interpolation: str, antialias: bool) -> Real:
    """How much each of `count` pixels gives to each of `into`: (into, count)."""
    matrix = np.zeros((into, count))
    scale = count / into
    for i, row in enumerate(matrix):
        if interpolation == "nearest":
            row[(2 * i + 1) * count // (2 * into)] = 1
        elif interpolation == "area":
            left = np.maximum(np.arange(count), i * scale)
            right = np.minimum(np.arange(count) + 1, (i + 1) * scale)
            row[:] = np.maximum(right - left, 0)
        elif antialias:
            antialiased(row, (i + 0.5) * scale, max(scale, 1), interpolation)
        else:
            point(row, (i + 0.5) * scale - 0.5, interpolation)
    normal: Real = matrix / matrix.sum(1, keepdims=True)
    return normal


def antialiased(row: Real, centre: float, wide: float, interpolation: str) -> None:
    """As PIL and torchvision weigh: a kernel `wide` times as wide."""
    support = wide * (1 if interpolation == "bilinear" else 2)
    low = int(max(centre - support + 0.5, 0))
    high = int(min(centre + support + 0.5, len(row)))
    x: Real = (np.arange(low, high, dtype=np.float64) - centre + 0.5) / wide
    row[low:high] = triangle(x) if interpolation == "bilinear" else cubic(x, -0.5)


def point(row: Real, at: float, interpolation: str) -> None:
    """As torch weighs without antialiasing, align_corners=False."""
    reach = 1 if interpolation == "bilinear" else 2
    first = int(np.floor(at))
    taps = np.arange(first - reach + 1, first + reach + 1)
    x: Real = taps.astype(np.float64) - at
    weight = triangle(x) if interpolation == "bilinear" else cubic(x, -0.75)
    np.add.at(row, np.clip(taps, 0, len(row) - 1), weight)


def resize(
    x: Real, shape: Shape, interpolation: str = "bilinear", antialias: bool = True
) -> Real:
    """Of (C, H, W), both axes by themselves."""
    if x.shape[1:] == shape:
        return x
    height, width = (
        weights(count, into, interpolation, antialias)
        for count, into in zip(x.shape[1:], shape, strict=True)
    )
    return height @ x @ width.T


Size = Shape | int | tuple[str, int] | None


def sized(shape: Shape, size: Size) -> Shape:
    """What `size` makes of a picture's height and width."""
    if size is None:
        return shape
    if isinstance(size, int):
        size = ("shorter", size)
    if isinstance(size[0], int):
        return size[0], size[1]
    side, n = size
    one = min(shape) if side == "shorter" else max(shape)
    height, width = (max(1, n * length // one) for length in shape)
    return height, width


# --- all of it ---


def expected(
    picture: Picture,
    *,
    pixel_format: str = "rgb24",
    colorspace: str | None = None,
    crop: tuple[int, int, int, int] | None = None,
    size: Size = None,
    interpolation: str = "bilinear",
    antialias: bool = True,
    quarters: int = 0,
    **finish: Any,
) -> Real:
    """(C, H, W) in the numbers of the type; those of floats are not rounded.

    Everything refers to the picture after that many quarter turns to the left.
    """
    picture = replace(picture, matrix=colorspace or picture.matrix)
    x = gray(picture) if pixel_format == "gray8" else rgb(picture)
    x = np.rot90(x[::-1] if pixel_format == "bgr24" else x, quarters, (1, 2))
    if crop:
        top, left, height, width = crop
        x = x[:, top : top + height, left : left + width]
    x = resize(x, sized((x.shape[1], x.shape[2]), size), interpolation, antialias)
    return finished(np.clip(x, 0, 1), **finish)


def finished(
    x: Real,
    *,
    dtype: str = "uint8",
    pad: Shape | None = None,
    out_range: str = "full",
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    scale: float = 1.0,
) -> Real:
    if pad:
        height, width = x.shape[1:]
        top, left = (pad[0] - height) // 2, (pad[1] - width) // 2
        canvas = np.zeros((len(x), *pad))
        canvas[:, top : top + height, left : left + width] = x
        x = canvas
    if out_range == "limited":
        x = 16 / 255 + x * 219 / 255
    if dtype in ("uint8", "uint16"):
        return np.round(x * (255 if dtype == "uint8" else 65535))
    channels = (-1, 1, 1)
    below: Real = np.reshape(0.0 if mean is None else mean, channels)
    by: Real = np.reshape(1.0 if std is None else std, channels)
    return (x * scale - below) / by


def values(batch: Any) -> Plane:
    """A batch as NumPy's array; that has no bfloat16: it becomes float32."""
    if batch.dtype != "bfloat16":
        array: Plane = batch.numpy()
        return array
    capsule = batch.__dlpack__(dl_device=(1, 0))
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.argtypes, pointer.restype = [ctypes.py_object, ctypes.c_char_p], POINTER
    data = pointer(capsule, b"dltensor")[0]  # a DLTensor's first field
    memory = (ctypes.c_uint16 * math.prod(batch.shape)).from_address(data or 0)
    words: Plane = np.ctypeslib.as_array(memory).astype(np.uint32) << 16
    return words.view(np.float32).reshape(batch.shape)


def check(
    found: Plane, exact: Real, dtype: str = "uint8", bits: int = 8, by: float = 1
) -> None:
    """That no sample is further away than promised.

    `bits` are the source's, 0 if it was resized; `by` is what 1.0 became.
    """
    assert found.shape == exact.shape
    away: Real = np.abs(found.astype(np.float64) - exact)
    limit: Any = 1e-3 * by
    if dtype == "uint8":
        limit = 1
    elif dtype == "uint16":
        limit = 1 if bits > 8 else 17 if bits else 66
    elif dtype != "float32":
        digits = 10 if dtype == "float16" else 7
        limit = limit + np.exp2(np.floor(np.log2(np.abs(exact) + 1e-9)) - digits)
    where = np.unravel_index(np.argmax(away - limit), away.shape)
    assert (away <= limit).all(), (
        f"{found[where]} at {where} should be {exact[where]}; "
        f"{(away > limit).mean():.2%} are too far away"
    )


# --- what y4m cannot hold ---

Packer = Callable[[Shape], tuple[bytes, Picture]]


def planar(
    bits: int, shift: Shape, alpha: bool = False, matrix: str = "bt601"
) -> Packer:
    def pack(shape: Shape) -> tuple[bytes, Picture]:
        made = make(Layout(bits, shift, alpha), shape, "random", matrix == "rgb")
        return raw(made), replace(made, matrix=matrix)

    return pack


def paired(order: Sequence[int]) -> Packer:
    """4:2:0 with one plane of luma and one of chroma pairs."""

    def pack(shape: Shape) -> tuple[bytes, Picture]:
        made = make(Layout(8, (1, 1)), shape, "random")
        y, *both = made.planes
        return y.tobytes() + np.stack([both[k] for k in order], -1).tobytes(), made

    return pack


def four_in_two(order: str) -> Packer:
    """4:2:2 in one plane. The width is even."""

    def pack(shape: Shape) -> tuple[bytes, Picture]:
        made = make(Layout(8, (0, 1)), shape, "random")
        y, u, v = made.planes
        parts = {"y": y[:, ::2], "u": u, "Y": y[:, 1::2], "v": v}
        return np.stack([parts[k] for k in order], -1).tobytes(), made

    return pack


def pixels(order: str, sample: str = "u1") -> Packer:
    """RGB in one plane; "0" is filling."""

    def pack(shape: Shape) -> tuple[bytes, Picture]:
        bits = 8 * np.dtype(sample).itemsize
        made = make(Layout(bits, (0, 0)), shape, "random", full=True)
        green, blue, red = made.planes
        parts = {"r": red, "g": green, "b": blue, "0": np.full_like(red, 99)}
        data = np.stack([parts[k] for k in order], -1).astype(sample).tobytes()
        return data, replace(made, matrix="rgb")

    return pack


def rgb565(shape: Shape) -> tuple[bytes, Picture]:
    rng = np.random.default_rng(565)
    red, green, blue = (rng.integers(0, n, shape) for n in (32, 64, 32))
    wide = [np.rint(x * (65535 / n)) for x, n in ((green, 63), (blue, 31), (red, 31))]
    data = (red << 11 | green << 5 | blue).astype("<u2").tobytes()
    return data, Picture(tuple(wide), Layout(16, (0, 0)), True, "rgb")


def palette(shape: Shape) -> tuple[bytes, Picture]:
    rng = np.random.default_rng(256)
    colours = rng.integers(0, 256, (256, 4)).astype("u1")
    colours[:, 3] = 255  # blue, green, red, alpha
    number = rng.integers(0, 256, shape).astype("u1")
    blue, green, red, _ = np.moveaxis(colours[number], -1, 0)
    picture = Picture((green, blue, red), Layout(8, (0, 0)), True, "rgb")
    return number.tobytes() + colours.tobytes(), picture


RAW: dict[str, Packer] = {
    "gbrp": planar(8, (0, 0), matrix="rgb"),
    "gbrp10le": planar(10, (0, 0), matrix="rgb"),
    "gbrp12le": planar(12, (0, 0), matrix="rgb"),
    "gbrp16le": planar(16, (0, 0), matrix="rgb"),
    "yuv440p": planar(8, (1, 0)),
    "yuv410p": planar(8, (2, 2)),
    "yuva420p": planar(8, (1, 1), alpha=True),
    "yuva444p10le": planar(10, (0, 0), alpha=True),
    "nv12": paired((0, 1)),
    "nv21": paired((1, 0)),
    "yuyv422": four_in_two("yuYv"),
    "uyvy422": four_in_two("uyvY"),
    "rgb24": pixels("rgb"),
    "bgr0": pixels("bgr0"),
    "rgb48be": pixels("rgb", ">u2"),
    "rgb565le": rgb565,
    "pal8": palette,
}


def write_nut(path: Path, name: str, shape: Shape) -> Picture:
    """A raw frame of FFmpeg's pixel format, muxed by the ffmpeg program."""
    data, picture = RAW[name](shape)
    source = path.with_suffix(".raw")
    source.write_bytes(data)
    size = f"{shape[1]}x{shape[0]}"
    given = ["-f", "rawvideo", "-pix_fmt", name, "-s", size, "-i", str(source)]
    command = ["ffmpeg", "-v", "error", "-y", *given, "-c:v", "rawvideo", str(path)]
    subprocess.run(command, check=True)
    return picture
