"""What VideoDecoder's output options give, against the model in pixels.py."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MEDIA, Clips
from numpy.typing import NDArray
from pixels import (
    KINDS,
    MATRICES,
    RAW,
    Y4M,
    Layout,
    Picture,
    Shape,
    check,
    expected,
    flat,
    make,
    ranges,
    resize,
    values,
    write_nut,
    write_y4m,
)

import gvdecode
from gvdecode import _core

Array = NDArray[Any]
Options = dict[str, Any]
Show = Callable[..., Array]
DTYPES = ("uint8", "uint16", "float16", "bfloat16", "float32")
FORMATS = ("rgb24", "bgr24", "gray8")
NORMAL: Options = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
SCALINGS = [
    *itertools.product(("bilinear", "bicubic"), (True, False)),
    ("nearest", True),
    ("area", True),
]


@pytest.fixture
def show(device: str) -> Show:
    """Frames of a file as an array; a fallback to the CPU is all right."""

    def decode(path: Path, numbers: tuple[int, ...] = (0,), **options: Any) -> Array:
        options = {"device": device, "fallback": "silent"} | options
        with gvdecode.VideoDecoder(path, **options) as video:
            return values(video.get_frames_at(list(numbers)))

    return decode


# --- colour ---


@pytest.mark.parametrize("name", Y4M)
def test_raw_samples_come_out_as_they_were_written(tmp_path: Path, name: str) -> None:
    for pictures in ranges(Y4M[name]):
        path = write_y4m(tmp_path / "a.y4m", name, pictures)
        with gvdecode.VideoDecoder(path, device="cpu", pixel_format="native") as video:
            for frame, picture in zip(video, pictures, strict=True):
                planes = picture.planes[: 3 if Y4M[name].shift else 1]
                for plane, written in zip(frame.planes, planes, strict=True):
                    np.testing.assert_array_equal(plane.numpy(), written)


@pytest.mark.parametrize(
    ("name", "matrix"),
    [
        pair
        for pair in itertools.product(Y4M, (*MATRICES, "ycgco", "rgb"))
        if pair[1] != "rgb" or Y4M[pair[0]].shift == (0, 0)
    ],
)
def test_no_colour_is_more_than_a_level_off(
    show: Show, tmp_path: Path, name: str, matrix: str
) -> None:
    for pictures in ranges(Y4M[name]):
        path = write_y4m(tmp_path / "a.y4m", name, pictures)
        found = show(path, (0, 1, 2), colorspace=matrix)
        for one, picture in zip(found, pictures, strict=True):
            check(one, expected(picture, colorspace=matrix))


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 7), (33, 2), (48, 64)])
def test_odd_and_tiny_pictures_lose_no_edge(
    show: Show, tmp_path: Path, shape: Shape
) -> None:
    for name, layout in Y4M.items():
        for pictures in ranges(layout, shape):
            path = write_y4m(tmp_path / "a.y4m", name, pictures)
            found = show(path, (2, 0, 1), colorspace="bt709")
            for one, kind in zip(found, (2, 0, 1), strict=True):
                check(one, expected(pictures[kind], colorspace="bt709"))


@pytest.mark.parametrize("pixels", FORMATS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_has_its_precision(
    show: Show, tmp_path: Path, dtype: str, pixels: str
) -> None:
    options: Options = {"dtype": dtype, "pixel_format": pixels, "colorspace": "bt709"}
    for name in ("420jpeg", "444", "mono", "422p10", "444p12", "420p16", "mono16"):
        for pictures in ranges(Y4M[name]):
            path = write_y4m(tmp_path / "a.y4m", name, pictures)
            found = show(path, (0, 1, 2), **options)
            for one, picture in zip(found, pictures, strict=True):
                exact = expected(picture, **options)
                check(one, exact, dtype, Y4M[name].bits)


def test_gray_of_an_rgb_file_is_weighted_red_green_and_blue(
    show: Show, tmp_path: Path
) -> None:
    picture = make(Y4M["444"], (17, 33), "random", full=True)
    path = write_y4m(tmp_path / "a.y4m", "444", [picture])
    options: Options = {"colorspace": "rgb", "pixel_format": "gray8"}
    check(show(path, **options)[0], expected(picture, **options))


def test_a_file_without_tags_is_bt601_limited_but_rgb_is_full(
    show: Show, tmp_path: Path
) -> None:
    for name in ("420jpeg", "444p10", "mono"):
        picture = make(Y4M[name], (17, 33), "random")
        path = write_y4m(tmp_path / "a.y4m", name, [picture], tagged=False)
        check(show(path)[0], expected(picture))
    picture = make(Y4M["444"], (17, 33), "random", full=True)
    path = write_y4m(tmp_path / "a.y4m", "444", [picture], tagged=False)
    check(show(path, colorspace="rgb")[0], expected(picture, colorspace="rgb"))


@pytest.mark.parametrize("name", ["420jpeg", "444p10"])
def test_pictures_are_not_darker_on_average(
    show: Show, tmp_path: Path, name: str
) -> None:
    for pictures in ranges(Y4M[name], (48, 64)):
        path = write_y4m(tmp_path / "a.y4m", name, pictures)
        for one, picture in zip(show(path, (0, 1)), pictures, strict=False):
            exact = expected(picture, dtype="float32", scale=255)
            assert abs((one - exact).mean()) < 0.05


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("full", [False, True])
def test_white_is_exactly_white_and_black_black(
    show: Show, tmp_path: Path, full: bool, dtype: str
) -> None:
    most = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    for name, layout in Y4M.items():
        up = layout.bits - 8
        white = (1 << layout.bits) - 1 if full else 235 << up
        black = 0 if full else 16 << up
        pictures = [flat(layout, (17, 33), code, full) for code in (white, black)]
        path = write_y4m(tmp_path / "a.y4m", name, pictures)
        for options in ({}, {"pixel_format": "gray8"}, {"size": (24, 40)}, {"size": 5}):
            found = show(path, (0, 1), dtype=dtype, **options)
            assert (found[0] == most).all() and (found[1] == 0).all(), name


@pytest.mark.parametrize("name", ["420jpeg", "444p10"])
def test_halves_are_the_rounded_float32(show: Show, tmp_path: Path, name: str) -> None:
    path = write_y4m(tmp_path / "a.y4m", name, [make(Y4M[name], (17, 33), "random")])
    for options in ({}, {"size": (9, 50)}, NORMAL, {"scale": 255.0}):
        single = show(path, dtype="float32", **options)
        half = show(path, dtype="float16", **options)
        np.testing.assert_array_equal(half, single.astype(np.float16))
        words = single.view(np.uint32)
        even = (words + (0x7FFF + (words >> 16 & 1))) & np.uint32(0xFFFF0000)
        brain = show(path, dtype="bfloat16", **options)
        np.testing.assert_array_equal(brain, even.view(np.float32))


@pytest.mark.parametrize("name", RAW)
def test_packed_and_rare_formats_have_the_right_colours(
    show: Show, tmp_path: Path, name: str
) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("there is no ffmpeg here to write raw frames")
    picture = write_nut(tmp_path / "a.nut", name, (17, 34))
    whole = show(tmp_path / "a.nut")
    check(whole[0], expected(picture))
    part = show(tmp_path / "a.nut", crop=(3, 5, 9, 21))
    np.testing.assert_array_equal(part, whole[:, :, 3:12, 5:26])
    options: Options = {"size": (11, 60), "pixel_format": "bgr24"}
    check(show(tmp_path / "a.nut", **options)[0], expected(picture, **options))


# --- order, crop, size ---


@pytest.mark.parametrize("dtype", DTYPES)
def test_order_of_axes_and_channels_changes_no_value(
    show: Show, tmp_path: Path, dtype: str
) -> None:
    for name, size in itertools.product(("420jpeg", "422p10", "mono"), (None, (9, 50))):
        picture = make(Y4M[name], (17, 33), "random")
        path = write_y4m(tmp_path / "a.y4m", name, [picture, picture])
        for normal in ({}, {"mean": (0.5,) * 3, "std": (0.25,) * 3}):
            options: Options = {"dtype": dtype, "size": size}
            options |= normal if dtype.count("float") else {}
            plain = show(path, (0, 1), **options)
            other = show(path, (0, 1), dimension_order="NHWC", **options)
            np.testing.assert_array_equal(other, plain.transpose(0, 2, 3, 1))
            other = show(path, (0, 1), pixel_format="bgr24", **options)
            np.testing.assert_array_equal(other, plain[:, ::-1])


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("name", Y4M)
def test_a_crop_is_a_slice_of_the_whole_picture(
    show: Show, tmp_path: Path, name: str, dtype: str
) -> None:
    path = write_y4m(tmp_path / "a.y4m", name, [make(Y4M[name], (17, 33), "random")])
    whole = show(path, dtype=dtype)
    for top, left, height, width in (
        (0, 0, 17, 33),
        (1, 1, 7, 9),
        (3, 5, 1, 1),
        (2, 3, 15, 30),
        (16, 32, 1, 1),
    ):
        crop = (top, left, height, width)
        part = whole[:, :, top : top + height, left : left + width]
        np.testing.assert_array_equal(show(path, crop=crop, dtype=dtype), part)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_resize_is_the_filter_that_was_asked_for(
    show: Show, tmp_path: Path, scaling: tuple[str, bool], dtype: str
) -> None:
    options: Options = {"interpolation": scaling[0], "antialias": scaling[1]}
    options["dtype"] = dtype
    sizes = [(1, 1), (200, 3), (24, 32), (96, 128), (7, 50), (33, 17), (3, 200)]
    for name in ("420jpeg", "444p10"):
        for shape in ((17, 33), (48, 64), (1, 1), (2, 3)):
            pictures = [make(Y4M[name], shape, kind) for kind in KINDS]
            path = write_y4m(tmp_path / "a.y4m", name, pictures)
            for size in sizes:
                found = show(path, (0, 1, 2), size=size, **options)
                for one, picture in zip(found, pictures, strict=True):
                    check(one, expected(picture, size=size, **options), dtype)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_resize_sees_nothing_outside_of_its_crop(
    show: Show, tmp_path: Path, scaling: tuple[str, bool]
) -> None:
    options: Options = {"interpolation": scaling[0], "antialias": scaling[1]}
    picture = flat(Y4M["444"], (33, 49), 255, full=True)
    picture.planes[0][9:20, 13:30] = 0
    path = write_y4m(tmp_path / "a.y4m", "444", [picture])
    for size in ((5, 5), (11, 40), (44, 68), (1, 1)):
        assert not show(path, crop=(9, 13, 11, 17), size=size, **options).any()
        crop = (3, 11, 25, 31)
        found = show(path, crop=crop, size=size, **options)[0]
        check(found, expected(picture, crop=crop, size=size, **options))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_size_that_is_there_already_changes_nothing(
    show: Show, tmp_path: Path, dtype: str
) -> None:
    for name in ("420jpeg", "422p10"):
        picture = make(Y4M[name], (17, 33), "random")
        path = write_y4m(tmp_path / "a.y4m", name, [picture])
        plain = show(path, dtype=dtype)
        for (kind, smooth), size in itertools.product(SCALINGS, ((17, 33), 17)):
            options = {"interpolation": kind, "antialias": smooth, "size": size}
            np.testing.assert_array_equal(show(path, dtype=dtype, **options), plain)


def test_nearest_takes_pixels_as_they_are(show: Show, tmp_path: Path) -> None:
    path = write_y4m(
        tmp_path / "a.y4m", "420jpeg", [make(Y4M["420jpeg"], (17, 33), "random")]
    )
    plain = show(path)
    for height, width in ((34, 66), (5, 11), (40, 7), (1, 200)):
        rows = (2 * np.arange(height) + 1) * 17 // (2 * height)
        columns = (2 * np.arange(width) + 1) * 33 // (2 * width)
        found = show(path, size=(height, width), interpolation="nearest")
        np.testing.assert_array_equal(found, plain[:, :, rows][:, :, :, columns])


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"size": (9, 50)}, (9, 50)),
        ({"size": 10}, (10, 19)),
        ({"size": ("shorter", 34)}, (34, 66)),
        ({"size": ("longer", 10)}, (5, 10)),
        ({"size": ("longer", 1)}, (1, 1)),
        ({"size": 1}, (1, 1)),
        ({"crop": (1, 2, 12, 5), "size": 10}, (24, 10)),
        ({"crop": (1, 2, 12, 5), "size": ("longer", 10)}, (10, 4)),
        ({"crop": (1, 2, 12, 5)}, (12, 5)),
        ({"pad": (20, 40)}, (20, 40)),
        ({"size": ("longer", 10), "pad": (10, 10)}, (10, 10)),
        ({"crop": (1, 2, 12, 5), "size": 7, "pad": (17, 8)}, (17, 8)),
    ],
)
def test_shapes_follow_the_rules_of_torchvision(
    show: Show, tmp_path: Path, options: Options, shape: Shape
) -> None:
    picture = make(Y4M["420jpeg"], (17, 33), "random")
    path = write_y4m(tmp_path / "a.y4m", "420jpeg", [picture, picture])
    found = show(path, (0, 1, 0), **options)
    assert found.shape == (3, 3, *shape)
    check(found[1], expected(picture, **options))
    for pixels, channels in (("gray8", 1), ("bgr24", 3)):
        other = {"pixel_format": pixels, "dimension_order": "NHWC"}
        assert show(path, **options, **other).shape == (1, *shape, channels)


# --- what becomes of the values ---


@pytest.mark.parametrize("dtype", DTYPES)
def test_padding_is_black_around_the_middle(
    show: Show, tmp_path: Path, dtype: str
) -> None:
    white = flat(Y4M["420jpeg"], (17, 33), 235)
    path = write_y4m(tmp_path / "a.y4m", "420jpeg", [white])
    around = np.ones((22, 40), bool)
    around[2:19, 3:36] = False
    choices: list[Options] = [{}, {"out_range": "limited"}]
    if dtype.count("float"):
        choices += [NORMAL, {"scale": 255.0}]
    for more in choices:
        options = {"dtype": dtype, "pad": (22, 40), **more}
        canvas, plain = show(path, **options)[0], show(path, dtype=dtype, **more)[0]
        check(canvas, expected(white, **options), dtype)
        np.testing.assert_array_equal(canvas[:, 2:19, 3:36], plain)
        border = canvas[:, around]
        assert (border == border[:, :1]).all() and (border < plain[:, 0, :1]).all()


@pytest.mark.parametrize("pixels", ["rgb24", "bgr24"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_each_channel_has_its_own_mean_and_deviation(
    show: Show, tmp_path: Path, dtype: str, pixels: str
) -> None:
    picture = make(Y4M["420jpeg"], (17, 33), "random")
    path = write_y4m(tmp_path / "a.y4m", "420jpeg", [picture])
    wide = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
    for more, by in (
        (NORMAL, 1 / 0.224),
        ({"scale": 255.0, **wide}, 255 / 57),
        ({"scale": 2.0, "mean": (1, 0, 3)}, 2),
        ({"std": (0.5, 2, 8)}, 2),
        ({**NORMAL, "size": (9, 50), "pad": (60, 60)}, 1 / 0.224),
        ({**NORMAL, "out_range": "limited"}, 1 / 0.224),
    ):
        options: Options = {"dtype": dtype, "pixel_format": pixels, **more}
        check(show(path, **options)[0], expected(picture, **options), dtype, 8, by)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_limited_output_is_16_to_235(show: Show, tmp_path: Path, dtype: str) -> None:
    for name in ("420jpeg", "444p10"):
        pictures = [make(Y4M[name], (17, 33), kind) for kind in KINDS]
        path = write_y4m(tmp_path / "a.y4m", name, pictures)
        for size in (None, (9, 50)):
            options: Options = {"dtype": dtype, "out_range": "limited"}
            found = show(path, (0, 1, 2), size=size, **options)
            by = {"uint8": 1, "uint16": 257}.get(dtype, 1 / 255)
            if not size:
                assert found.min() == pytest.approx(16 * by)
                assert found.max() == pytest.approx(235 * by)
            for one, picture in zip(found, pictures, strict=True):
                exact = expected(picture, size=size, **options)
                check(one, exact, dtype, 0 if size else Y4M[name].bits)


# --- coded clips ---

QUIRKS = MEDIA / "quirks"
NO_MEDIA = "there is no ../shared/media"
needs_media = pytest.mark.skipif(not QUIRKS.exists(), reason=NO_MEDIA)
NATIVE = {"yuv420p": Layout(8, (1, 1)), "yuv420p10": Layout(10, (1, 1))}
CODED = {
    "h264.mp4": "bt601",
    "h264_crop.mkv": "bt601",
    "hevc.mp4": "bt601",
    "hevc_10bit.mp4": "bt601",
    "vp9_odd.webm": "bt601",
    "full_range.mp4": "bt709",
}
MAY_FALL_BACK = ("hevc_10bit.mp4", "vp9_odd.webm")
OPTIONS: list[Options] = [
    {},
    {"dtype": "uint16", "pixel_format": "bgr24"},
    {"pixel_format": "gray8", "dtype": "bfloat16"},
    {"crop": (7, 13, 101, 77), "dtype": "float32"},
    {"size": (224, 224)},
    {"size": 97, "interpolation": "bicubic", "pixel_format": "bgr24"},
    {"size": ("longer", 400), "pad": (400, 402), "interpolation": "area"},
    {"size": (61, 500), "antialias": False, "dtype": "uint16"},
    {"size": (333, 50), "interpolation": "bicubic", "antialias": False},
    {"size": (50, 70), "interpolation": "nearest", "out_range": "limited"},
    {"crop": (1, 1, 99, 101), "size": 64, "dtype": "float16", **NORMAL},
    {"size": (112, 112), "dtype": "float32", "colorspace": "bt2020", **NORMAL},
]


def coded(path: Path, number: int, full: bool = False, matrix: str = "") -> Picture:
    """The samples that the CPU decodes; test_exact proves them to be FFmpeg's."""
    with gvdecode.VideoDecoder(path, device="cpu", pixel_format="native") as video:
        frame = video[number]
        planes = tuple(plane.numpy() for plane in frame.planes)
        return Picture(planes, NATIVE[frame.pixel_format], full, matrix or "bt601")


@pytest.mark.parametrize("name", CODED)
def test_coded_clips_have_the_same_pixels_as_raw_ones(
    clips: Clips, show: Show, name: str
) -> None:
    path = clips.path(name)
    picture = coded(path, 31, name == "full_range.mp4", CODED[name])
    for options in OPTIONS:
        dtype = options.get("dtype", "uint8")
        bits = 0 if "size" in options else picture.layout.bits
        found = show(path, (31,), **options)[0]
        exact = expected(picture, **options)
        check(found, exact, dtype, bits, 1 / 0.224 if "std" in options else 1)


@pytest.mark.gpu
def test_both_devices_give_the_same_bytes(clips: Clips) -> None:
    if not _core.cuda_device_count()[0]:
        pytest.skip("there is no GPU")
    compared = 0
    for name, options in itertools.product(CODED, OPTIONS):
        found, backends = [], []
        for device in ("cuda", "cpu"):
            with gvdecode.VideoDecoder(
                clips.path(name), device=device, fallback="silent", **options
            ) as video:
                found.append(values(video.get_frames_at([31, 2, 59, 30])))
                backends.append(video.backend)
        assert backends[0] == "nvdec" or name in MAY_FALL_BACK, name
        np.testing.assert_array_equal(found[0], found[1], f"{name} {options}")
        compared += found[0].nbytes if backends[0] == "nvdec" else 0
    print(f"{compared} bytes of NVDEC's frames are equal on both devices")
    assert compared > 10**7


@needs_media
def test_crop_and_size_are_those_of_the_turned_picture(show: Show) -> None:
    picture = coded(QUIRKS / "video_90.mov", 1, matrix="bt709")
    choices: list[Options] = [
        {"crop": (401, 13, 111, 201)},
        {"size": (200, 50), "dtype": "float32"},
        {"crop": (401, 13, 111, 201), "size": 80, "pixel_format": "gray8"},
        {"size": ("longer", 100), "pad": (110, 100)},
    ]
    for options in choices:
        found = show(QUIRKS / "video_90.mov", (1,), **options)[0]
        exact = expected(picture, quarters=3, **options)
        check(found, exact, options.get("dtype", "uint8"))


@needs_media
def test_a_size_makes_one_batch_of_frames_that_change_theirs(show: Show) -> None:
    path = QUIRKS / "test_res_change.h264"
    numbers = (46, 47, 48, 49, 48, 0)
    pictures = [coded(path, number) for number in numbers]
    assert len({picture.shape for picture in pictures}) == 2
    choices: list[Options] = [{"size": (60, 100)}, {"size": 64, "pad": (90, 130)}]
    for options in choices:
        found = show(path, numbers, colorspace="bt601", **options)
        for one, picture in zip(found, pictures, strict=True):
            check(one, expected(picture, **options))


@pytest.mark.parametrize("name", ["h264.mp4", "full_range.mp4"])
def test_a_resize_is_torchvisions_of_our_own_picture(
    clips: Clips, show: Show, name: str
) -> None:
    torch = pytest.importorskip("torch")
    whole = show(clips.path(name), (0, 31)).astype(np.float64)
    for size in ((120, 160), (224, 224), (480, 640), (100, 300), (37, 51), (240, 90)):
        exact = torch.nn.functional.interpolate(
            torch.from_numpy(whole), size, mode="bilinear", antialias=True
        )
        np.testing.assert_allclose(resize(whole[0], size), exact[0], atol=1e-6)
        away = np.abs(
            show(clips.path(name), (0, 31), size=size) - exact.round().numpy()
        )
        assert (away <= 1).mean() >= 0.998 and away.max() <= 6
