"""Errors of the calls on an open video: which file, what was wrong, what to do."""

import re
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
