"""Many decoders at once: all of them right, none of them starved, bounded."""

import hashlib
import io
import itertools
import logging
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MIXED, Clips, Opener, count_tasks, digest

import gvdecode

MIB = 2**20


@pytest.fixture
def limited(device: str) -> Iterator[Callable[..., None]]:
    def limit(count: int, patience: float = 60) -> None:
        gvdecode.set_memory_limit(count, device=device, patience=patience)

    yield limit
    gvdecode.set_memory_limit(None, device=device)


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


def test_what_is_cropped_away_counts_too(
    clips: Clips, device: str, limited: Callable[..., None]
) -> None:
    """64x64 are shown, and 640x368 held."""
    limit = 8 * MIB if device == "cpu" else 256 * MIB
    limited(limit)
    options = {"device": device, "pixel_format": "native", "fallback": "silent"}
    with gvdecode.VideoDecoder(clips.path("cropped.mp4"), **options) as video:
        run = video.batches(1)
        assert next(run)[0].planes[0].shape == (64, 64)
        time.sleep(0.5)  # it reads ahead
        held = video.stats.bytes_held
        frames = 1 + sum(1 for _ in run)
    assert frames == 400
    assert 3 * MIB < held <= limit  # all frames by what is shown of them: 2.3 MiB
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
        (MIB, {"device": "cuda:99"}, gvdecode.UnsupportedError),
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


def test_whatever_a_source_breaks_with_is_skipped(
    clips: Clips, device: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def read(self, size: int) -> bytes:
            raise RuntimeError("the disk is on fire")

    sources = [None, Broken(), clips.path("h264.mp4"), "a\0b"]
    run = many(sources, 300, device, on_error="skip")
    with caplog.at_level(logging.WARNING, logger="gvdecode"):
        assert [item.index for item in run] == [2]
    assert run.skipped == 3
    assert "skipped: source 0: TypeError: source must be" in caplog.text
    assert "skipped: source 1: RuntimeError: the disk is on fire" in caplog.text


def test_what_does_not_fit_a_source_skips_it(clips: Clips, device: str) -> None:
    path = clips.path("h264.mp4")
    run = many([path], 4, device, on_error="skip", crop=(0, 0, 9999, 9))
    assert list(run) == [] and run.skipped == 1
    run = many([path], 4, device, crop=(0, 0, 9999, 9))
    with pytest.raises(ValueError, match="crop"):
        next(run)


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (TypeError, {"sizes": 3}),
        (TypeError, {"antialias": "no"}),
        (ValueError, {"dtype": "int3"}),
        (ValueError, {"batch_size": 0}),
        (ValueError, {"prefetch": -1}),
        (ValueError, {"on_error": "ignore"}),
        (ValueError, {"device": "tpu"}),
        (gvdecode.UnsupportedError, {"device": "cuda:63", "on_error": "skip"}),
    ],
)
def test_a_wrong_option_is_told_by_the_call(
    error: type[Exception], options: dict[str, Any]
) -> None:
    name = "no CUDA device" if "63" in str(options) else next(iter(options))
    with pytest.raises(error, match=name):
        gvdecode.decode_many([], **{"batch_size": 4} | options)


def test_an_option_that_can_be_read_once_is_every_source_s(
    clips: Clips, device: str
) -> None:
    paths = [clips.path("h264.mp4")] * 2
    run = many(paths, 99, device, crop=iter((0, 0, 64, 96)), protocols=iter(["file"]))
    assert [item.batch.shape[2:] for item in run] == [(64, 96)] * 2


def test_one_source_is_no_list_of_sources(clips: Clips) -> None:
    path = clips.path("h264.mp4")
    bytes_of = memoryview(b"bytes")
    sources = (path, str(path), b"bytes", bytes_of, np.frombuffer(bytes_of, np.uint8))
    for source in (*sources, io.BytesIO(b"bytes")):
        with pytest.raises(TypeError, match="sources must be several"):
            gvdecode.decode_many(source, 4)  # type: ignore[arg-type]


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


@pytest.mark.parametrize("end", ["close", "drop", "error"])
def test_leaving_ends_all_that_runs(clips: Clips, device: str, end: str) -> None:
    path = clips.path("long.mp4")
    next(many([path], 4, device)).batch.numpy()  # starts the driver's threads
    before = count_tasks()
    bad = path.with_name("missing.mp4")
    run = many([path, bad if end == "error" else path, path], 64, device)
    next(run)
    assert count_tasks() > before
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
    while count_tasks() > before and time.monotonic() < limit:
        time.sleep(0.01)
    assert count_tasks() <= before


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
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
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
