"""Damages copies of video files and reads them: frames or a typed error.

    python tests/mutate.py [--count N] [--seed N] [--jobs N] [--failures FOLDER]
        [--device cpu|cuda] CLIP|FOLDER ...

Each copy has bits flipped, is cut, has bytes doubled, or a range zeroed, drawn
from the seed; it is then read front to back and by number in a process of its
own, which serves one copy after the other; there may be several of them. A crash,
any other exception, more than 10 seconds or more memory than the limit is a
failure: its copy is kept in the folder, and the exit status is 1. The same seed
makes the same copies. On a GPU a sound file is read between them, whose frames must
be what the CPU gives.
"""

import argparse
import itertools
import json
import os
import random
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gvdecode

SECONDS = 10.0
LATE = f"not done after {SECONDS:g} s"
RESIDENT_MAX = 2 << 30  # bytes more than before, at the most that a copy may take
SPACE_MAX = 16 << 30  # of addresses, so that the machine outlives a failure
FRAMES = 16  # front to back: what comes later in a long file is like it
BY_NUMBER = 4
BETWEEN = 5  # damaged copies between two sound files
LONGEST = -1  # the seed of a reading that takes as long as any of a damaged copy
DAMAGES = ("flip", "cut", "double", "zero")


def damage(data: bytes, dice: random.Random) -> tuple[str, bytes]:
    """One kind of damage, and the bytes that it leaves."""
    kind = dice.choice(DAMAGES)
    made = bytearray(data)
    # Headers are small and decide most.
    end = len(made) if dice.random() < 0.7 else min(len(made), 4096)
    at = dice.randrange(end)
    length = min(1 << dice.randrange(13), len(made) - at)
    if kind == "flip":
        for _ in range(1 << dice.randrange(8)):
            made[dice.randrange(end)] ^= 1 << dice.randrange(8)
    elif kind == "cut" and dice.random() < 0.5:
        del made[at:]
    elif kind == "cut":
        del made[at : at + length]
    elif kind == "double":
        made[at:at] = made[at : at + length]
    else:
        made[at : at + length] = bytes(length)
    return kind, bytes(made)


# --- the process that reads ---


def read(path: str, seed: int, device: str) -> str:
    """What came of one file: frames, or the error's name."""
    import gvdecode

    dice = random.Random(seed)
    pixels = dice.choice(("rgb24", "gray8", "native"))
    options = {} if pixels == "native" else {"size": dice.choice((None, (64, 96)))}
    count = 0
    try:
        with gvdecode.VideoDecoder(
            path, device=device, pixel_format=pixels, fallback="silent", **options
        ) as video:
            for batch in video.batches(4):
                count += len(batch)
                if count >= FRAMES and seed != LONGEST:
                    break
            for number in farthest(video) if seed == LONGEST else anywhere(video, dice):
                assert video[number].width > 0
    except gvdecode.Error as error:
        if path not in str(error):
            raise ValueError("the error does not name the file") from error
        return type(error).__name__
    return "frames"


def anywhere(video: "gvdecode.VideoDecoder", dice: random.Random) -> list[int]:
    length = len(video)
    return [dice.randrange(length) for _ in range(BY_NUMBER if length else 0)]


def farthest(video: "gvdecode.VideoDecoder") -> range:
    """The last frames of the longest GOP, each decoded from its key frame on."""
    keys = [*video.key_frames, len(video)]
    gops = itertools.pairwise(keys)
    first, end = max(gops, key=lambda gop: gop[1] - gop[0], default=(0, 0))
    return range(end - 1, max(end - 1 - BY_NUMBER, first - 1), -1)


def compare(path: str, device: str) -> str:
    """Frames of a sound file, on the device as on the CPU."""
    import numpy

    import gvdecode

    first, second = (
        gvdecode.VideoDecoder(path, device=name, fallback="silent")
        for name in (device, "cpu")
    )
    with first, second:
        for ours, theirs in zip(first.batches(8), second.batches(8), strict=True):
            if not numpy.array_equal(ours.numpy(), theirs.numpy()):
                raise ValueError(f"frames from {ours.number[0]} on differ")
    return "sound"


def resident(what: str) -> int:
    """Bytes: "VmRSS", or "VmHWM", the most since the last `forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{what}:")[1].split()[0]) * 1024


def forget_peak() -> int:
    """The resident bytes now: a process with CUDA has many, and pools grow."""
    Path("/proc/self/clear_refs").write_text("5")
    return resident("VmRSS")


def work(device: str) -> None:
    """Reads the files that stdin names, a line each, and says what came of it."""
    if device == "cpu":  # CUDA takes more addresses than there is memory
        resource.setrlimit(resource.RLIMIT_AS, (SPACE_MAX, SPACE_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        path, seed = json.loads(line)
        before = forget_peak()
        result = compare(path, device) if seed is None else read(path, seed, device)
        print(json.dumps([result, resident("VmHWM") - before]), flush=True)


# --- the process that judges ---


class Worker:
    """A reading process; another is started after one that failed."""

    def __init__(self, device: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", "--device", device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def ask(self, path: Path, seed: int | None) -> tuple[str, str]:
        """What came of the file, which is sound where there is no seed, and what
        is wrong with that, if anything."""
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.process.stdin.write(f"{json.dumps([str(path), seed])}\n".encode())
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], SECONDS)
        if not ready:
            return "", LATE
        line = self.process.stdout.readline()
        if not line:
            words = self.process.stderr.read().decode(errors="replace").splitlines()
            return "", f"exit status {self.process.wait()}: {' / '.join(words[-3:])}"
        result, most = json.loads(line)
        if most > RESIDENT_MAX:
            return "", f"{most >> 20} MiB of memory more"
        return result, ""

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def find_files(paths: list[Path]) -> list[Path]:
    found = (sorted(top.rglob("*")) if top.is_dir() else [top] for top in paths)
    return [
        path
        for path in itertools.chain.from_iterable(found)
        if path.is_file() and path.suffix not in (".md", ".md5")
    ]


def ask_in_time(worker: Worker, path: Path, seed: int | None) -> str:
    """What comes of a whole file; "" if that takes more than a third of the time,
    since to count a damaged copy's frames may take as long again."""
    start = time.monotonic()
    result, wrong = worker.ask(path, seed)
    if wrong and wrong != LATE:
        raise RuntimeError(f"{path}, which is whole: {wrong}")
    if wrong or time.monotonic() - start > SECONDS / 3:
        what = "read" if seed == LONGEST else "compare"
        print(f"left out, long to {what} even whole: {path.name}", flush=True)
        return ""
    return result


def examine(path: Path, device: str) -> str:
    """What a file is good for: a "sound" one is compared, too, on a GPU; a "source" is
    damaged only."""
    worker = Worker(device)
    result = ask_in_time(worker, path, LONGEST)
    sound = device != "cpu" and result == "frames" and ask_in_time(worker, path, None)
    worker.close()
    return sound or (result and "source")


@dataclass
class Judge:
    """What is damaged, and what is kept of those copies that fail."""

    clips: list[Path]
    sound: list[Path]
    failures: Path | None
    device: str

    def judge(self, seeds: Iterable[int]) -> Counter[str]:
        """What came of so many copies; "" for those that failed."""
        results: Counter[str] = Counter()
        worker = Worker(self.device)
        with tempfile.TemporaryDirectory() as folder:
            for seed in seeds:
                copy = self.make(seed, Path(folder))
                result, wrong = worker.ask(copy, seed)
                if not wrong and self.sound and seed % BETWEEN == 0:
                    sound = self.sound[seed // BETWEEN % len(self.sound)]
                    _, wrong = worker.ask(sound, None)
                    wrong = wrong and f"{sound.name} after it: {wrong}"
                results["" if wrong else result] += 1
                if wrong:
                    self.keep(seed, copy, wrong)
                    worker.close()
                    worker = Worker(self.device)
                copy.unlink()
        worker.close()
        return results

    def make(self, seed: int, folder: Path) -> Path:
        dice = random.Random(seed)
        clip = dice.choice(self.clips)
        kind, data = damage(clip.read_bytes(), dice)
        copy = folder / f"{seed}_{kind}_{clip.name}"
        copy.write_bytes(data)
        return copy

    def keep(self, seed: int, copy: Path, wrong: str) -> None:
        print(f"seed {seed}: {copy.name}: {wrong}", flush=True)
        if self.failures:
            self.failures.mkdir(parents=True, exist_ok=True)
            (self.failures / copy.name).write_bytes(copy.read_bytes())


def run(
    paths: list[Path],
    count: int,
    seed: int,
    failures: Path | None,
    device: str = "cpu",
    jobs: int = 1,
) -> int:
    """Reads so many damaged copies; how many of them failed."""
    files = find_files(paths)
    with ThreadPoolExecutor(jobs) as pool:
        uses = [*pool.map(lambda path: examine(path, device), files)]
        clips = [path for path, use in zip(files, uses, strict=True) if use]
        sound = [path for path, use in zip(files, uses, strict=True) if use == "sound"]
        if device != "cpu" and not sound:
            raise ValueError("none of the files can be compared with the CPU's frames")
        judge = Judge(clips, sound, failures, device)
        parts = [range(seed + job, seed + count, jobs) for job in range(jobs)]
        results = sum(pool.map(judge.judge, parts), Counter[str]())
    failed = results.pop("", 0)
    print(f"{count} copies of {len(clips)} files, {failed} failures: {dict(results)}")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--failures", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=1, help="copies at once")
    parser.add_argument("--worker", action="store_true")
    o = parser.parse_args()
    if o.worker:
        work(o.device)
        return 0
    return bool(run(o.paths, o.count, o.seed, o.failures, o.device, o.jobs))


if __name__ == "__main__":
    os.environ["PYTHONDEVMODE"] = "0"
    sys.exit(main())
