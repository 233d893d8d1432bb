"""Nothing is left behind, and nothing hangs, whenever a reader stops."""

import gc
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Clips, Opener

import gvdecode

PAGE = os.sysconf("SC_PAGE_SIZE")


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def wait_until(condition: Callable[[], bool], seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def read_a_bit(clips: Clips, device: str, count: int) -> None:
    """Opens a clip, takes a few batches and drops everything."""
    video = gvdecode.VideoDecoder(
        clips.path("h264.mp4"), device=device, fallback="silent"
    )
    for number, _ in enumerate(video.batches(4)):
        if number == count:
            break


def test_two_hundred_readings_dropped_half_way_leave_nothing(
    clips: Clips, device: str, caplog: pytest.LogCaptureFixture
) -> None:
    dice = random.Random(1)
    for _ in range(20):  # fills the pools, and starts the driver's own threads
        read_a_bit(clips, device, 20)
    for _ in range(20):
        gc.collect()
        before = (threads(), descriptors(), resident())
        caplog.clear()
        with caplog.at_level(logging.DEBUG, logger="gvdecode"):
            for _ in range(200):
                read_a_bit(clips, device, dice.randrange(16))
            gc.collect()
            gvdecode.log.drain()
        # A session that stays in the pool, for all later readings, is no leak.
        if "NVDEC session more" not in caplog.text:
            break
    assert wait_until(lambda: threads() <= before[0])
    assert descriptors() <= before[1]
    assert resident() < before[2] + 16 * 2**20


def test_dropping_the_iterator_ends_the_decoding(opened: Opener) -> None:
    before = threads()
    video = opened("long.mp4")
    run = video.batches(4)
    next(run)
    assert threads() > before
    del run
    assert wait_until(lambda: threads() <= before)
    assert 0 < video.stats.frames < 400


def test_a_loop_that_raises_or_breaks_ends_the_decoding(opened: Opener) -> None:
    before = threads()
    video = opened("long.mp4")
    with pytest.raises(ZeroDivisionError):
        any(1 / 0 for _ in video.batches(4))
    for _ in video:
        break
    gc.collect()
    assert wait_until(lambda: threads() <= before)


def test_a_decoder_that_was_never_read_leaves_nothing(
    clips: Clips, opened: Opener, device: str
) -> None:
    read_a_bit(clips, device, 20)
    gc.collect()
    before = (threads(), descriptors())
    gvdecode.VideoDecoder(opened("h264.mp4")._name, device="cpu")
    opened("h264.mp4").batches(4)
    gc.collect()
    assert wait_until(lambda: threads() <= before[0])


def test_close_ends_a_wait_in_another_thread(
    clips: Clips, fifo: Callable[[Path], Path], tmp_path: Path
) -> None:
    # The pipe's writer stays, so that the reader waits for more for ever.
    path = tmp_path / "endless.ts"
    os.mkfifo(path)
    data = clips.path("h264.ts").read_bytes()
    writer = os.open(path, os.O_RDWR)
    feeder = threading.Thread(target=os.write, args=(writer, data))
    feeder.start()
    video = gvdecode.VideoDecoder(path, device="cpu")
    errors: list[BaseException] = []

    def read() -> None:
        try:
            for _ in video.batches(1000):
                pass
        except gvdecode.Error as error:
            errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    time.sleep(0.5)
    assert reader.is_alive()
    start = time.monotonic()
    video.close()
    reader.join(5)
    assert not reader.is_alive()
    assert time.monotonic() - start < 2
    assert [type(error) for error in errors] == [gvdecode.ClosedError]
    os.close(writer)
    feeder.join(5)


INTERRUPTED = """
import gvdecode, os, signal, sys, threading, time
path = sys.argv[1]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
os.mkfifo(path)
writer = os.open(path, os.O_RDWR)
data = open(sys.argv[2], "rb").read()
threading.Thread(target=os.write, args=(writer, data), daemon=True).start()
video = gvdecode.VideoDecoder(path, device="cpu")
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
start = time.monotonic()
try:
    for batch in video.batches(1000):
        pass
except KeyboardInterrupt:
    print("interrupted after", time.monotonic() - start)
video.close()
"""


def test_ctrl_c_ends_a_wait(clips: Clips, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            INTERRUPTED,
            str(tmp_path / "pipe.ts"),
            str(clips.path("h264.ts")),
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("interrupted after")
    assert float(done.stdout.split()[-1]) < 2


def run_script(script: str, *arguments: object) -> None:
    """Runs a program to its end, which must be good and quiet."""
    # Newer Pythons warn of every fork where threads are.
    options = ["-X", "dev", "-W", "ignore:This process:DeprecationWarning"]
    done = subprocess.run(
        [sys.executable, *options, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


EXITS = """
import gvdecode, sys, threading
video = gvdecode.VideoDecoder(sys.argv[1], device=sys.argv[2], fallback="silent")
run = video.batches(4)
batch = next(run)
frames = iter(video)
frame = next(frames)
{end}
"""

DAEMON = """
started = threading.Event()
def read():
    for number, batch in enumerate(video.batches(1)):
        if number == 1:
            started.set()
    more = [*video.batches(1000)]
threading.Thread(target=read, daemon=True).start()
started.wait(20)
"""


@pytest.mark.parametrize(
    "end",
    ["", "sys.exit(0)", "kept = [run]; kept.append(kept)", DAEMON],
    ids=["end", "exit", "cycle", "daemon"],
)
def test_leaving_python_half_way_is_quiet(clips: Clips, device: str, end: str) -> None:
    run_script(EXITS.format(end=end), clips.path("long.mp4"), device)


ALIVE = """
import sys, threading
try:
    import torch
except ImportError:
    pass
import gvdecode
path, device = sys.argv[1:]
def opened(**options):
    return gvdecode.VideoDecoder(path, device=device, fallback="silent", **options)
video = opened()
run = video.batches(4)
batch = next(run)
frames = iter(video)
next(frames)
capsules = [batch[1].__dlpack__(), batch.__dlpack__(max_version=(1, 0))]
array = batch.numpy()
planes = next(iter(opened(pixel_format="native"))).planes
orphan = opened()[5]
cycle = [video, run, batch, capsules]
cycle.append(cycle)
class Keeper:
    def __init__(self):
        self.kept = (capsules, array, planes, orphan, self)
    def __del__(self):
        assert self.kept[1].shape[0] == 4
keeper = Keeper()
ready = threading.Barrier(3)
def read():
    mine = opened()
    kept = next(mine.batches(1)).__dlpack__()
    ready.wait(20)
    while True:
        for batch in mine.batches(3):
            pass
for _ in range(2):
    threading.Thread(target=read, daemon=True).start()
ready.wait(20)
"""


def test_leaving_python_with_all_of_it_alive_is_quiet(
    clips: Clips, device: str
) -> None:
    for _ in range(3):
        run_script(ALIVE, clips.path("long.mp4"), device)


LEFT_RUNNING = """
import atexit, gvdecode, os, sys, threading
def count():
    return len(os.listdir("/proc/self/task"))
def check():
    # One that was joined may still be there when they are counted before.
    assert count() <= before, (count(), before)
for _ in range(2):  # the driver's own threads, too
    for batch in gvdecode.VideoDecoder(sys.argv[1], device=sys.argv[2]).batches(4):
        break
    del batch
before = count()
from gvdecode import batches
atexit.unregister(batches.close_all)
atexit.register(check)
atexit.register(batches.close_all)
video = gvdecode.VideoDecoder(sys.argv[1], device=sys.argv[2], fallback="silent")
kept = [video.batches(4), video.batches(4)]
next(kept[0])
assert count() > before
"""


def test_no_worker_is_left_when_the_interpreter_ends(clips: Clips, device: str) -> None:
    # Decoding while the driver is torn down would crash.
    run_script(LEFT_RUNNING, clips.path("long.mp4"), device)


FORKS = """
import gc, gvdecode, os, signal, sys, time
long, short, device = sys.argv[1:]

def child(video, run, batch):
    first = batch.numpy().copy() if device == "cpu" else None
    with gvdecode.VideoDecoder(short, device="cpu") as other:
        count = sum(len(each) for each in other.batches(7))
        assert count == other.stats.frames == 60, count
    if device == "cpu":  # the memory is the child's own copy
        assert (batch.numpy() == first).all()
    assert video.stats == gvdecode.DecodeStats()
    uses = [lambda: next(run), lambda: video.batches(4)]
    if device == "cpu":  # it opens the file anew
        assert sum(len(each) for each in uses.pop()()) == 400
        assert (video[2].numpy() == first_picture).all()
        assert video.stats.frames > 0
    for use in uses:
        try:
            use()
        except gvdecode.ClosedError as error:
            assert "os.fork" in str(error)
        else:
            raise AssertionError("the parent's decoder was used")
    run.close()
    video.close()
    if device == "cuda":
        try:
            gvdecode.VideoDecoder(short, device="cuda")
        except gvdecode.Error as error:
            assert "fork" in str(error), error
        else:
            raise AssertionError("CUDA was used in a forked process")
        auto = gvdecode.VideoDecoder(short, fallback="silent")
        assert (auto.device, auto.backend) == ("cpu", "cpu")
        assert "fork" in auto.fallback_reason
        assert sum(len(each) for each in auto.batches(7)) == 60
        gvdecode.trim()

def wait(pid):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGABRT)  # faulthandler tells where it hangs
    os.waitpid(pid, 0)
    return "it hangs"

video = gvdecode.VideoDecoder(long, device=device, fallback="silent")
first_picture = video[2].numpy()
run = video.batches(4)
count = 0
for number in range(4):
    batch = next(run)
    count += len(batch)
    pid = os.fork()
    if pid == 0:
        child(video, run, batch)
        del video, run, batch
        gc.collect()
        # As multiprocessing leaves: the driver's exit handlers want the parent's.
        os._exit(0) if device == "cuda" else sys.exit()
    ended = wait(pid)
    assert ended == 0, ended
assert count + sum(len(batch) for batch in run) == 400
"""


def test_a_forked_child_decodes_and_drops_what_it_inherited(
    clips: Clips, device: str
) -> None:
    run_script(FORKS, clips.path("long.mp4"), clips.path("h264.mp4"), device)


def test_signals_reach_the_handler_while_waiting(opened: Opener) -> None:
    seen: list[int] = []
    old = signal.signal(signal.SIGALRM, lambda number, _: seen.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        frames = sum(len(batch) for batch in opened("long.mp4").batches(400))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert frames == 400
    assert seen
