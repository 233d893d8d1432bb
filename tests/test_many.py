"""Many decoders at once: all of them right, none of them starved, bounded."""

import hashlib
import io
import itertools
import logging
import math
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Clips, Opener

import gvdecode

MIB = 2**20
# Sizes, codecs and depths of many kinds.
MIXED = [
    "h264.mp4",
    "hevc.mp4",
    "vp9.webm",
    "h264_10bit.mp4",
    "vp9_odd.webm",
    "h264_one_gop.mp4",
    "mpeg4.avi",
    "hevc_10bit.mp4",
]


@pytest.fixture
def limited(device: str) -> Iterator[Callable[..., None]]:
    def limit(count: int, patience: float = 60) -> None:
        gvdecode.set_memory_limit(count, device=device, patience=patience)

    yield limit
    gvdecode.set_memory_limit(None, device=device)


def digest(path: Path, device: str) -> str:
    """Of every pixel of a file, and the order of its frames."""
    total = hashlib.md5()
    with gvdecode.VideoDecoder(path, device=device, fallback="silent") as video:
        for batch in video.batches(7):
            total.update(batch.numpy())
    return total.hexdigest()


def run_threads(count: int, work: Callable[[int], None]) -> None:
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
        assert not thread.is_alive(), "a reading stands still"
    assert errors == []


# --- one limit for all ---


def test_sixty_four_threads_decode_right_within_one_limit(
    clips: Clips, device: str, limited: Callable[..., None]
) -> None:
    paths = [clips.path(name) for name in MIXED]
    right = [digest(path, device) for path in paths]
    limit = 24 * MIB if device == "cpu" else 1024 * MIB
    limited(limit)
    seen: dict[int, str] = {}

    def work(number: int) -> None:
        seen[number] = digest(paths[number % len(paths)], device)

    run_threads(64, work)
    assert [seen[n] for n in range(64)] == right * 8
    usage = gvdecode.memory_usage(device)
    assert usage.limit == limit
    assert 0 < usage.held_max <= limit


def test_one_decoder_serves_eight_threads(opened: Opener, device: str) -> None:
    video = opened("h264.mp4")
    right = [frame.numpy().tobytes() for frame in video]

    def work(number: int) -> None:
        if number % 2:
            batches = list(video.batches(5 + number))
            pixels = b"".join(batch.numpy().tobytes() for batch in batches)
            assert pixels == b"".join(right)
        for step in range(12):
            at = (number * 17 + step * 23) % 60
            assert video[at].numpy().tobytes() == right[at]
        assert len(video) == 60

    run_threads(8, work)


def test_a_limit_that_holds_one_reading_lets_them_all_through(
    clips: Clips, device: str, limited: Callable[..., None]
) -> None:
    if device == "cuda":
        pytest.skip("a session alone takes more than these frames")
    path = clips.path("long.mp4")  # frames of 345,600 bytes
    limit = 8 * 345_600 + 4 * 3 * 640 * 360
    limited(limit)
    counts = []

    def work(number: int) -> None:
        video = gvdecode.VideoDecoder(path, device=device)
        counts.append(sum(len(batch) for batch in video.batches(4)))

    run_threads(8, work)
    assert counts == [400] * 8
    assert gvdecode.memory_usage(device).held_max <= limit


def test_what_was_given_out_is_not_counted(
    opened: Opener, device: str, limited: Callable[..., None]
) -> None:
    limit = 16 * MIB if device == "cpu" else 512 * MIB
    limited(limit)
    kept = list(opened("long.mp4").batches(4))  # 264 MiB
    kept_native = list(opened("long.mp4", pixel_format="native").batches(4))
    assert len(kept) == len(kept_native) == 100
    assert gvdecode.memory_usage(device).held_max <= limit


def test_frames_kept_for_later_requests_go_first(
    opened: Opener, device: str, limited: Callable[..., None]
) -> None:
    if device == "cuda":
        pytest.skip("sessions blur the figures")
    limited(200 * MIB)
    video = opened("long.mp4")
    right = video[:64].numpy()
    gvdecode.trim()
    assert gvdecode.memory_usage(device).held > 20 * MIB  # the frames kept
    limited(12 * MIB)
    assert gvdecode.memory_usage(device).held <= 12 * MIB
    assert (video.get_frames_at(range(8)).numpy() == right[:8]).all()


def test_frames_are_kept_for_later_only_within_the_limit(
    opened: Opener, device: str, limited: Callable[..., None]
) -> None:
    if device == "cuda":
        pytest.skip("what is kept is in the GPU's memory")
    limited(4 * MIB)
    video = opened("long.mp4")
    video[0:4]
    gvdecode.trim()
    before = resident()
    for start in range(0, 400, 4):  # 132 MiB of frames
        video[start : start + 4]
    assert resident() < before + 40 * MIB
    assert gvdecode.memory_usage(device).held_max <= 4 * MIB


def test_too_much_for_the_limit_is_told_with_figures(
    opened: Opener, device: str, limited: Callable[..., None]
) -> None:
    limited(2 * MIB)
    with pytest.raises(gvdecode.OutOfMemoryError, match="all decoders is 2048"):
        next(opened("long.mp4", memory_limit=MIB).batches(400))
    with pytest.raises(MemoryError, match=r"long\.mp4.*set_memory_limit"):
        opened("long.mp4")[0:400]


def test_one_thread_with_too_many_readings_is_told_and_goes_on(
    opened: Opener, limited: Callable[..., None], device: str
) -> None:
    if device == "cuda":
        pytest.skip("a session alone takes more than these frames")
    limited(4 * MIB, patience=0.3)
    run = opened("long.mp4").batches(4)
    first = next(run)
    with pytest.raises(gvdecode.OutOfMemoryError, match=r"given back for 0\.3 s"):
        next(opened("long.mp4").batches(4))
    assert len(first) + sum(len(batch) for batch in run) == 400


@pytest.mark.parametrize(
    ("value", "options", "error"),
    [
        (0, {}, ValueError),
        (-1, {}, ValueError),
        ("1 GiB", {}, TypeError),
        (1.5, {}, TypeError),
        (MIB, {"device": "tpu"}, ValueError),
        (MIB, {"device": "cuda:99"}, ValueError),
        (MIB, {"patience": -1}, ValueError),
        (MIB, {"patience": math.nan}, ValueError),
    ],
)
def test_a_limit_that_cannot_be(value: Any, options: Any, error: Any) -> None:
    before = gvdecode.memory_usage("cpu").limit
    with pytest.raises(error):
        gvdecode.set_memory_limit(value, **{"device": "cpu"} | options)
    assert gvdecode.memory_usage("cpu").limit == before


# --- decode_many ---


def many(sources: Any, batch_size: int, device: str, **options: Any) -> Any:
    return gvdecode.decode_many(
        sources, batch_size, device=device, fallback="silent", **options
    )


@pytest.mark.parametrize("prefetch", [0, 1, 5])
def test_the_batches_come_in_the_order_of_the_sources(
    clips: Clips, device: str, prefetch: int
) -> None:
    paths = [clips.path(name) for name in MIXED]
    seen: dict[int, Any] = {}
    order = []
    for item in many(paths, 16, device, prefetch=prefetch):
        assert item.source is paths[item.index]
        order.append(item.index)
        seen.setdefault(item.index, hashlib.md5()).update(item.batch.numpy())
    assert order == sorted(order)
    assert [seen[n].hexdigest() for n in range(len(paths))] == [
        digest(path, device) for path in paths
    ]


def test_endless_sources_are_asked_for_when_their_turn_comes(
    clips: Clips, device: str
) -> None:
    asked = []

    def endless() -> Iterator[Path]:
        for number in itertools.count():
            asked.append(number)
            yield clips.path("h264.mp4")

    with many(endless(), 60, device, prefetch=3) as run:
        assert asked == []
        for number in range(5):
            assert next(run).index == number
            assert len(asked) == number + 4
    with pytest.raises(gvdecode.ClosedError):
        next(run)


def test_the_next_sources_decode_while_the_present_one_is_used(
    clips: Clips, device: str
) -> None:
    run = many([clips.path("h264.mp4")] * 3, 60, device, prefetch=2)
    next(run)
    ahead = list(run._ahead)[1:]
    end = time.monotonic() + 20
    while time.monotonic() < end and not all(
        opening._video and opening._video.stats.bytes_held_max for opening in ahead
    ):
        time.sleep(0.01)
    assert [opening._video.stats.bytes_held_max > 0 for opening in ahead] == [True] * 2
    run.close()


def test_an_error_comes_at_its_place_and_the_next_source_after_it(
    clips: Clips, device: str, tmp_path: Path
) -> None:
    good = clips.path("h264.mp4")
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    run = many([good, bad, tmp_path / "missing.mp4", good], 60, device)
    assert next(run).index == 0
    with pytest.raises(gvdecode.OpenError, match=r"bad\.mp4"):
        next(run)
    with pytest.raises(FileNotFoundError, match=r"missing\.mp4"):
        next(run)
    assert next(run).index == 3
    assert list(run) == [] == list(run)
    assert run.skipped == 0


def test_skipping_is_counted_and_logged(
    clips: Clips, device: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = clips.path("h264.mp4")
    cut = tmp_path / "cut.ts"  # breaks while it is read
    cut.write_bytes(b"\x47" * 188 * 50)
    run = many([cut, good, tmp_path / "missing.mp4", good], 60, device, on_error="skip")
    with caplog.at_level(logging.WARNING, logger="gvdecode"):
        assert [item.index for item in run] == [1, 3]
    assert run.skipped == 2
    said = [line for line in caplog.messages if line.startswith("skipped: ")]
    assert "cut.ts" in said[0] and "missing.mp4" in said[1] and len(said) == 2


def test_a_wrong_option_is_never_skipped(clips: Clips) -> None:
    path = clips.path("h264.mp4")
    with pytest.raises(TypeError, match="sizes"):
        next(gvdecode.decode_many([path], 4, on_error="skip", device="cpu", sizes=3))
    with pytest.raises(ValueError, match="crop"):
        next(
            gvdecode.decode_many(
                [path], 4, on_error="skip", device="cpu", crop=(0, 0, 9999, 9)
            )
        )
    for name, value in (
        ("batch_size", 0),
        ("prefetch", -1),
        ("on_error", "ignore"),
        ("device", "tpu"),
    ):
        with pytest.raises(ValueError, match=name):
            gvdecode.decode_many([path], **{"batch_size": 4} | {name: value})


def test_an_error_of_the_sources_comes_after_what_they_gave(
    clips: Clips, device: str
) -> None:
    def sources() -> Iterator[Path]:
        yield clips.path("h264.mp4")
        raise ZeroDivisionError

    run = many(sources(), 60, device)
    assert next(run).index == 0
    with pytest.raises(ZeroDivisionError):
        next(run)
    assert list(run) == []


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def tasks() -> int:
    return len(os.listdir("/proc/self/task"))


@pytest.mark.parametrize("end", ["close", "drop", "error"])
def test_leaving_ends_all_that_runs(clips: Clips, device: str, end: str) -> None:
    path = clips.path("long.mp4")
    next(many([path], 4, device)).batch.numpy()  # starts the driver's threads
    before = tasks()
    bad = path.with_name("missing.mp4")
    run = many([path, bad if end == "error" else path, path], 64, device)
    next(run)
    assert tasks() > before
    if end == "close":
        run.close()
    elif end == "drop":
        del run
    else:
        with pytest.raises(gvdecode.OpenError):
            for _ in run:
                pass
        del run
    limit = time.monotonic() + 10
    while tasks() > before and time.monotonic() < limit:
        time.sleep(0.01)
    assert tasks() <= before


def test_close_ends_the_wait_for_a_source_that_does_not_open(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.ts"
    os.mkfifo(pipe)
    holder = os.open(pipe, os.O_RDWR)
    run = gvdecode.decode_many([pipe], 4, device="cpu")
    timer = threading.Timer(0.3, run.close)
    timer.start()
    start = time.monotonic()
    with pytest.raises(gvdecode.ClosedError):
        next(run)
    assert time.monotonic() - start < 2
    timer.join()
    os.close(holder)


INTERRUPTED = """
import gvdecode, os, signal, sys, threading, time
path = sys.argv[1]
os.mkfifo(path)
holder = os.open(path, os.O_RDWR)
run = gvdecode.decode_many([path, sys.argv[2]], 60, device="cpu")
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
start = time.monotonic()
try:
    next(run)
except KeyboardInterrupt:
    print("interrupted after", time.monotonic() - start)
other = gvdecode.decode_many([sys.argv[2]], 60, device="cpu")
assert len(next(other).batch) == 60
"""


def test_ctrl_c_ends_a_wait_and_leaves_a_usable_process(
    clips: Clips, tmp_path: Path
) -> None:
    arguments = [str(tmp_path / "pipe.ts"), str(clips.path("h264.mp4"))]
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", INTERRUPTED, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("interrupted after")
    assert float(done.stdout.split()[-1]) < 1


# --- other processes ---


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
    """As people write them: decoders are made before the workers are."""

    def __init__(self, paths: list[Path]) -> None:
        self.videos = [gvdecode.VideoDecoder(path, device="cpu") for path in paths]

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, at: int) -> int:
        video = pickle.loads(pickle.dumps(self.videos[at]))
        return int(video[at].numpy().astype(int).sum())


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
            queue.put(repr(use()))
        except gvdecode.ClosedError as error:
            queue.put(str(error))


def test_a_forked_child_is_told_of_what_it_inherited(clips: Clips) -> None:
    path = clips.path("long.mp4")
    video = gvdecode.VideoDecoder(path, device="cpu")
    assert len(video) == 400
    run = gvdecode.decode_many([path] * 3, 4, device="cpu")
    next(run)
    uses = [lambda: next(run), lambda: video[7], lambda: video.batches(4), run.close]
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = context.Process(target=use_inherited, args=(queue, uses))
        child.start()
    answers = [queue.get() for _ in uses]
    child.join(20)
    assert child.exitcode == 0
    assert all("before os.fork()" in answer for answer in answers[:3])
    assert all("open it again" in answer for answer in answers[:3])
    assert answers[3] == "None"
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
    before = tasks()
    run = gvdecode.VideoDecoder(clips.path("long.mp4"), device="cpu").batches(4)
    next(run)
    del run
    end = time.monotonic() + 5
    while tasks() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert tasks() <= before
