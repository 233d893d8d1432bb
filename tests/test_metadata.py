"""What metadata promises, rotation, and indexes that are saved and given back."""

import copy
import dataclasses
import gc
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MEDIA, Clips, Opener, frame_md5

import gvdecode

# --- metadata ---


@pytest.mark.parametrize("name", ["h264.mp4", "h264.ts", "vp9.webm", "mpeg4.avi"])
def test_what_needs_a_scan_is_what_reading_gives(opened: Opener, name: str) -> None:
    video = opened(name)
    meta = video.metadata
    frames = list(opened(name))
    assert meta.num_frames == len(video) == len(frames) == 60
    assert meta.begin_stream_seconds == frames[0].pts_seconds
    last = frames[-1]
    end = last.pts_seconds + last.duration_seconds
    assert meta.end_stream_seconds == pytest.approx(end)
    assert meta.duration_seconds == meta.end_stream_seconds - meta.begin_stream_seconds
    assert meta.average_fps == 60 / meta.duration_seconds == pytest.approx(25)
    for value in (meta.begin_stream_seconds, meta.end_stream_seconds):
        assert type(value) is float


def test_metadata_is_the_same_on_both_devices(opened: Opener) -> None:
    there, here = opened("hevc.mp4").metadata, opened("hevc.mp4", device="cpu").metadata
    assert there == here
    assert there.end_stream_seconds == here.end_stream_seconds


def test_metadata_may_outlive_its_decoder(clips: Clips) -> None:
    path = clips.path("h264.mp4")
    assert gvdecode.VideoDecoder(path, device="cpu").metadata.num_frames == 60
    with gvdecode.VideoDecoder(path, device="cpu") as video:
        meta = video.metadata
    assert meta.num_frames == 60
    del video
    gc.collect()
    for other in (meta, copy.deepcopy(meta), pickle.loads(pickle.dumps(meta))):
        assert other == meta
        assert other.average_fps == pytest.approx(25)


def test_metadata_keeps_no_file_open(clips: Clips) -> None:
    path = clips.path("h264.mp4")
    gvdecode.VideoDecoder(path, device="cpu").metadata.num_frames  # noqa: B018
    before = len(os.listdir("/proc/self/fd"))
    kept = [gvdecode.VideoDecoder(path, device="cpu").metadata for _ in range(20)]
    assert len(os.listdir("/proc/self/fd")) <= before
    assert len({dataclasses.astuple(meta)[:4] for meta in kept}) == 1


def test_the_repr_of_a_pipes_metadata_scans_nothing(
    clips: Clips, fifo: Callable[[Path], Path]
) -> None:
    path = fifo(clips.path("h264.ts"))
    with gvdecode.VideoDecoder(path, device="cpu") as video:
        assert "h264" in repr(video.metadata)
        assert "scan" not in repr(video.metadata)
        with pytest.raises(gvdecode.UnsupportedError, match="read only once"):
            _ = video.metadata.average_fps
        assert sum(len(batch) for batch in video.batches(16)) == 60


# --- rotation ---

QUIRKS = MEDIA / "quirks"
needs_media = pytest.mark.skipif(
    not QUIRKS.exists(), reason="there is no ../shared/media"
)


@needs_media
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_a_quarter_turn_is_rot90_of_the_coded_picture(device: str, order: str) -> None:
    options = {"device": device, "fallback": "silent", "dimension_order": order}
    path = QUIRKS / "video_90.mov"
    axes = (2, 3) if order == "NCHW" else (1, 2)
    with (
        gvdecode.VideoDecoder(path, **options) as turned,
        gvdecode.VideoDecoder(path, apply_rotation=False, **options) as coded,
    ):
        there, here = turned[:3], coded[:3]
        quarters = turned.metadata.rotation // 90
        np.testing.assert_array_equal(
            there.numpy(), np.rot90(here.numpy(), quarters, axes)
        )
        size = (turned.metadata.height, turned.metadata.width)
        assert size == (coded.metadata.width, coded.metadata.height)
        shape = (3, 3, *size) if order == "NCHW" else (3, *size, 3)
        assert there.shape == shape
        assert turned[5:5].shape == (0, *shape[1:])
        assert coded[5:5].shape == (0, *here.shape[1:])
        np.testing.assert_array_equal(next(turned.batches(3)).numpy(), there.numpy())


@needs_media
def test_native_frames_are_not_turned(device: str) -> None:
    with gvdecode.VideoDecoder(
        QUIRKS / "video_90.mov", device=device, pixel_format="native"
    ) as video:
        meta = video.metadata
        assert video[0].shape == (meta.height, meta.width)
        assert meta.width > meta.height
        assert meta.rotation == 270


# --- the index ---


@pytest.mark.parametrize("name", ["h264.mp4", "h264_open.mp4", "h264.ts", "vp9.webm"])
def test_an_index_can_be_saved_and_given_back(
    opened: Opener, tmp_path: Path, name: str
) -> None:
    first = opened(name, pixel_format="native")
    path = tmp_path / "film.index"
    first.index.save(path)
    assert os.listdir(tmp_path) == ["film.index"]
    request = [40, 3, 3, 59]
    expected = [frame_md5(frame) for frame in first.get_frames_at(request)]
    for given in (path, str(path), first.index):
        video = opened(name, pixel_format="native", index=given)
        assert len(video) == len(first)
        assert video.metadata.end_stream_seconds == first.metadata.end_stream_seconds
        np.testing.assert_array_equal(video.index.pts, first.index.pts)
        np.testing.assert_array_equal(video.key_frames, first.key_frames)
        found = [frame_md5(frame) for frame in video.get_frames_at(request)]
        assert found == expected


def test_an_index_is_small_and_read_only(opened: Opener) -> None:
    index = opened("long.mp4").index
    assert len(index) == 400
    assert 0 < index.nbytes < 400 * 16 + 4096
    assert opened("long.mp4").index is not index
    for array in (index.pts, index.pts_seconds, index.key_frames):
        assert not array.flags.writeable
    assert index.pts.dtype == index.key_frames.dtype == np.int64
    assert "400 frames" in repr(index)


def test_the_index_is_made_once(opened: Opener) -> None:
    video = opened("h264.mp4")
    assert video.index is video.index
    video.close()
    assert len(video.index) == len(video) == 60


def saved(opened: Opener, name: str, path: Path, **options: object) -> Path:
    opened(name, **options).index.save(path)
    return path


def test_an_index_of_another_file_is_refused(
    opened: Opener, clips: Clips, tmp_path: Path
) -> None:
    path = saved(opened, "h264.mp4", tmp_path / "film.index")
    with pytest.raises(ValueError, match=r"h264_open\.mp4.*size"):
        opened("h264_open.mp4", index=path)
    other = tmp_path / "other.mp4"
    data = bytearray(clips.path("h264.mp4").read_bytes())
    data[-9] ^= 1
    other.write_bytes(data)
    with pytest.raises(ValueError, match=r"other\.mp4.*digest"):
        gvdecode.VideoDecoder(other, device="cpu", index=path)
    with pytest.raises(ValueError, match=r"other\.mp4.*digest"):
        gvdecode.VideoDecoder(other, device="cpu", index=opened("h264.mp4").index)


def test_an_index_is_of_one_stream(opened: Opener, tmp_path: Path) -> None:
    name = "two_videos.mkv"
    best = saved(opened, name, tmp_path / "best")
    first = saved(opened, name, tmp_path / "first", stream_index=0)
    second = saved(opened, name, tmp_path / "second", stream_index=1)
    number = opened(name).metadata.stream_index
    assert number == 1
    for options in ({}, {"stream_index": 1}):
        for index in (best, second):
            assert len(opened(name, index=index, **options)) == 25
        with pytest.raises(ValueError, match=r"two_videos\.mkv.*stream_index"):
            opened(name, index=first, **options)
    for index in (best, second):
        with pytest.raises(ValueError, match="stream_index"):
            opened(name, index=index, stream_index=0)


@pytest.mark.parametrize("kind", ["empty", "text", "npy", "npz", "cut", "flipped"])
def test_a_broken_index_is_a_value_error(
    opened: Opener, tmp_path: Path, kind: str
) -> None:
    path = saved(opened, "h264.mp4", tmp_path / "film.index")
    data = bytearray(path.read_bytes())
    if kind == "npy":
        with open(path, "wb") as file:
            np.save(file, np.arange(3))
    elif kind == "npz":
        with open(path, "wb") as file:
            np.savez(file, pts=np.arange(3))
    elif kind == "flipped":
        data[200] ^= 255
        path.write_bytes(data)
    else:
        path.write_bytes({"empty": b"", "text": b"no\n", "cut": data[:900]}[kind])
    with pytest.raises(ValueError, match=r"film\.index"):
        opened("h264.mp4", index=path)
    with pytest.raises(FileNotFoundError):
        opened("h264.mp4", index=tmp_path / "none")
    with pytest.raises(TypeError):
        opened("h264.mp4", index=3)


def test_an_index_that_cannot_be_written_leaves_nothing(
    opened: Opener, tmp_path: Path
) -> None:
    index = opened("h264.mp4").index
    with pytest.raises(FileNotFoundError):
        index.save(tmp_path / "no" / "film.index")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        index.save(tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"]


# --- torchcodec's arguments ---


def test_torchcodecs_arguments_are_taken(opened: Opener) -> None:
    for mode in ("exact", "approximate"):
        video = opened("h264.mp4", seek_mode=mode, num_ffmpeg_threads=1)
        assert len(video) == 60
    with pytest.raises(ValueError, match='"exact", "approximate"'):
        opened("h264.mp4", seek_mode="fast")
    with pytest.raises(TypeError, match="num_ffmpeg_threads"):
        opened("h264.mp4", num_ffmpeg_threads="4")
