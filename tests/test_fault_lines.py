"""Where decoders of other projects gave wrong frames: each complaint is a test."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MEDIA, Clips, frame_md5

import gvdecode

Patch = Callable[[bytearray], None]


def everything(path: Path, device: str) -> list[str]:
    """The MD5 of every native frame, front to back."""
    with gvdecode.VideoDecoder(
        path, device=device, pixel_format="native", fallback="silent"
    ) as video:
        return [frame_md5(frame) for frame in video]


def by_number(path: Path, device: str, numbers: list[int]) -> list[str]:
    """The same of some frames, each asked for alone of a decoder of its own."""
    with gvdecode.VideoDecoder(
        path, device=device, pixel_format="native", fallback="silent"
    ) as video:
        return [frame_md5(video[number]) for number in numbers]


def check_access(path: Path, device: str, expected: list[str]) -> None:
    assert everything(path, device) == expected
    numbers = [*range(len(expected) - 1, -1, -7), 0, 1, len(expected) - 1]
    wanted = [expected[number] for number in numbers]
    assert by_number(path, device, numbers) == wanted
    with gvdecode.VideoDecoder(path, device=device, fallback="silent") as video:
        assert len(video) == len(expected)


def patched(source: Path, target: Path, patch: Patch) -> Path:
    data = bytearray(source.read_bytes())
    patch(data)
    target.write_bytes(data)
    return target


def test_second_clip_in_a_reused_session_keeps_its_own_crop(
    clips: Clips, device: str
) -> None:
    names = ["crop_a.mp4", "crop_b.mp4"]
    paths = [clips.path(name) for name in names]
    on_cpu = {path: everything(path, "cpu") for path in paths}
    for path in paths * 3:
        assert by_number(path, device, [5, 23, 0]) == [
            on_cpu[path][number] for number in (5, 23, 0)
        ]


@pytest.mark.skipif(not MEDIA.exists(), reason="there is no ../shared/media")
def test_request_across_a_change_of_size_gives_every_frame_its_own(
    device: str,
) -> None:
    path = MEDIA / "quirks" / "test_res_change.h264"
    expected = everything(path, "cpu")
    with gvdecode.VideoDecoder(
        path, device=device, pixel_format="native", fallback="silent"
    ) as video:
        frames = video.get_frames_at(range(len(video)))
        assert [frame_md5(frame) for frame in frames] == expected
        assert len({(frame.width, frame.height) for frame in frames}) > 1
    with (
        gvdecode.VideoDecoder(path, device=device, fallback="silent") as video,
        pytest.raises(gvdecode.UnsupportedError, match="size"),
    ):
        video[:]


@pytest.mark.parametrize("name", ["h264.mp4", "hevc.mp4", "h264.ts", "mpeg4.avi"])
def test_last_frames_of_a_file_with_b_frames_come(
    clips: Clips, device: str, name: str
) -> None:
    md5s, _ = clips.reference(name)
    numbers = list(range(-1, -8, -1))
    assert by_number(clips.path(name), device, numbers) == [md5s[n] for n in numbers]


@pytest.mark.parametrize("name", ["h264_open.mp4", "hevc_open.mp4"])
def test_leading_pictures_are_found_from_either_side(
    clips: Clips, device: str, name: str
) -> None:
    md5s, _ = clips.reference(name)
    check_access(clips.path(name), device, md5s)


def test_first_gop_without_its_key_frame_shows_what_ffmpeg_shows(
    clips: Clips, device: str, tmp_path: Path
) -> None:
    # From the second recovery point on: its leading pictures lack references.
    source = clips.path("h264.ts").read_bytes()
    path = tmp_path / "cut.ts"
    path.write_bytes(source[: 188 * 3] + source[len(source) // 188 // 3 * 188 :])
    expected = everything(path, "cpu")
    assert expected
    md5s, _ = clips.reference("h264.ts")
    assert set(expected) <= set(md5s)
    check_access(path, device, expected)


def test_two_frames_with_equal_pts_are_two_frames(clips: Clips, device: str) -> None:
    path = clips.path("equal_pts.mkv")
    expected = everything(path, "cpu")
    assert len(expected) == 60
    check_access(path, device, expected)
    with gvdecode.VideoDecoder(path, device=device, fallback="silent") as video:
        pts = [frame.pts for frame in video]
        assert pts == sorted(pts)
        assert video[20].pts == pts[20]
        assert video[21].pts == pts[21]


def test_a_header_that_counts_wrong_frames_is_not_believed(
    clips: Clips, device: str, tmp_path: Path
) -> None:
    def claim_999_frames(data: bytearray) -> None:
        main = data.index(b"avih") + 8
        data[main + 16 : main + 20] = (999).to_bytes(4, "little")
        stream = data.index(b"strh") + 8
        data[stream + 32 : stream + 36] = (999).to_bytes(4, "little")

    path = patched(clips.path("mpeg4.avi"), tmp_path / "a.avi", claim_999_frames)
    md5s, _ = clips.reference("mpeg4.avi")
    check_access(path, device, md5s)
    with gvdecode.VideoDecoder(path, device=device, fallback="silent") as video:
        assert video.metadata.num_frames == len(md5s)
        assert video.metadata.num_frames_from_header == 999


@pytest.mark.parametrize("name", ["h264.mp4", "hevc.mp4"])
def test_an_index_that_calls_every_frame_a_key_frame_is_not_believed(
    clips: Clips, device: str, tmp_path: Path, name: str
) -> None:
    def hide_sync_samples(data: bytearray) -> None:
        at = data.index(b"stss")
        data[at : at + 4] = b"free"

    path = patched(clips.path(name), tmp_path / name, hide_sync_samples)
    check_access(path, device, clips.reference(name)[0])


@pytest.mark.parametrize("name", ["h264.mp4", "hevc.mp4"])
def test_an_index_that_lacks_key_frames_is_enough(
    clips: Clips, device: str, tmp_path: Path, name: str
) -> None:
    def keep_first_sync_sample(data: bytearray) -> None:
        at = data.index(b"stss") + 8
        data[at : at + 4] = (1).to_bytes(4, "big")

    path = patched(clips.path(name), tmp_path / name, keep_first_sync_sample)
    check_access(path, device, clips.reference(name)[0])


def test_dropped_decoders_leave_frames_that_can_be_read(
    clips: Clips, device: str
) -> None:
    video = gvdecode.VideoDecoder(clips.path("h264.mp4"), device=device)
    frames = [video[number] for number in (3, 30, 4)]
    before = [frame.numpy().copy() for frame in frames]
    video.close()
    del video
    for frame, pixels in zip(frames, before, strict=True):
        np.testing.assert_array_equal(frame.numpy(), pixels)
