"""A name on the disk: the file that it stood for when it was opened, or an error."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import Clips

import gvdecode


def test_a_relative_path_is_of_where_it_was_opened(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, name in (("here", "h264.mp4"), ("there", "full_range.mp4")):
        (tmp_path / folder).mkdir()
        shutil.copy(clips.path(name), tmp_path / folder / "clip.mp4")
    monkeypatch.chdir(tmp_path / "here")
    video = gvdecode.VideoDecoder("clip.mp4", device="cpu")
    first = next(video.batches(1)).numpy()
    monkeypatch.chdir(tmp_path / "there")
    again = pickle.loads(pickle.dumps(video))
    for one in (video[0], next(video.batches(1))[0], again[0]):
        np.testing.assert_array_equal(one.numpy(), first[0])
    assert video.metadata.num_frames == len(video) == 60
    with pytest.raises(gvdecode.OpenError, match=f"^{tmp_path}/there/none.mp4: "):
        gvdecode.VideoDecoder("none.mp4")


def test_one_opening_serves_all_frames_by_number(clips: Clips, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    shutil.copy(clips.path("h264.mp4"), path)
    video = gvdecode.VideoDecoder(path, device="cpu")
    wanted = [frame.numpy() for frame in video]
    assert len(video) == len(wanted)
    video.get_frame_at(5)
    path.unlink()
    for number in (50, 20, 59, 41):
        np.testing.assert_array_equal(video[number].numpy(), wanted[number])


def test_a_file_that_is_gone_is_named_once(clips: Clips, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    shutil.copy(clips.path("h264.mp4"), path)
    video, counted = (gvdecode.VideoDecoder(path, device="cpu") for _ in range(2))
    assert counted[59].number == 59
    next(video.batches(1))
    path.unlink()
    calls = (
        lambda: len(video),
        lambda: counted[0],
        lambda: next(video.batches(1)),
        lambda: gvdecode.VideoDecoder(path),
    )
    for call in calls:
        with pytest.raises(FileNotFoundError, match=f"^{path}: there is no such file$"):
            call()


def test_a_file_that_another_one_took_the_place_of(
    clips: Clips, tmp_path: Path
) -> None:
    path, other = tmp_path / "clip.mp4", tmp_path / "other.mp4"
    shutil.copy(clips.path("h264.mp4"), path)
    video = gvdecode.VideoDecoder(path, device="cpu")
    shutil.copy(clips.path("full_range.mp4"), other)
    other.replace(path)
    assert sum(len(batch) for batch in video.batches(8)) == 60  # it is open
    for call in (lambda: video[0], lambda: next(video.batches(8))):
        with pytest.raises(gvdecode.OpenError, match="another file has this name"):
            call()
    again = gvdecode.VideoDecoder(path, device="cpu")
    assert len(again) == len(again[:])


def test_a_file_that_grew_is_the_same_file(clips: Clips, tmp_path: Path) -> None:
    path = tmp_path / "clip.ts"
    data = clips.path("h264.ts").read_bytes()
    path.write_bytes(data[: len(data) // 2])
    video = gvdecode.VideoDecoder(path, device="cpu")
    with path.open("ab") as file:
        file.write(data[len(data) // 2 :])
    assert video[0].number == 0
