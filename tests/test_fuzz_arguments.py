"""Whatever the arguments are: a result, or the documented errors; no crash.

GVDECODE_ARGUMENTS is how many calls are drawn (`make fuzz`: 50,000).
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import Clips

import gvdecode
from gvdecode import output

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

CALLS = int(os.environ.get("GVDECODE_ARGUMENTS", "400"))
ERRORS = (gvdecode.Error, TypeError, ValueError, IndexError, BufferError, OverflowError)

number = st.one_of(
    st.integers(-70, 70),
    st.integers(),
    st.sampled_from([2**31 - 1, 2**31, 2**63 - 1, 2**63, -(2**63)]),
    st.floats(),
    st.booleans(),
    st.none(),
    st.text(max_size=3),
    st.integers(-70, 70).map(np.int32),
    st.floats(-3, 3).map(np.float64),
)
some = st.one_of(
    number,
    st.lists(number, max_size=4),
    st.tuples(number, number),
    st.lists(st.integers(-70, 70), max_size=9).map(np.array),
    st.slices(60),
    st.binary(max_size=4),
    st.dictionaries(st.text(max_size=2), number, max_size=2),
)


def word(*good: str) -> "st.SearchStrategy[object]":
    return st.one_of(st.sampled_from(good), some)


small = st.integers(1, 99)
OPTIONS = {
    "pixel_format": word("rgb24", "bgr24", "gray8", "native"),
    "dimension_order": word("NCHW", "NHWC"),
    "dtype": word("uint8", "uint16", "float16", "bfloat16", "float32"),
    "crop": st.one_of(st.tuples(small, small, small, small), some),
    "size": st.one_of(small, st.tuples(small, small), some),
    "interpolation": word("bilinear", "bicubic", "nearest", "area"),
    "antialias": some,
    "scale": some,
    "mean": some,
    "std": some,
    "colorspace": word("bt601", "bt709", "bt2020", "ycgco", "rgb"),
    "out_range": word("full", "limited"),
    "pad": st.one_of(st.tuples(small, small), some),
}
OPENING = {
    "device": word("cpu", "auto"),
    "stream_index": some,
    "fallback": st.just("silent"),
    "sessions": st.one_of(st.integers(1, 3), st.just("auto"), some),
    "memory_limit": some,
    "apply_rotation": some,
    "seek_mode": word("exact", "approximate"),
    "num_ffmpeg_threads": some,
}
CALLED: list[tuple[str, int]] = [
    ("__getitem__", 1),
    ("get_frame_at", 1),
    ("get_frames_at", 1),
    ("get_frames_in_range", 3),
    ("get_frame_played_at", 1),
    ("get_frames_played_at", 1),
    ("get_frames_played_in_range", 3),
    ("batches", 1),
]


def attempt(call: Callable[[], Any]) -> Any:
    """The result, or None after an error that says something."""
    try:
        return call()
    except ERRORS as error:
        words = str(error)
    assert words
    return None


def draw_call(data: "st.DataObject", video: gvdecode.VideoDecoder) -> None:
    name, most = data.draw(st.sampled_from(CALLED), "call")
    call = getattr(video, name)
    least = 1 if most == 1 else 2
    drawn = data.draw(st.lists(some, min_size=least, max_size=most), "arguments")
    if name == "batches":
        run = attempt(lambda: call(*drawn))
        if run is not None:
            attempt(lambda: next(run))
            run.close()
    elif name in ("get_frames_in_range", "get_frames_played_in_range"):
        part = name.removeprefix("get_frames_").removesuffix("in_range")
        names = ("start_seconds", "stop_seconds", "fps")
        if not part:
            names = ("start", "stop", "step")
        attempt(lambda: call(**dict(zip(names, drawn, strict=False))))
    else:
        attempt(lambda: call(*drawn))


def draw_options(data: "st.DataObject", table: dict[str, Any]) -> dict[str, object]:
    names = data.draw(st.lists(st.sampled_from(sorted(table)), unique=True, max_size=4))
    return {name: data.draw(table[name], name) for name in names}


def settings(share: int) -> "hypothesis.settings":
    return hypothesis.settings(
        max_examples=max(CALLS // share, 1),
        deadline=None,
        database=None,
        derandomize="GVDECODE_ARGUMENTS" not in os.environ,
        suppress_health_check=list(hypothesis.HealthCheck),
    )


def test_whatever_pixels_are_asked_for() -> None:
    defaults = {
        "pixel_format": "rgb24",
        "dimension_order": "NCHW",
        "dtype": "uint8",
        "interpolation": "bilinear",
        "antialias": True,
        "scale": 1.0,
        "out_range": "full",
    } | dict.fromkeys(("crop", "size", "mean", "std", "colorspace", "pad"))

    @settings(2)
    @hypothesis.given(data=st.data())
    def check(data: "st.DataObject") -> None:
        options = draw_options(data, OPTIONS)
        attempt(lambda: output.choose(**(defaults | options)))

    check()


def test_whatever_frames_are_asked_for(clips: Clips) -> None:
    with gvdecode.VideoDecoder(clips.path("h264.mp4"), device="cpu") as video:

        @settings(4)
        @hypothesis.given(data=st.data())
        def check(data: "st.DataObject") -> None:
            draw_call(data, video)

        check()
        assert video[7].number == 7


def test_whatever_is_opened(clips: Clips) -> None:
    path = clips.path("h264.mp4")

    @settings(4)
    @hypothesis.given(data=st.data())
    def check(data: "st.DataObject") -> None:
        source = data.draw(st.one_of(st.just(path), st.just(str(path)), some))
        options = draw_options(data, OPENING) | draw_options(data, OPTIONS)
        options["fallback"] = "silent"
        # What any number of a descriptor or a name means is not asked here.
        hypothesis.assume(not isinstance(source, str) or source == str(path))
        video = attempt(lambda: gvdecode.VideoDecoder(source, **options))
        if video is not None:
            with video:
                attempt(lambda: video[0])

    check()
    with gvdecode.VideoDecoder(path, device="cpu") as video:
        assert video[7].number == 7
