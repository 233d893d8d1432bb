"""Open, decode three frames, close, again and again: memory stays where it is.

GVDECODE_CYCLES is how often (`make leaks`: 10,000).
"""

import ctypes
import gc
import itertools
import os
from pathlib import Path

from conftest import Clips

import gvdecode

CYCLES = int(os.environ.get("GVDECODE_CYCLES", "400"))
LEVEL = 100  # cycles after which the level is taken
SHARE = 1.02


def resident() -> int:
    # What the C library keeps for later differs with the threads' timing.
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_opening_and_closing_takes_no_memory(clips: Clips, device: str) -> None:
    # One decoder, so that how many run at once does not tell the level.
    paths = [clips.path(name) for name in ("h264.mp4", "hevc.mp4", "vp9.webm")]
    level = 0
    for cycle, path in zip(range(CYCLES), itertools.cycle(paths), strict=False):
        if cycle == LEVEL:
            level = resident()
        with gvdecode.VideoDecoder(
            path, device=device, sessions=1, fallback="silent"
        ) as video:
            frames = list(itertools.islice(video, 3))
        assert [frame.number for frame in frames] == [0, 1, 2]
    del frames
    end = resident()
    print(f"{CYCLES} cycles: {level} bytes after {LEVEL}, {end} at the end")
    assert end <= level * SHARE
