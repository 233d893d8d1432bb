"""Many decoders at once under one memory limit, for bench_robust.py: every result
is compared.

Each thread decodes so many clips, one after the other, each with a decoder of its
own; the clips are repeated, every thread begins with another. What it gets must be
what one decoder alone gives, which is measured too, and on a GPU the raw ceiling of
these clips (`ceiling.c`; it wants the streams that `clips.py derive` makes beside
them). Meanwhile the device's memory is looked at: as the driver tells it, above its
level after the first decode and without what torch has taken for the batches, it must
not pass the limit; nor may what gvdecode says that it holds.
"""

from __future__ import annotations

import argparse
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy
from bench_sequential import SESSIONS
from results import CEILING, DEFAULT_OUT, ROOT, Results
from server import Server

import gvdecode

BATCH = 16
LOOK_SECONDS = 0.005
MIB = 1 << 20
PASSED = "limit passed"


class Load:
    def __init__(self, options: argparse.Namespace) -> None:
        self.device: str = options.device
        self.limit: int = options.limit * MIB
        self.cuda = self.device.startswith("cuda")

    def decode(self, path: Path) -> tuple[int, int]:
        """Frames, and a sum over their pixels that tells batches apart."""
        frames = total = 0
        with gvdecode.VideoDecoder(path, device=self.device, size=360) as video:
            for batch in video.batches(BATCH):
                total += (frames + 1) * self.sum_of(batch)
                frames += len(batch)
        return frames, total

    def sum_of(self, batch: Any) -> int:
        if not self.cuda:
            return int(batch.numpy().sum(dtype=numpy.int64))
        import torch

        return int(torch.from_dlpack(batch).sum(dtype=torch.int64))

    def taken(self) -> int:
        """Bytes of the device's memory that are neither free nor torch's."""
        if not self.cuda:
            return gvdecode.memory_usage(self.device).held
        import torch

        mine = torch.cuda.memory_reserved(self.device)
        free, total = torch.cuda.mem_get_info(self.device)
        return int(total - free - max(mine, torch.cuda.memory_reserved(self.device)))

    def watch(self, over: threading.Event, seen: list[int]) -> None:
        while not over.wait(LOOK_SECONDS):
            seen.append(self.taken())


def ceiling_of(clip: Path, program: Path) -> float:
    """Frames a second of the raw engines, with as many sessions as do best, on the
    stream that the clip is the beginning of."""
    name, codec = clip.stem.rpartition("_")[0], clip.stem.split("_")[0]
    stream = clip.with_name(f"{name}.{codec}")
    with Server([str(program), "serve", str(stream), codec]) as server:
        return max(float(server.ask(f"run {n} 2")["fps"]) for n in SESSIONS)


def add_ceiling(results: Results, case: str, options: argparse.Namespace) -> float:
    """That of equal parts of all clips; 0 where it cannot be had."""
    if not options.device.startswith("cuda"):
        return 0
    if not options.ceiling.exists():
        results.leave_out(case, f"{CEILING} ({options.ceiling} is not built)")
        return 0
    all_of = [ceiling_of(clip, options.ceiling) for clip in options.clips]
    fps = len(all_of) / sum(1 / each for each in all_of)
    results.add(case, CEILING, "fps", [fps], note="equal parts of all clips")
    return fps


def run_all(options: argparse.Namespace, results: Results) -> None:
    load = Load(options)
    case = f"{options.threads} threads, {options.count} clips each"
    ceiling = add_ceiling(results, case, options)
    gvdecode.set_memory_limit(load.limit, device=load.device)
    load.decode(options.clips[0])
    level = load.taken() if load.cuda else 0
    start = time.perf_counter()
    expected = {path: load.decode(path) for path in options.clips}
    frames = sum(count for count, _ in expected.values())
    alone = frames / (time.perf_counter() - start)
    results.add(case, "one decoder alone", "fps", [alone])

    def decode_some(thread: int) -> int:
        turn = itertools.islice(itertools.cycle(options.clips), thread, None)
        done = 0
        for path in itertools.islice(turn, options.count):
            found = load.decode(path)
            if found != expected[path]:
                raise ValueError(f"{path}: {found}, alone {expected[path]}")
            done += found[0]
        return done

    over, seen = threading.Event(), [0]
    watcher = threading.Thread(target=load.watch, args=(over, seen))
    watcher.start()
    start = time.perf_counter()
    try:
        with ThreadPoolExecutor(options.threads) as pool:
            done = sum(pool.map(decode_some, range(options.threads)))
    finally:
        seconds = time.perf_counter() - start
        over.set()
        watcher.join()
    note = f"{done / seconds / alone:.0%} of one decoder's; {done} frames compared"
    if ceiling:
        note = f"{done / seconds / ceiling:.0%} of the ceiling; {note}"
    results.add(case, f"gvdecode {load.device}", "fps", [done / seconds], note=note)
    usage = gvdecode.memory_usage(load.device)
    most = max(max(seen) - level, usage.held_max)
    passed = max(0, most - load.limit)
    note = f"{case}: {most / MIB:.0f} of {load.limit / MIB:.0f} MiB at most"
    results.add(PASSED, load.device, "bytes", [passed], n=len(seen), note=note)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clips", type=Path, nargs="*", help="for the load")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=64, help="of the load")
    parser.add_argument("--count", type=int, default=20, help="of clips a thread")
    parser.add_argument("--limit", type=int, default=4096, help="MiB")
    parser.add_argument("--ceiling", type=Path, default=ROOT / "build" / "ceiling")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
