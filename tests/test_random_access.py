"""Whatever is asked for, in whatever order: the same frames as front to back.

GVDECODE_EXAMPLES is how many requests are drawn on each device (`make exact`:
2,000), GVDECODE_MEDIA more folders of clips beside the suite's own.
"""

import hashlib
import os
from functools import cache
from pathlib import Path

import clips as maker
import numpy as np
import pytest
from conftest import Clips

import gvdecode

hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

EXAMPLES = int(os.environ.get("GVDECODE_EXAMPLES", "150"))
FOLDERS = os.environ.get("GVDECODE_MEDIA", "").split(os.pathsep)
# Files whose frames differ from one reading to the next, too: what a decoder
# conceals with depends on what it decoded before.
DAMAGED = {"corrupted.mp4", "d_no_key.mp4", "d_no_p_hevc.mp4", "j_short.h264"}
FRAMES_MAX = 400

Facts = tuple[str, int | None, int, int, bool]  # MD5, pts, duration, number, key


def facts_of(frame: gvdecode.Frame) -> Facts:
    digest = hashlib.md5(np.ascontiguousarray(frame.numpy()))
    return (
        f"{frame.shape} {digest.hexdigest()}",
        frame.pts,
        frame.duration,
        frame.number,
        frame.key_frame,
    )


@cache
def opened(path: Path, device: str) -> gvdecode.VideoDecoder:
    return gvdecode.VideoDecoder(path, device=device, fallback="silent")


@cache
def front_to_back(path: Path, device: str) -> list[Facts]:
    """Every frame's facts; empty for what cannot be read or is too long."""
    try:
        video = opened(path, device)
        if path.name in DAMAGED or len(video) > FRAMES_MAX:
            return []
        found = [facts_of(frame) for frame in video]
    except gvdecode.Error:
        return []
    assert len(found) == len(video), path
    return found


@cache
def files(folder: Path) -> list[Path]:
    extra = [path for name in FOLDERS if name for path in Path(name).iterdir()]
    made = [folder / name for name in maker.VIDEOS]
    return sorted(path for path in [*made, *extra] if path.is_file())


def draw_numbers(data: "st.DataObject", count: int) -> list[int] | slice:
    """What to ask for: numbers in any order, or a slice."""
    number = st.integers(-count, count - 1)
    if data.draw(st.booleans(), "a slice"):
        bound = st.none() | st.integers(-count - 3, count + 3)
        step = st.none() | st.integers(-9, 9).filter(bool)
        return slice(data.draw(bound), data.draw(bound), data.draw(step))
    return data.draw(st.lists(number, max_size=9), "numbers")


def ask(
    video: gvdecode.VideoDecoder, wanted: list[int] | slice, one_by_one: bool
) -> list[Facts]:
    if isinstance(wanted, slice):
        return [facts_of(frame) for frame in video[wanted]]
    if one_by_one:
        return [facts_of(video[number]) for number in wanted]
    return [facts_of(frame) for frame in video.get_frames_at(wanted)]


def expected(everything: list[Facts], wanted: list[int] | slice) -> list[Facts]:
    if isinstance(wanted, slice):
        return everything[wanted]
    return [everything[number] for number in wanted]


def have_one_size(frames: list[Facts]) -> bool:
    return len({frame[0].rpartition(" ")[0] for frame in frames}) <= 1


def test_random_access_gives_the_frames_of_reading_front_to_back(
    clips: Clips, device: str
) -> None:
    for name in maker.VIDEOS:
        clips.path(name)
    paths = [p for p in files(clips.folder) if front_to_back(p, device)]
    assert len(paths) > 10

    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True
    )
    @hypothesis.given(data=st.data())
    def check(data: "st.DataObject") -> None:
        path = data.draw(st.sampled_from(paths), "file")
        video, everything = opened(path, device), front_to_back(path, device)
        wanted = draw_numbers(data, len(everything))
        frames = expected(everything, wanted)
        one_by_one = data.draw(st.booleans(), "one by one")
        if have_one_size(frames) or (one_by_one and not isinstance(wanted, slice)):
            assert ask(video, wanted, one_by_one) == frames

    check()


def test_a_time_gives_the_frame_that_is_shown_then(clips: Clips, device: str) -> None:
    for name in ("h264.mp4", "hevc_open.mp4", "vp9.webm", "h264.ts"):
        path = clips.path(name)
        video, everything = opened(path, device), front_to_back(path, device)
        times = [frame.pts_seconds for frame in video]
        numbers = [0, len(times) - 1, 7, 7, 3]
        batch = video.get_frames_played_at([times[number] for number in numbers])
        found = [facts_of(frame) for frame in batch]
        assert found == [everything[number] for number in numbers]
