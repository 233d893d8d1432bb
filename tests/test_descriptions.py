"""What packets say of their frames: a file whose frames have two decoder
configurations, of which each frame is decoded with its own, and one whose times are
those of its packets."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Clips

import gvdecode

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def joined(clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(ROOT))
    from two_descriptions import join

    path = tmp_path / "joined.mp4"
    join(clips.path("h264.mp4"), clips.path("h264_cavlc.mp4"), path)
    return path


def pixels(source: Path, **options: Any) -> np.ndarray:
    with gvdecode.VideoDecoder(source, pixel_format="gray8", **options) as video:
        return np.stack([frame.numpy() for frame in video])


def test_each_frame_is_decoded_with_its_own_description(
    clips: Clips, joined: Path, device: str
) -> None:
    if device == "cuda":  # as documented: what NVDEC is given has one description
        with pytest.raises(gvdecode.UnsupportedError, match="parameter sets change"):
            pixels(joined, device=device)
        return
    parts = [clips.path("h264.mp4"), clips.path("h264_cavlc.mp4")]
    want = np.concatenate([pixels(part, device=device) for part in parts])
    assert np.array_equal(pixels(joined, device=device), want)

    dice = random.Random(3)
    with gvdecode.VideoDecoder(joined, device=device, pixel_format="gray8") as video:
        assert len(video) == len(want)
        # From one part to the other, and from frame to frame within one.
        for number in [70, 75, 100, 30, 35, 5, *dice.choices(range(120), k=30)]:
            assert np.array_equal(video[number].numpy(), want[number]), number
        numbers = [110, 3, 60, 59]
        assert np.array_equal(video.get_frames_at(numbers).numpy(), want[numbers])


def test_times_of_packets_are_no_times_of_frames(clips: Clips, device: str) -> None:
    path = clips.path("copied.mp4")
    with gvdecode.VideoDecoder(path, device=device, fallback="silent") as video:
        frames = list(video)
        assert [frame.number for frame in frames] == list(range(len(video)))
        for number in [*range(0, len(video), 7), *range(len(video) - 1, 0, -11)]:
            want = frames[number].numpy()
            np.testing.assert_array_equal(video[number].numpy(), want)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("cropped.mp4", (64, 64)),
        ("cropped_left.mp4", (304, 576)),
        ("cropped_hevc.mp4", (304, 256)),
    ],
)
def test_the_part_that_is_shown(
    clips: Clips, device: str, name: str, shape: tuple[int, int]
) -> None:
    options = {"pixel_format": "native", "fallback": "error"}
    with gvdecode.VideoDecoder(clips.path(name), device="cpu", **options) as video:
        want = [[plane.numpy() for plane in frame.planes] for frame in video]
    with gvdecode.VideoDecoder(clips.path(name), device=device, **options) as video:
        frames = list(video)
        assert video.stats.fallback_frames == 0
    assert len(frames) == len(want)
    for frame, right in zip(frames, want, strict=True):
        assert frame.planes[0].shape == shape
        for plane, expected in zip(frame.planes, right, strict=True):
            np.testing.assert_array_equal(plane.numpy(), expected)
