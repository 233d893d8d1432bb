"""Errors of the calls on an open video: which file, what was wrong, what to do."""

import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Clips, Opener

import gvdecode

Call = Callable[[Any], object]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda v: v[300], IndexError, "frame 300 is out of range"),
        (lambda v: v.get_frames_at([0, 99]), IndexError, "frame 99 is out of range"),
        (lambda v: v.get_frame_played_at(99), IndexError, "99.0 s is out of range"),
        (lambda v: v.get_frames_played_at([99]), IndexError, "99.0 s is out of range"),
        (lambda v: v.get_frames_played_in_range(2, 1), ValueError, "behind stop_sec"),
    ],
)
def test_what_is_out_of_range_is_told_with_the_file(
    opened: Opener, call: Call, error: type[Exception], words: str
) -> None:
    video = opened("h264.mp4")
    with pytest.raises(error, match=f"^{re.escape(video._name)}: .*{words}"):
        call(video)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v[0],
        lambda v: v.batches(4),
        lambda v: v.index,
        lambda v: v.metadata,
        lambda v: next(iter(v)),
    ],
)
def test_a_closed_decoder_says_whose_it_was(opened: Opener, call: Call) -> None:
    video = opened("h264.mp4")
    video.close()
    with pytest.raises(gvdecode.ClosedError, match=rf"{video._name}: the decoder was"):
        call(video)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda v: v[[0, 1]], "get_frames_at takes several"),
        (lambda v: v.get_frames_at(5), "get_frame_at takes one"),
        (lambda v: v.get_frames_played_at(0.5), "get_frame_played_at takes one"),
    ],
)
def test_one_or_several_is_told_apart(opened: Opener, call: Call, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        call(opened("h264.mp4"))


def test_the_memory_of_a_gpu_that_is_not_there() -> None:
    with pytest.raises(gvdecode.UnsupportedError, match="no CUDA device"):
        gvdecode.memory_usage("cuda:63")
    with pytest.raises(gvdecode.UnsupportedError, match="no CUDA device"):
        gvdecode.set_memory_limit(2**30, device="cuda:63")


def test_a_file_that_is_no_index(clips: Clips, tmp_path: Path) -> None:
    path = clips.path("h264.mp4")
    with pytest.raises(ValueError, match=r"h264\.mp4: no index of a video") as caught:
        gvdecode.VideoDecoder(path, index=path)
    assert "pickle" not in str(caught.value)
    index = gvdecode.VideoDecoder(path, device="cpu").index
    missing = tmp_path / "missing" / "an.index"
    with pytest.raises(FileNotFoundError) as lost:
        index.save(missing)
    assert lost.value.filename == str(missing)


def test_an_index_of_another_file_is_told(clips: Clips, tmp_path: Path) -> None:
    saved = tmp_path / "h264.index"
    gvdecode.VideoDecoder(clips.path("h264.mp4"), device="cpu").index.save(saved)
    source = io.BytesIO(clips.path("hevc.mp4").read_bytes())
    other = gvdecode.VideoDecoder(source, device="cpu", index=saved)
    with pytest.raises(gvdecode.DecodeError, match=r"frame 30 .*not the file that was"):
        other[30]


def test_frames_of_no_packets_are_no_index(opened: Opener) -> None:
    core = opened("h264.mp4").index._core
    state = core.state() | {"packets": b"", "jobs": b"", "counted": True}
    with pytest.raises(ValueError, match="no sound index"):
        type(core).from_state(state)


def test_a_long_name_leaves_room_for_the_cause() -> None:
    with pytest.raises(gvdecode.OpenError) as caught:
        gvdecode.VideoDecoder("/" + "\N{LATIN SMALL LETTER U WITH DIAERESIS}/" * 900)
    assert str(caught.value).startswith("/\N{LATIN SMALL LETTER U WITH DIAERESIS}/")
    assert re.search(r"\.\.\.: (no such|there is no|File name too)", str(caught.value))


def test_a_batch_larger_than_any_memory(clips: Clips) -> None:
    options = {"size": (32768, 32768), "dtype": "float32"}
    video = gvdecode.VideoDecoder(clips.path("h264.ts"), device="cpu", **options)
    with pytest.raises(gvdecode.OutOfMemoryError, match="take fewer frames at once"):
        next(video.batches(1431655766))


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v.get_frame_played_at(10**400),
        lambda v: v.sample(fps=1.7e308),
        lambda v: v.sample(fps=10**400),
        lambda v: v.get_all_frames(fps=1.7e308),
        lambda v: v.get_frames_played_in_range(0, 1, fps=1e17),
        lambda v: gvdecode.VideoDecoder(v._name, timeout=10**400),
        lambda v: gvdecode.set_memory_limit(2**30, device="cpu", patience=10**400),
    ],
)
def test_numbers_beyond_floats_are_value_errors(opened: Opener, call: Call) -> None:
    with pytest.raises(ValueError, match=r"fps|seconds|timeout|patience"):
        call(opened("h264.mp4"))


def test_a_rate_of_almost_nothing_is_one_frame(opened: Opener) -> None:
    assert len(opened("h264.mp4").sample(fps=5e-324)) == 1


def test_after_an_error_a_reading_is_over(clips: Clips) -> None:
    video = gvdecode.VideoDecoder(
        io.BytesIO(clips.path("h264.mp4").read_bytes()), device="cpu"
    )
    run = video.batches(1431655766 // 2)
    gvdecode.set_memory_limit(1 << 20, device="cpu", patience=0)
    try:
        with pytest.raises(gvdecode.OutOfMemoryError):
            next(run)
    finally:
        gvdecode.set_memory_limit(None, device="cpu")
    assert next(run, None) is None
    run.close()


@pytest.mark.parametrize("size", [10**8, 2**30, 2**31 - 1])
def test_a_batch_that_cannot_be_is_told_at_once(clips: Clips, size: int) -> None:
    start = time.monotonic()
    video = gvdecode.VideoDecoder(clips.path("h264.mp4"), device="cpu")
    run = video.batches(size)
    with pytest.raises(gvdecode.OutOfMemoryError, match="smaller batch_size"):
        next(run)
    video = gvdecode.VideoDecoder(
        clips.path("h264.mp4"), device="cpu", pixel_format="native"
    )
    assert [len(batch) for batch in video.batches(size)] == [60]
    assert time.monotonic() - start < 5
