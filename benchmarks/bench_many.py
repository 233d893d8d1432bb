"""Many short clips, one after the other: `decode_many` against a plain loop.

    python bench_many.py CLIP... [--count 64] [--device cpu]

The clips are repeated until there are `--count`. Every batch is touched; in the
cases with a step the consumer then waits as long as a model on a GPU might take,
which leaves the cores to the decoders. Subjects take turns, so that what else the
machine does meets all of them.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
from results import DEFAULT_OUT, Results

import gvdecode

Batches = Iterator[Any]


def plain_loop(paths: list[Path], batch: int, options: dict[str, Any]) -> Batches:
    for path in paths:
        with gvdecode.VideoDecoder(path, **options) as video:
            yield from video.batches(batch)


def prefetching(prefetch: int) -> Callable[..., Batches]:
    def decode(paths: list[Path], batch: int, options: dict[str, Any]) -> Batches:
        run = gvdecode.decode_many(paths, batch, prefetch=prefetch, **options)
        return (item.batch for item in run)

    return decode


SUBJECTS = {"plain loop": plain_loop} | {
    f"decode_many, prefetch={n}": prefetching(n) for n in (0, 1, 2, 4)
}


def consume(batches: Batches, step_seconds: float) -> tuple[int, int]:
    """Frames, and a sum over all pixels."""
    frames = total = 0
    for batch in batches:
        frames += len(batch)
        total += int(batch.numpy().sum(dtype=numpy.int64))
        if step_seconds:
            time.sleep(step_seconds)
    return frames, total


def measure(results: Results, options: argparse.Namespace, step_ms: float) -> None:
    paths = list(itertools.islice(itertools.cycle(options.clips), options.count))
    decoder = {"device": options.device, "size": tuple(options.size)}
    seen: dict[str, tuple[int, int]] = {}
    rates: dict[str, list[float]] = {name: [] for name in SUBJECTS}
    for _ in range(options.repeats):
        for name, decode in SUBJECTS.items():
            start = time.perf_counter()
            seen[name] = consume(decode(paths, options.batch, decoder), step_ms * 1e-3)
            rates[name].append(seen[name][0] / (time.perf_counter() - start))
    assert len(set(seen.values())) == 1, f"the pixels differ: {seen}"
    frames = seen["plain loop"][0]
    case = f"{len(paths)} clips, {frames // len(paths)} frames each on average"
    if step_ms:
        case += f", step {step_ms:g} ms"
    note = f"batches of {options.batch}, size {options.size}, {options.device}"
    for name, samples in rates.items():
        results.add(case, name, "fps", samples, note=note)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--count", type=int, default=64, help="of clips")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, nargs=2, default=[224, 224])
    parser.add_argument("--steps", type=float, nargs="+", default=[0, 5], help="ms")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    options = parser.parse_args()
    results = Results("many")
    for step in options.steps:
        measure(results, options, step)
    return results.finish(options.out)


if __name__ == "__main__":
    raise SystemExit(main())
