"""The arguments of the pixels: what is wrong with one names it and the good ones."""

import fractions

import numpy as np
import pytest
from conftest import Clips, Opener

import gvdecode
from gvdecode import output

BAD = [
    ({"pixel_format": "rgb"}, ValueError, 'pixel_format .*"rgb24", "bgr24", "gray8"'),
    ({"pixel_format": None}, TypeError, 'pixel_format .*"native"'),
    ({"dtype": "float64"}, ValueError, 'dtype .*"uint8", .*"bfloat16", "float32"'),
    ({"dtype": None}, ValueError, "dtype .*None"),
    ({"dtype": np.int8}, ValueError, "dtype .*int8"),
    ({"dtype": np.dtype(">f2")}, ValueError, "dtype .*>f2"),
    ({"crop": 5}, TypeError, "crop .*top, left, height, width.*int"),
    ({"crop": "5555"}, TypeError, "crop .*str"),
    ({"crop": (0, 0, 5)}, ValueError, "crop .*got 3 numbers"),
    ({"crop": (-1, 0, 5, 5)}, ValueError, "crop's top .*-1"),
    ({"crop": (0, 2**40, 5, 5)}, ValueError, "crop's left"),
    ({"crop": (0, 0, 0, 5)}, ValueError, "crop's height must be 1"),
    ({"crop": (0, 0, 5, 2.0)}, TypeError, "crop's width .*float"),
    ({"crop": (True, 0, 5, 5)}, TypeError, "crop's top .*bool"),
    ({"size": 0}, ValueError, "size must be 1 to 32768, got 0"),
    ({"size": 32769}, ValueError, "size .*32769"),
    ({"size": True}, TypeError, "size .*bool"),
    ({"size": 2.5}, TypeError, "size .*height, width.*float"),
    ({"size": "shorter"}, TypeError, "size .*str"),
    ({"size": (4,)}, ValueError, "size .*got 1 numbers"),
    ({"size": (4, 0)}, ValueError, "size's width"),
    ({"size": (4, "5")}, TypeError, "size's width .*str"),
    ({"size": ("widest", 4)}, ValueError, 'size .*"longer", n.*widest'),
    ({"size": ("longer", -4)}, ValueError, "size .*-4"),
    ({"size": ("longer", None)}, TypeError, "size .*NoneType"),
    ({"interpolation": "lanczos"}, ValueError, 'interpolation .*"bilinear", "bicubic"'),
    ({"interpolation": 2}, TypeError, "interpolation .*int"),
    ({"colorspace": "bt470"}, ValueError, 'colorspace .*"bt601", "bt709", "bt2020"'),
    ({"colorspace": 1}, TypeError, "colorspace .*int"),
    ({"out_range": "tv"}, ValueError, 'out_range .*"full", "limited"'),
    ({"pad": 5}, TypeError, "pad .*height, width.*int"),
    ({"pad": (5, 5, 5)}, ValueError, "pad .*got 3 numbers"),
    ({"pad": (0, 5)}, ValueError, "pad's height"),
    ({"scale": 255}, ValueError, 'scale .*float16.*dtype="uint8"'),
    ({"mean": 0.5}, ValueError, 'mean .*float16.*dtype="uint8"'),
    ({"std": 0.5, "dtype": "uint16"}, ValueError, 'std .*float16.*dtype="uint16"'),
]
BAD_FLOAT = [
    ({"scale": 0}, ValueError, "scale must be above 0"),
    ({"scale": -1}, ValueError, "scale must be above 0"),
    ({"scale": float("nan")}, ValueError, "scale .*nan"),
    ({"scale": float("inf")}, ValueError, "scale .*inf"),
    ({"scale": 1e-300}, ValueError, "scale must be above 0"),
    ({"scale": "1"}, TypeError, "scale .*str"),
    ({"mean": (0.5, 0.5)}, ValueError, "mean .*one for each channel, 3, got 2"),
    ({"mean": (0.5,) * 3, "pixel_format": "gray8"}, ValueError, "mean .*1, got 3"),
    ({"mean": ()}, ValueError, "mean .*got 0"),
    ({"mean": "0.5"}, TypeError, "mean .*str"),
    ({"mean": (0.5, None, 0.5)}, TypeError, "mean .*NoneType"),
    ({"mean": float("nan")}, ValueError, "mean must be finite"),
    ({"mean": 1e39}, ValueError, "mean must be finite"),
    ({"std": float("inf")}, ValueError, "std must be finite"),
    ({"std": 0.0}, ValueError, "std must not be 0"),
    ({"std": (1, 0, 1)}, ValueError, "std must not be 0"),
    ({"std": 1e-50}, ValueError, "std must not be 0"),
]
NOT_NATIVE = [
    ("dtype", "float32"),
    ("crop", (0, 0, 5, 5)),
    ("size", 5),
    ("interpolation", "area"),
    ("antialias", False),
    ("pad", (5, 5)),
    ("colorspace", "bt709"),
    ("out_range", "limited"),
    ("scale", 255),
    ("mean", 0.5),
    ("std", 0.5),
]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [*BAD, *(({"dtype": "float32"} | bad, *rest) for bad, *rest in BAD_FLOAT)],
)
def test_a_bad_argument_is_named_with_the_good_ones(
    clips: Clips, options: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        gvdecode.VideoDecoder(clips.path("h264.mp4"), **options)


@pytest.mark.parametrize(("name", "value"), NOT_NATIVE)
def test_native_frames_are_not_converted(
    clips: Clips, name: str, value: object
) -> None:
    with pytest.raises(ValueError, match=rf'^{name} .*"native".*"rgb24"'):
        gvdecode.VideoDecoder(
            clips.path("h264.mp4"), pixel_format="native", **{name: value}
        )


class TorchDtype:
    """What torch's dtypes show of themselves."""

    def __repr__(self) -> str:
        return "torch.bfloat16"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("uint16", "uint16"),
        (np.uint8, "uint8"),
        (np.float16, "float16"),
        (np.dtype("float32"), "float32"),
        (TorchDtype(), "bfloat16"),
        ("torch.float16", "float16"),
    ],
)
def test_a_dtype_is_a_name_or_another_librarys(value: object, name: str) -> None:
    assert output.choose(dtype=value).dtype == name


def test_torchs_dtypes_are_known() -> None:
    torch = pytest.importorskip("torch")
    for name in output.DTYPES:
        assert output.choose(dtype=getattr(torch, name)).dtype == name


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ("kept", 0, 0)),
        (224, ("shorter", 224, 0)),
        (np.int64(224), ("shorter", 224, 0)),
        (np.array(224), ("shorter", 224, 0)),
        ((224, 192), ("exact", 224, 192)),
        ([224, 192], ("exact", 224, 192)),
        (np.array([224, 192]), ("exact", 224, 192)),
        (("shorter", 9), ("shorter", 9, 0)),
        (("longer", 32768), ("longer", 32768, 0)),
    ],
)
def test_a_size_is_a_side_or_two(value: object, expected: tuple[object, ...]) -> None:
    assert output.choose(size=value).size == expected


def test_a_crop_is_of_any_ints() -> None:
    for value in ((1, 2, 3, 4), [1, 2, 3, 4], np.array([1, 2, 3, 4], dtype=np.uint8)):
        assert output.choose(crop=value).crop == (1, 2, 3, 4)
    assert output.choose(pad=np.array([3, 4])).pad == (3, 4)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, (0.5, 0.5, 0.5)),
        (fractions.Fraction(1, 2), (0.5, 0.5, 0.5)),
        (np.float32(0.5), (0.5, 0.5, 0.5)),
        (np.array(0.5), (0.5, 0.5, 0.5)),
        ((1, 2, 3), (1.0, 2.0, 3.0)),
        (np.array([1.0, 2.0, 3.0]), (1.0, 2.0, 3.0)),
    ],
)
def test_mean_and_std_are_one_number_or_one_a_channel(
    value: object, expected: tuple[float, ...]
) -> None:
    chosen = output.choose(dtype="float32", mean=value, std=value)
    assert (chosen.mean, chosen.std) == (expected, expected)


def test_gray_has_one_mean() -> None:
    for value in (0.5, [0.5], np.array([0.5])):
        chosen = output.choose(dtype="float32", pixel_format="gray8", mean=value)
        assert chosen.mean == (0.5, 0.5, 0.5)
        assert chosen.std == (1.0, 1.0, 1.0)


def test_colour_matrices_have_the_numbers_of_h273() -> None:
    names = [None, "bt601", "bt709", "bt2020", "fcc", "smpte240m", "ycgco", "rgb"]
    numbers = [output.choose(colorspace=name).colorspace for name in names]
    assert numbers == [-1, 6, 1, 9, 4, 7, 8, 0]


def test_the_defaults_are_the_cores_defaults() -> None:
    assert output.choose() == output.Output()


SHAPES = [
    ({}, (2, 3, 240, 320)),
    ({"dimension_order": "NHWC"}, (2, 240, 320, 3)),
    ({"pixel_format": "bgr24"}, (2, 3, 240, 320)),
    ({"pixel_format": "gray8"}, (2, 1, 240, 320)),
    ({"pixel_format": "gray8", "dimension_order": "NHWC"}, (2, 240, 320, 1)),
    ({"crop": (1, 3, 101, 55)}, (2, 3, 101, 55)),
    ({"crop": (0, 0, 240, 320)}, (2, 3, 240, 320)),
    ({"size": (96, 64)}, (2, 3, 96, 64)),
    ({"size": 120}, (2, 3, 120, 160)),
    ({"size": ("longer", 80)}, (2, 3, 60, 80)),
    ({"size": (300, 400), "interpolation": "bicubic"}, (2, 3, 300, 400)),
    ({"size": 60, "crop": (10, 20, 100, 200)}, (2, 3, 60, 120)),
    ({"size": ("longer", 64), "pad": (64, 64)}, (2, 3, 64, 64)),
    ({"pad": (250, 321), "dimension_order": "NHWC"}, (2, 250, 321, 3)),
    ({"size": 120, "interpolation": "nearest", "antialias": False}, (2, 3, 120, 160)),
    ({"size": 120, "interpolation": "area"}, (2, 3, 120, 160)),
    ({"colorspace": "bt2020", "out_range": "limited"}, (2, 3, 240, 320)),
]


@pytest.mark.parametrize(("options", "shape"), SHAPES)
@pytest.mark.parametrize("dtype", ["uint8", "float16"])
def test_frames_have_the_shape_that_was_asked_for(
    opened: Opener, options: dict[str, object], shape: tuple[int, ...], dtype: str
) -> None:
    video = opened("h264.mp4", dtype=dtype, **options)
    batch = video.get_frames_at([3, 40])
    frame = batch[1]
    assert (batch.shape, batch.dtype) == (shape, dtype)
    assert (frame.shape, frame.dtype) == (shape[1:], dtype)
    packed = options.get("dimension_order") == "NHWC"
    assert (frame.height, frame.width) == (shape[1:3] if packed else shape[2:])
    expected = options.get("pixel_format", "rgb24")
    assert batch.pixel_format == frame.pixel_format == expected
    assert frame.planes == ()
    assert batch.numpy().shape == shape and batch.numpy().dtype == dtype
    empty = video.get_frames_at([])
    assert (empty.shape, empty.dtype) == ((0, *shape[1:]), dtype)
    assert empty.numpy().dtype == dtype and empty.device == video.device
    (alone,) = [f for i, f in enumerate(video) if i == 3]
    np.testing.assert_array_equal(alone.numpy(), batch[0].numpy())


@pytest.mark.parametrize("name", output.DTYPES)
def test_each_dtype_goes_the_ways_that_it_has(opened: Opener, name: str) -> None:
    batch = next(opened("h264.mp4", dtype=name, size=32).batches(2))
    assert batch.dtype == batch[0].dtype == name
    tensor = batch._tensor
    if name == "bfloat16":
        with pytest.raises(TypeError, match=r"torch\(\).*float16"):
            batch.numpy()
        with pytest.raises(BufferError):
            memoryview(tensor)
        assert not hasattr(batch, "__cuda_array_interface__")
        return
    array = batch.numpy()
    assert array.dtype == name and array.size * array.itemsize == tensor.nbytes
    if batch.device == "cpu":
        np.testing.assert_array_equal(np.from_dlpack(batch), array)
        np.testing.assert_array_equal(np.asarray(tensor), array)
        assert memoryview(tensor).itemsize == array.itemsize
    else:
        typestr = batch.__cuda_array_interface__["typestr"]
        assert np.dtype(typestr) == array.dtype


@pytest.mark.parametrize("name", output.DTYPES)
def test_each_dtype_goes_into_torch(opened: Opener, name: str) -> None:
    torch = pytest.importorskip("torch")
    video = opened("h264.mp4", dtype=name, size=32)
    batch = next(video.batches(2))
    assert batch.torch().dtype == getattr(torch, name)
    assert batch.torch().data_ptr() == batch._tensor.data_ptr
    assert video.get_frames_at([]).torch().dtype == getattr(torch, name)
    if name != "bfloat16":
        np.testing.assert_array_equal(batch.torch().cpu().numpy(), batch.numpy())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"crop": (200, 0, 41, 10)}, "crop"),
        ({"crop": (0, 321, 10, 10)}, "crop"),
        ({"pad": (239, 320)}, "pad"),
        ({"size": 120, "pad": (120, 159)}, "pad"),
    ],
)
def test_what_does_not_fit_the_picture_is_refused(
    opened: Opener, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        opened("h264.mp4", **options).get_frame_at(0)
