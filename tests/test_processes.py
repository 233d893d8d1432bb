"""Decoders in other processes: forked, spawned, pickled, DataLoader's workers."""

import contextlib
import io
import multiprocessing
import pickle
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MIXED, Clips, Opener, count_tasks, digest

import gvdecode

MIB = 2**20


def decode_in_worker(path: Path) -> str:
    gvdecode.set_memory_limit(16 * MIB, device="cpu")
    found = digest(path, "cpu")
    assert 0 < gvdecode.memory_usage("cpu").held_max <= 16 * MIB
    return found


def decode_given(video: gvdecode.VideoDecoder) -> tuple[int, bytes]:
    with video:
        return len(video), video[59].numpy().tobytes()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_decode_on_the_cpu(clips: Clips, method: str) -> None:
    paths = [clips.path(name) for name in MIXED]
    right = [digest(path, "cpu") for path in paths]
    video = gvdecode.VideoDecoder(paths[0], device="cpu", size=(48, 64))
    expected = (60, video[59].numpy().tobytes())
    run = video.batches(4)  # of which a forked worker inherits half
    next(run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork with threads
        with multiprocessing.get_context(method).Pool(2) as pool:
            assert pool.map_async(decode_in_worker, paths).get(120) == right
            assert pool.map_async(decode_given, [video] * 3).get(120) == [expected] * 3
    assert sum(len(batch) for batch in run) == 56


class ClipDataset:
    """As people write them: decoders are made, and used, before the workers are."""

    def __init__(self, paths: list[Path]) -> None:
        self.videos = [gvdecode.VideoDecoder(path, device="cpu") for path in paths]

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, at: int) -> int:
        return int(self.videos[at][at].numpy().astype(int).sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_torch_data_loader_workers_decode(clips: Clips, method: str) -> None:
    data = pytest.importorskip("torch.utils.data")
    dataset = ClipDataset([clips.path(name) for name in MIXED])
    right = [dataset[n] for n in range(len(dataset))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        loader = data.DataLoader(
            dataset, batch_size=None, num_workers=2, multiprocessing_context=method
        )
        assert [int(value) for value in loader] == right


def use_inherited(queue: Any, uses: list[Callable[[], Any]]) -> None:
    for use in uses:
        try:
            queue.put(use())
        except Exception as error:
            queue.put(f"{type(error).__name__}: {error}")


def in_a_forked_child(uses: list[Callable[[], Any]]) -> list[Any]:
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = context.Process(target=use_inherited, args=(queue, uses))
        child.start()
    answers = [queue.get() for _ in uses]
    child.join(20)
    assert child.exitcode == 0
    return answers


@contextlib.contextmanager
def held_elsewhere(*locks: Any) -> Iterator[None]:
    """As another thread may hold them at the moment of a fork."""
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with contextlib.ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            held.set()
            over.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_forked_child_opens_a_file_anew(clips: Clips, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.path("h264.mp4").read_bytes())
    video = gvdecode.VideoDecoder(path, device="cpu", size=(48, 64))
    data = gvdecode.VideoDecoder(path.read_bytes(), device="cpu", size=(48, 64))
    right = video[7].numpy().tobytes()
    video.batches(4)
    uses = [
        lambda: video[7].numpy().tobytes(),
        lambda: data[7].numpy().tobytes(),
        lambda: sum(len(batch) for batch in video.batches(7)),
        lambda: video.metadata.num_frames,
        video.close,
        lambda: len(video.batches(4)),
    ]
    with held_elsewhere(video._requests, video._lock):
        answers = in_a_forked_child(uses)
    assert answers[:5] == [right, right, 60, 60, None]
    assert "the decoder was closed" in answers[5]
    assert video[7].numpy().tobytes() == right  # the parent's goes on
    video.close()
    path.unlink()
    assert "the decoder was closed" in in_a_forked_child([lambda: video[7]])[0]


def test_a_forked_child_leaves_a_half_made_index_alone(clips: Clips) -> None:
    # MPEG-4 is decoded to be counted, by threads that the child does not have.
    video = gvdecode.VideoDecoder(clips.path("mpeg4.avi"), device="cpu")
    assert not video._reader.build_index(0)
    answers = in_a_forked_child([lambda: video[7].number, lambda: len(video)])
    assert answers == [7, 60]
    assert len(video) == 60


def test_a_forked_child_asks_nothing_of_what_it_only_looks_at(clips: Clips) -> None:
    path = clips.path("h264.mp4")
    with path.open("rb") as file:
        video = gvdecode.VideoDecoder(file, device="cpu")
        answers = in_a_forked_child([lambda: repr(video), lambda: video.device])
    assert answers == [repr(video), "cpu"]


def test_a_forked_child_uses_no_other_file_than_its_parent(
    clips: Clips, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.path("h264.mp4").read_bytes())
    video = gvdecode.VideoDecoder(path, device="cpu")
    assert len(video) == 60
    path.write_bytes(clips.path("long.mp4").read_bytes())
    (answer,) = in_a_forked_child([lambda: video.batches(4)])
    assert "ValueError" in answer and "another video" in answer


def test_a_forked_child_is_told_of_what_it_inherited(clips: Clips) -> None:
    path = clips.path("long.mp4")
    run = gvdecode.decode_many([path] * 3, 4, device="cpu")
    next(run)
    with path.open("rb") as file:  # whose place the parent shares
        reader = gvdecode.VideoDecoder(file, device="cpu")
        answers = in_a_forked_child(
            [lambda: next(run), lambda: reader[7], lambda: reader.batches(4), run.close]
        )
    assert all("before os.fork()" in answer for answer in answers[:3])
    assert all("open it again" in answer for answer in answers[:3])
    assert answers[3] is None
    assert len(next(run).batch) == 4  # the parent's goes on


# --- pickle ---


def test_pickle_opens_the_source_again_with_the_same_arguments(
    opened: Opener, device: str
) -> None:
    video = opened("h264.mp4", size=(48, 64), dtype="float32", mean=0.5, std=0.25)
    next(video.batches(3))
    again = pickle.loads(pickle.dumps(video))
    assert again._index is None
    assert again.device == video.device
    assert again[31].numpy().tobytes() == video[31].numpy().tobytes()
    third = pickle.loads(pickle.dumps(again))  # with the index by now
    assert third._index is not None and len(third) == 60
    assert (third.index.pts == video.index.pts).all()
    assert third[31].numpy().tobytes() == video[31].numpy().tobytes()
    for other in (again, third):
        other.close()


def test_an_index_travels_by_itself(opened: Opener) -> None:
    index = opened("hevc.mp4").index
    copy = pickle.loads(pickle.dumps(index))
    assert (copy.pts == index.pts).all() and len(copy) == len(index)
    assert len(opened("hevc.mp4", index=copy)) == 60
    with pytest.raises(ValueError, match="another video"):
        opened("h264.mp4", index=copy)


def test_what_is_unpickled_may_be_gone(clips: Clips, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(clips.path("h264.mp4").read_bytes())
    video = gvdecode.VideoDecoder(path, device="cpu")
    stored = pickle.dumps(video)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"clip\.mp4"):
        pickle.loads(stored)


@pytest.mark.parametrize("source", [io.BytesIO(b""), memoryview(b"")])
def test_a_source_that_cannot_travel_is_told(opened: Opener, source: Any) -> None:
    video = opened("h264.mp4")
    video._arguments["source"] = source
    with pytest.raises(TypeError, match=f"{type(source).__name__}.*give it the file's"):
        pickle.dumps(video)


def test_a_decoder_that_is_dropped_is_gone_at_once(clips: Clips) -> None:
    # What is kept for pickle must not keep the decoder itself.
    before = count_tasks()
    run = gvdecode.VideoDecoder(clips.path("long.mp4"), device="cpu").batches(4)
    next(run)
    del run
    end = time.monotonic() + 5
    while count_tasks() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert count_tasks() <= before
