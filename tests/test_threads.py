"""Many threads at once, with and without the GIL."""

import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable

import numpy as np
import pytest
from conftest import Opener

import gvdecode

THREADS = 12
NAMES = ["h264.mp4", "hevc.mp4", "vp9.webm", "mpeg2.ts"]


def together(work: Callable[[int], None]) -> None:
    """Runs it in many threads, which begin at once; the first error is raised."""
    errors: list[BaseException] = []
    gate = threading.Barrier(THREADS)

    def run(number: int) -> None:
        try:
            gate.wait(20)
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has a GIL"
)
def test_the_gil_stays_off() -> None:
    # In a process of its own: other tests import what may turn it on.
    script = "import sys, gvdecode, numpy; sys.exit(sys._is_gil_enabled())"
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == 0


def test_a_decoder_for_each_thread(opened: Opener) -> None:
    expected = {name: sums(opened(name)) for name in NAMES}

    def work(number: int) -> None:
        name = NAMES[number % len(NAMES)]
        for _ in range(3):
            assert sums(opened(name)) == expected[name]

    together(work)


def sums(video: gvdecode.VideoDecoder) -> list[int]:
    found: list[int] = []
    for batch in video.batches(8):
        found += batch.numpy().sum(axis=(1, 2, 3), dtype=np.int64).tolist()
    return found


def test_one_decoder_for_all_threads(opened: Opener) -> None:
    whole = opened("h264.mp4")[:].numpy()
    video = opened("h264.mp4")

    def work(number: int) -> None:
        # All that is made when it is first asked for, at once.
        assert video.metadata.num_frames == len(video) == 60
        assert video.index.pts_seconds.shape == (60,)
        for at in (number, 59 - number, 20):
            np.testing.assert_array_equal(video[at].numpy(), whole[at])
        wanted = [number, 30, 5]
        frames = video.get_frames_at(wanted)
        np.testing.assert_array_equal(frames.numpy(), whole[wanted])
        assert video.stats.packets >= 0
        assert sum(len(batch) for batch in video.batches(16)) == 60

    together(work)


def test_one_reading_for_all_threads(opened: Opener) -> None:
    run = opened("h264.mp4").batches(1)
    seen: list[int | None] = []

    def work(_: int) -> None:
        for batch in run:
            seen.append(batch[0].number)

    together(work)
    assert sorted(number for number in seen if number is not None) == [*range(60)]


def test_readings_are_dropped_and_closed_at_once(opened: Opener) -> None:
    video = opened("h264.mp4")

    def work(number: int) -> None:
        try:
            for _ in range(10):
                run = video.batches(4)
                next(run)
                del run
                if number == 0:
                    gvdecode.trim()
        except gvdecode.ClosedError:
            assert closed.is_set()

    closed = threading.Event()

    def close() -> None:
        closed.set()
        video.close()

    timer = threading.Timer(0.3, close)
    timer.start()
    together(work)
    timer.join()


def test_one_batch_is_taken_by_all_threads(opened: Opener) -> None:
    batch = next(opened("h264.mp4").batches(6))
    first = batch.numpy().copy()

    def work(number: int) -> None:
        for _ in range(50):
            frame = batch[number % 6]
            np.testing.assert_array_equal(frame.numpy(), first[number % 6])
            if batch.device == "cpu":
                assert np.from_dlpack(frame).shape == first.shape[1:]

    together(work)
