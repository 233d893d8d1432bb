"""Open, decode three frames, close, again and again: memory stays where it is.

GVDECODE_CYCLES is how often (`make leaks`: 10,000).
"""

import os
import subprocess
import sys

import pytest
from conftest import Clips

CYCLES = int(os.environ.get("GVDECODE_CYCLES", "400"))
LEVEL = 100  # cycles after which the level is taken
SHARE = 1.02

SCRIPT = """
import ctypes, gc, gvdecode, itertools, os, sys
from pathlib import Path
device, cycles, level_at, *paths = sys.argv[1:]
def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
def taken():
    if device == "cpu":
        return 0
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    ask = ctypes.CDLL("libcuda.so.1").cuMemGetInfo_v2
    if ask(ctypes.byref(free), ctypes.byref(total)):
        raise OSError("cuMemGetInfo failed")
    return total.value - free.value
def levels():
    gc.collect()
    gvdecode.trim()
    ctypes.CDLL(None).malloc_trim(0)
    return resident(), taken()
if device != "cpu":
    import torch
    torch.zeros(1, device=device)  # a context that is current in this thread
for cycle in range(int(cycles)):
    if cycle == int(level_at):
        before = levels()
    with gvdecode.VideoDecoder(
        paths[cycle % len(paths)], device=device, sessions=1, fallback="silent"
    ) as video:
        frames = list(itertools.islice(video, 3))
    assert [frame.number for frame in frames] == [0, 1, 2]
    del frames
print(*before, *levels())
"""


def test_opening_and_closing_takes_no_memory(clips: Clips, device: str) -> None:
    if device != "cpu":
        pytest.importorskip("torch")
    paths = [str(clips.path(name)) for name in ("h264.mp4", "hevc.mp4", "vp9.webm")]
    # One arena, and all that is kept for later given back: how much that is
    # differs with the threads' timing.
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, device, str(CYCLES), str(LEVEL), *paths],
        env=os.environ | {"MALLOC_ARENA_MAX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    levels = list(map(int, done.stdout.split()))
    for where, level, end in zip(
        ("host", "device"), levels[:2], levels[2:], strict=True
    ):
        if level:
            print(
                f"{where}: {level} bytes after {LEVEL} of {CYCLES} cycles, "
                f"{end} at the end"
            )
        assert end <= level * SHARE
