"""Seconds: how they are computed, and which frames they mean."""

import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import MEDIA, Clips, Opener

import gvdecode
from gvdecode.times import NO_PTS, Times, seconds, seconds_of

# Gaps of all sizes, a start that is not 0, and two frames at one time.
BEGINS = [0.5, 0.54, 0.54, 1.0, 4.0]
END = 4.25


@pytest.fixture
def times() -> Times:
    return Times(np.array(BEGINS), END)


def shown_at(time: float) -> int:
    return max(k for k, begin in enumerate(BEGINS) if begin <= time)


@pytest.mark.parametrize("base", [(1, 12800), (1, 90000), (1001, 30000), (1, 3)])
@pytest.mark.parametrize("start", [0, -700, 2**40, 2**53, 2**62])
def test_an_array_of_seconds_has_the_bits_of_each(
    base: tuple[int, int], start: int
) -> None:
    counts = np.arange(start, start + 999, 7, dtype=np.int64)
    each = [seconds(int(count), base) for count in counts]
    assert seconds_of(counts, base).tolist() == each


def test_what_is_not_known_is_nan() -> None:
    found = seconds_of(np.array([5, NO_PTS]), (1, 10))
    assert found[0] == 0.5 and math.isnan(found[1])
    assert math.isnan(seconds(None, (1, 10)))


@pytest.mark.parametrize("time", [0.5, 0.539, 0.54, 0.99, 1, 3.999, 4.0, 4.2499])
def test_a_time_means_the_frame_that_shows_then(times: Times, time: float) -> None:
    assert times.at(time) == shown_at(time)
    assert times.at_each([time, 0.5]).tolist() == [shown_at(time), 0]


@pytest.mark.parametrize("time", [0.4999, -1, 4.25, 9, math.nan, math.inf])
def test_a_time_outside_is_an_index_error_with_the_range(
    times: Times, time: float
) -> None:
    with pytest.raises(IndexError, match=r"from 0\.5 s up to 4\.25 s"):
        times.at(time)
    with pytest.raises(IndexError, match="out of range"):
        times.at_each([1.0, time])


@pytest.mark.parametrize(
    "value", [np.float32(0.75), np.int64(1), np.array(1.5), 1, True]
)
def test_a_time_is_anything_with_float(times: Times, value: object) -> None:
    assert times.at(value) == shown_at(float(value))
    assert times.at_each([value]).tolist() == [shown_at(float(value))]


@pytest.mark.parametrize("value", ["1", b"1", None, [1.0], np.str_("1"), 1j])
def test_other_things_are_no_time(times: Times, value: object) -> None:
    with pytest.raises(TypeError):
        times.at(value)
    with pytest.raises(TypeError):
        times.at_each([value])
    with pytest.raises(TypeError):
        times.between(value, 4)


def test_a_string_is_no_list_of_times(times: Times) -> None:
    with pytest.raises(TypeError, match="str"):
        times.at_each("11")


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0.5, 4.25, [0, 1, 2, 3, 4]),
        (0.5, 0.54, [0]),
        (0.52, 0.541, [0, 1, 2]),
        (0.54, 1.0, [2]),
        (1.5, 3.0, [3]),
        (1.0, 1.0, []),
        (1.0, np.nextafter(1.0, 2), [3]),
    ],
)
def test_a_range_is_half_open_and_includes_what_shows_at_its_start(
    times: Times, start: float, stop: float, expected: list[int]
) -> None:
    assert times.between(start, stop).tolist() == expected


@pytest.mark.parametrize(
    ("start", "stop"),
    [(2, 1), (0, 1), (4.25, 4.25), (5, 6), (1, 4.26), (math.nan, 1), (1, math.nan)],
)
def test_a_range_out_of_order_or_range_is_a_value_error(
    times: Times, start: float, stop: float
) -> None:
    for fps in (None, 2):
        with pytest.raises(ValueError, match=r"0\.5 s up to 4\.25 s"):
            times.between(start, stop, fps)


@pytest.mark.parametrize("fps", [0.1, 1, 2, 3.3, 30, 1000])
def test_a_rate_takes_what_shows_at_each_step(times: Times, fps: float) -> None:
    found = times.between(0.6, 3.7, fps)
    steps = range(round((3.7 - 0.6) * fps))
    assert found.tolist() == [shown_at(0.6 + k / fps) for k in steps]
    assert times.every(fps).tolist() == times.between(0.5, END, fps).tolist()


@pytest.mark.parametrize("fps", [0.1, 1, 2, 3.3, 30])
def test_a_sample_goes_on_up_to_the_end(times: Times, fps: float) -> None:
    expected = []
    while 0.5 + len(expected) / fps < END:
        expected.append(shown_at(0.5 + len(expected) / fps))
    assert times.sampled(fps).tolist() == expected


@pytest.mark.parametrize("fps", [0, -1, math.nan, math.inf])
def test_a_rate_is_above_0_and_finite(times: Times, fps: float) -> None:
    for call in (lambda: times.between(1, 2, fps), lambda: times.sampled(fps)):
        with pytest.raises(ValueError, match="fps"):
            call()
    with pytest.raises(TypeError, match="fps"):
        times.sampled("2")


def test_a_video_without_frames_has_no_times() -> None:
    times = Times(np.empty(0), math.nan)
    assert times.every(2).tolist() == times.sampled(2).tolist() == []
    assert times.at_each([]).tolist() == []
    with pytest.raises(IndexError, match="no frames"):
        times.at(0)
    with pytest.raises(ValueError, match="no frames"):
        times.between(0, 0)


# --- on real clips ---

CLIPS = ["h264.mp4", "h264_open.mp4", "hevc.mp4", "vp9.webm", "h264.ts"]


@pytest.mark.parametrize("name", CLIPS)
def test_every_call_gives_the_same_float_for_a_frame(opened: Opener, name: str) -> None:
    video = opened(name, pixel_format="native")
    facts = [(f.pts, f.pts_seconds, f.duration_seconds) for f in video]
    assert all(isinstance(value, float) for _, *two in facts for value in two)
    every = video[:]
    assert (
        list(zip(every.pts, every.pts_seconds, every.duration_seconds, strict=True))
        == facts
    )
    assert video.index.pts_seconds.tolist() == [at for _, at, _ in facts]
    assert video.index.pts.tolist() == [pts for pts, _, _ in facts]
    for k in (0, 31, 59):
        frame = video[k]
        assert (frame.pts, frame.pts_seconds, frame.duration_seconds) == facts[k]


@pytest.mark.parametrize("name", CLIPS)
def test_a_frames_own_time_selects_exactly_that_frame(
    opened: Opener, name: str
) -> None:
    video = opened(name, pixel_format="native")
    begins = video.index.pts_seconds
    end = video.metadata.end_stream_seconds
    assert video.get_frames_played_at(begins).pts_seconds.tolist() == begins.tolist()
    for k in (0, 7, 59):
        after = begins[k + 1] if k < 59 else end
        only = video.get_frames_played_in_range(begins[k], after)
        assert only.pts_seconds.tolist() == [begins[k]]
        assert video.get_frame_played_at(begins[k]).pts_seconds == begins[k]
        last = np.nextafter(after, 0)
        assert video.get_frame_played_at(last).pts_seconds == begins[k]


def test_a_start_that_is_not_0_is_kept(opened: Opener) -> None:
    video = opened("h264.ts")
    meta = video.metadata
    assert meta.begin_stream_seconds == video[0].pts_seconds > 1
    with pytest.raises(IndexError, match=str(meta.begin_stream_seconds)):
        video.get_frame_played_at(0)
    with pytest.raises(IndexError, match="out of range"):
        video.get_frames_played_at([1.5, meta.end_stream_seconds])
    with pytest.raises(ValueError, match=str(meta.end_stream_seconds)):
        video.get_frames_played_in_range(1.5, 99)


def test_a_range_of_time_is_its_frames(opened: Opener) -> None:
    video = opened("h264.mp4")
    every = video.get_all_frames().numpy()
    some = video.get_frames_played_in_range(start_seconds=0.41, stop_seconds=1.2)
    np.testing.assert_array_equal(some.numpy(), every[10:30])
    again = video.get_frames_played_in_range(0.4, 1.2, fps=10)
    expected = [int((0.4 + k / 10) * 25 + 1e-9) for k in range(8)]
    np.testing.assert_array_equal(again.numpy(), every[expected])
    empty = video.get_frames_played_in_range(1.0, 1.0)
    assert empty.shape == (0, 3, 240, 320)
    assert empty.pts_seconds.shape == empty.duration_seconds.shape == (0,)
    assert empty.pts_seconds.dtype == np.float64


def test_all_frames_at_a_rate(opened: Opener) -> None:
    video = opened("h264.mp4")
    np.testing.assert_allclose(
        video.get_all_frames(fps=5).pts_seconds, np.arange(12) / 5, atol=0.04
    )
    assert len(video.get_all_frames(50)) == 120


def test_raw_streams_count_frames_at_their_rate(opened: Opener) -> None:
    video = opened("h264.h264")
    begins = [frame.pts_seconds for frame in video]
    np.testing.assert_allclose(np.diff(begins), 0.04, rtol=1e-6)
    assert video.index.pts_seconds.tolist() == begins


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg here")
def test_durations_that_fragments_leave_out(clips: Clips, tmp_path: Path) -> None:
    path = tmp_path / "fragments.mp4"
    copy = ["-c", "copy", "-movflags", "empty_moov+frag_keyframe", str(path)]
    command = ["ffmpeg", "-v", "error", "-i", str(clips.path("hevc.mp4")), *copy]
    subprocess.run(command, check=True)
    whole = gvdecode.VideoDecoder(clips.path("hevc.mp4"), device="cpu")
    parts = gvdecode.VideoDecoder(path, device="cpu")
    assert [f.duration * f.time_base for f in parts] == [
        f.duration * f.time_base for f in whole
    ]
    assert parts.get_frame_played_at(parts[-1].pts_seconds).number == 59
    assert len(parts.get_all_frames(fps=25)) == len(whole.get_all_frames(fps=25))


JITTER = MEDIA / "quirks" / "pts_test_video.mkv"


@pytest.mark.skipif(not JITTER.exists(), reason="there is no ../shared/media")
def test_frames_of_a_variable_rate_are_found_by_their_times(device: str) -> None:
    with gvdecode.VideoDecoder(
        JITTER, device=device, pixel_format="native", fallback="silent"
    ) as video:
        begins = [frame.pts_seconds for frame in video]
        wanted = [begins[k] for k in (7, 290, 8, 100)]
        found = video.get_frames_played_at(wanted)
        assert found.pts_seconds.tolist() == wanted
