"""Decoded planes are FFmpeg's, bit for bit, however the file is cut into jobs."""

import shutil
import subprocess
from pathlib import Path

import clips as maker
import pytest
from conftest import MEDIA, Clips, Opener, frame_md5

import gvdecode

# What NVDEC does not take is decoded by the CPU: the bytes are the same.
ALL = sorted(maker.VIDEOS)

# Their frames are compared as libavcodec gives them: 8 bit and deeper planar YUV.
COVERED = [
    "clips/01_dog.mp4",
    "clips/04_coffee.mp4",
    "quirks/bbb_800x640_768kbps_30fps_avc_pyramid_3b.mp4",
    "quirks/bear-vp9-odd-dimensions.webm",
    "quirks/edit_list_positive_shift.mp4",
    "quirks/moving_shape_open_gop_h265.mp4",
    "quirks/MPS_MW_A.264",
    "quirks/pts_test_video.mkv",
    "quirks/sample_edit_list_no_sync_frame_before_edit.mp4",
    "quirks/test_hevc10.mkv",
    "quirks/test_res_change.h264",
    "quirks/video_90.mov",
]


def native_md5s(video: gvdecode.VideoDecoder) -> list[str]:
    return [frame_md5(frame) for batch in video.batches(8) for frame in batch]


@pytest.mark.parametrize("sessions", [1, 2, 3])
@pytest.mark.parametrize("name", ALL)
def test_native_frames_are_ffmpegs(
    opened: Opener, clips: Clips, name: str, sessions: int
) -> None:
    expected, _ = clips.reference(name)
    video = opened(name, pixel_format="native", sessions=sessions)
    assert native_md5s(video) == expected


@pytest.mark.parametrize("name", ["h264.mp4", "h264_open.mp4", "hevc_open.mp4"])
def test_a_small_memory_limit_changes_nothing(
    opened: Opener, clips: Clips, name: str
) -> None:
    expected, _ = clips.reference(name)
    video = opened(name, pixel_format="native", sessions=3, memory_limit=1_000_000)
    assert native_md5s(video) == expected


@pytest.mark.parametrize("name", ALL)
def test_times_are_ffmpegs(opened: Opener, clips: Clips, name: str) -> None:
    _, expected = clips.reference(name)
    if name in ("h264.h264", "mpeg4.avi"):
        # One tells no times, the other no pts and B frames: by their number.
        expected = [k / 25 for k in range(len(expected))]
    times = [frame.pts_seconds for frame in opened(name)]
    assert times == pytest.approx(expected, abs=1e-6)


def media_references() -> list[str]:
    return [name for name in COVERED if (MEDIA / name).exists()]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="there is no ffmpeg here")
@pytest.mark.parametrize("name", media_references())
def test_real_clips_decode_as_ffmpeg_decodes_them(device: str, name: str) -> None:
    path = MEDIA / name
    options = {"pixel_format": "native", "sessions": 3, "fallback": "silent"}
    with gvdecode.VideoDecoder(path, device=device, **options) as video:
        assert native_md5s(video) == own_size_md5s(path)


def own_size_md5s(path: Path) -> list[str]:
    """FFmpeg's MD5s; where the size changes each frame keeps its own."""
    if path.name == "test_res_change.h264":
        return resized_md5s(path)
    return [line.split()[0] for line in maker.reference(path).splitlines()]


def resized_md5s(path: Path) -> list[str]:
    """The command scales to the first size, so the stream is cut at the change."""
    probe = ["ffprobe", "-v", "error", "-show_entries", "packet=pos,flags", "-of"]
    text = subprocess.run(
        [*probe, "csv=p=0", str(path)], capture_output=True, text=True, check=True
    ).stdout
    keys = [int(row.split(",")[0]) for row in text.splitlines() if ",K" in row]
    data = path.read_bytes()
    md5s: list[str] = []
    for start, stop in zip(keys, [*keys[1:], len(data)], strict=True):
        done = subprocess.run(
            [
                "ffmpeg",
                "-v",
                "error",
                "-f",
                "h264",
                "-i",
                "-",
                "-vsync",
                "passthrough",
                "-f",
                "framemd5",
                "-",
            ],
            input=data[start:stop],
            capture_output=True,
            check=True,
        )
        rows = done.stdout.decode().splitlines()
        md5s += [r.split(",")[-1].strip() for r in rows if not r.startswith("#")]
    return md5s
