"""What pixels a decoder is to give: the arguments, checked, as the core takes them."""

from __future__ import annotations

from typing import Any, NamedTuple

from gvdecode import arguments
from gvdecode.times import real

__all__ = ["Output", "choose"]

PIXEL_FORMATS = ("rgb24", "bgr24", "gray8", "native")
DTYPES = ("uint8", "uint16", "float16", "bfloat16", "float32")
FLOATS = DTYPES[2:]
COLORSPACES = {  # the matrices' numbers in H.273
    "bt601": 6,
    "bt709": 1,
    "bt2020": 9,
    "fcc": 4,
    "smpte240m": 7,
    "ycgco": 8,
    "rgb": 0,
}

_LARGEST_SIDE = 32768
_LARGEST_CROP = 2**30  # sums of two are ints in the core
_FLOAT_MAX = float.fromhex("0x1.fffffep+127")  # of the core's floats
_FLOAT_MIN = float.fromhex("0x1p-126")
_SIZES = (
    'None, (height, width), an int for the shorter side, ("shorter", n) or '
    '("longer", n)'
)

Numbers3 = tuple[float, float, float]


class Output(NamedTuple):
    """The arguments of these names, in the core's words; the defaults are its too."""

    pixel_format: str = "rgb24"
    dtype: str = "uint8"
    dimension_order: str = "NCHW"
    crop: tuple[int, int, int, int] = (0, 0, 0, 0)  # without height: none
    size: tuple[str, int, int] = ("kept", 0, 0)
    interpolation: str = "bilinear"
    antialias: bool = True
    pad: tuple[int, int] = (0, 0)
    colorspace: int = -1
    out_range: str = "full"
    scale: float = 1.0
    mean: Numbers3 = (0.0, 0.0, 0.0)
    std: Numbers3 = (1.0, 1.0, 1.0)

    @property
    def native(self) -> bool:
        return self.pixel_format == "native"


def choose(
    *,
    pixel_format: object = "rgb24",
    dtype: object = "uint8",
    dimension_order: object = "NCHW",
    crop: object = None,
    size: object = None,
    interpolation: object = "bilinear",
    antialias: object = True,
    pad: object = None,
    colorspace: object = None,
    out_range: object = "full",
    scale: Any = 1.0,
    mean: object = None,
    std: object = None,
) -> Output:
    """The output of a decoder's arguments; ValueError or TypeError names the bad."""
    pixels = arguments.choice("pixel_format", pixel_format, PIXEL_FORMATS)
    channels = 1 if pixels == "gray8" else 3
    output = Output(
        pixel_format=pixels,
        dtype=_dtype(dtype),
        dimension_order=arguments.choice(
            "dimension_order", dimension_order, ("NCHW", "NHWC")
        ),
        crop=_crop(crop),
        size=_size(size),
        interpolation=arguments.choice(
            "interpolation", interpolation, ("bilinear", "bicubic", "nearest", "area")
        ),
        antialias=arguments.flag("antialias", antialias),
        pad=_pad(pad),
        colorspace=_colorspace(colorspace),
        out_range=arguments.choice("out_range", out_range, ("full", "limited")),
        scale=_scale(scale),
        mean=_each_channel("mean", mean, channels, 0.0),
        std=_each_channel("std", std, channels, 1.0),
    )
    if any(abs(number) < _FLOAT_MIN for number in output.std):
        raise ValueError("std must not be 0: the pixels are divided by it")
    if output.native:
        _check_native(output)
    if output.dtype not in FLOATS:
        given = {
            "scale": output.scale != 1,
            "mean": mean is not None,
            "std": std is not None,
        }
        for name in (name for name, is_given in given.items() if is_given):
            raise ValueError(
                f"{name} is for pixels of a float dtype, {_quoted(FLOATS)}: "
                f'got dtype="{output.dtype}"'
            )
    return output


def _quoted(words: tuple[str, ...]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def _check_native(output: Output) -> None:
    default = Output(
        pixel_format=output.pixel_format, dimension_order=output.dimension_order
    )
    for name, value, untouched in zip(output._fields, output, default, strict=True):
        if value != untouched:
            raise ValueError(
                f'{name} does not go with pixel_format="native": those are the '
                "decoded planes as they are; pass one of "
                f"{_quoted(PIXEL_FORMATS[:-1])} to have pixels made of them"
            )


def _dtype(value: object) -> str:
    """The name of a str, a torch dtype or NumPy's dtypes and scalar types."""
    name = value.__name__ if isinstance(value, type) else str(value)
    name = name.removeprefix("torch.")
    if name not in DTYPES:
        raise ValueError(
            f"dtype must be one of {_quoted(DTYPES)}, or NumPy's or torch's dtype of "
            f"such a name, got {value!r}"
        )
    return name


def _items(value: object) -> list[Any] | None:
    """The items of a sequence or an array; None of anything else."""
    if isinstance(value, (str, bytes, bytearray)):
        return None
    try:
        return list(value)  # type: ignore[call-overload, no-any-return]
    except TypeError:
        return None


def _crop(value: object) -> tuple[int, int, int, int]:
    if value is None:
        return (0, 0, 0, 0)
    items = _items(value)
    if items is None:
        raise TypeError(
            "crop must be None or (top, left, height, width), "
            f"got {type(value).__name__}"
        )
    if len(items) != 4:
        raise ValueError(
            f"crop must be (top, left, height, width), got {len(items)} numbers"
        )
    top, left = (
        arguments.integer(f"crop's {name}", item, 0, _LARGEST_CROP)
        for name, item in zip(("top", "left"), items[:2], strict=True)
    )
    return (top, left, *_sides("crop", items[2:], _LARGEST_CROP))


def _sides(name: str, items: list[Any], most: int = _LARGEST_SIDE) -> tuple[int, int]:
    return (
        arguments.integer(f"{name}'s height", items[0], 1, most),
        arguments.integer(f"{name}'s width", items[1], 1, most),
    )


def _size(value: object) -> tuple[str, int, int]:
    if value is None:
        return ("kept", 0, 0)
    items = _items(value)
    if items is None:
        if not hasattr(value, "__index__"):
            raise TypeError(f"size must be {_SIZES}, got {type(value).__name__}")
        items = ["shorter", value]
    if len(items) != 2:
        raise ValueError(f"size must be {_SIZES}, got {len(items)} numbers")
    rule, number = items
    if not isinstance(rule, str):
        return ("exact", *_sides("size", items))
    if rule not in ("shorter", "longer"):
        raise ValueError(f"size must be {_SIZES}, got {rule!r}")
    return (rule, arguments.integer("size", number, 1, _LARGEST_SIDE), 0)


def _pad(value: object) -> tuple[int, int]:
    if value is None:
        return (0, 0)
    items = _items(value)
    if items is None:
        raise TypeError(
            f"pad must be None or (height, width), got {type(value).__name__}"
        )
    if len(items) != 2:
        raise ValueError(f"pad must be (height, width), got {len(items)} numbers")
    return _sides("pad", items)


def _colorspace(value: object) -> int:
    if value is None:
        return -1
    return COLORSPACES[arguments.choice("colorspace", value, tuple(COLORSPACES))]


def _scale(value: Any) -> float:
    scale = real("scale", value)
    if not 255 / _FLOAT_MAX <= scale <= _FLOAT_MAX:
        raise ValueError(f"scale must be above 0 and finite, got {scale}")
    return scale


def _each_channel(name: str, value: Any, channels: int, missing: float) -> Numbers3:
    """A number for each of the core's three channels."""
    items = [missing] if value is None else _items(value)
    if items is None:
        items = [value]
    elif value is not None and len(items) != channels:
        raise ValueError(
            f"{name} must be a number or one for each channel, {channels}, "
            f"got {len(items)}"
        )
    numbers = [real(name, item) for item in items]
    for number in numbers:
        if not abs(number) <= _FLOAT_MAX:
            raise ValueError(f"{name} must be finite, got {number}")
    first, second, third = numbers if len(numbers) == 3 else numbers * 3
    return first, second, third
