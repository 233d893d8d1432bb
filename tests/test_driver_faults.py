"""Every call of the driver on the way from open to frame fails once: a typed error or
frames, nothing is lost, and the next file is read as ever.

Needs a GPU and a build with GVD_DRIVER_FAULTS=1.
"""

import ctypes
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import Clips

from gvdecode import _core

SYMBOL = "gvd_driver_fault_in"
SHARE = 1.02
CALLS = 120  # at most: from then on they repeat, frame by frame

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not _core.cuda_device_count()[0]
        or not hasattr(ctypes.CDLL(_core.__file__), SYMBOL),
        reason="needs a GPU and a build with GVD_DRIVER_FAULTS=1",
    ),
]

# Lines of what came of each reading, of those from FIRST on, until one has made
# fewer calls than the one that was to fail.
SCRIPT = """
import ctypes, gc, gvdecode, itertools, json, sys
from gvdecode import _core
path, fallback, first, most = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:5])
fault = ctypes.c_int.in_dll(ctypes.CDLL(_core.__file__), "gvd_driver_fault_in")
def read(nth):
    fault.value = nth
    try:
        with gvdecode.VideoDecoder(
            path, device="cuda", fallback=fallback, sessions=1, size=(64, 96)
        ) as video:
            frames = [frame.numpy().tobytes() for frame in itertools.islice(video, 3)]
        result = "frames"
    except gvdecode.Error as error:
        assert "cu" in str(error), error  # what failed, if not where
        result, frames = type(error).__name__, None
    left, fault.value = fault.value, 0
    return result, frames, left
def taken():
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    cuda = ctypes.CDLL("libcuda.so.1")
    context = ctypes.c_void_p()
    assert not cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0)
    assert not cuda.cuCtxPushCurrent_v2(context)
    assert not cuda.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total))
    return total.value - free.value
wanted = None if first else read(0)[1]
results = {}
for nth in itertools.count(max(first, 1)):
    gc.collect()
    gvdecode.trim()  # so that sessions and buffers are made anew
    result, frames, left = read(nth)
    if left > 0 or nth >= first + most:
        break
    results[result] = results.get(result, 0) + 1
    if result == "frames" and wanted:
        assert frames == wanted, nth
    sound = read(0)[1]
    wanted = wanted or sound
    assert sound == wanted, f"after the fault of call {nth}"
    if nth == 20:
        gvdecode.trim()
        level = taken()
gvdecode.trim()
print(json.dumps([nth - 1, results, [level, taken()] if nth > 20 > first else None]))
"""


def read(path: str, *arguments: str) -> list[object]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, path, *arguments],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stderr}"
    found: list[object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("fallback", ["error", "silent"])
def test_each_call_fails_once(clips: Clips, fallback: str) -> None:
    path = str(clips.path("h264.mp4"))
    calls, results, levels = read(path, fallback, "0", str(CALLS))
    print(f"fallback={fallback}: each of {calls} calls failed once: {results}")
    assert isinstance(calls, int) and calls > 50
    assert isinstance(results, dict) and len(results) >= (fallback == "error") + 1
    assert isinstance(levels, list)
    print(f"device memory: {levels[0]} bytes after 20 of them, {levels[1]} at the end")
    assert levels[1] <= levels[0] * SHARE


def test_each_call_of_the_first_reading_of_a_process(clips: Clips) -> None:
    """The context, the module and the streams are made there."""
    path = str(clips.path("h264.mp4"))

    def fail(nth: int) -> object:
        return read(path, "error", str(nth), "1")

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(fail, range(1, 41)):
            assert isinstance(found, list)
