"""What must not break gvdecode: every row of `robust`, from the campaigns that the
Makefile runs too.

    python bench_robust.py [--device cpu|cuda] [--only PART...] [PATH...]

fuzz       libFuzzer over index and plan, and over demux, decode, convert
arguments  calls with any arguments
mutate     damaged copies of the files in PATH...
leaks      open, three frames, close, again and again
streams    batches on any stream, against a checksum (cuda)
load       many decoders under one memory limit, of --clips

The fuzzers need clang and the checkout, the tests GVDECODE_CLIPS where there is no
ffmpeg. A part that fails is a finding, printed with what it said. `--keep DIR` takes
the rows of other parts from the file that is there.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bench_load
from results import ROOT, Results

Part = Callable[["Campaign"], None]
PER_DEVICE = {"cpu": "fuzz arguments mutate leaks", "cuda": "streams mutate leaks load"}


class Campaign:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.device: str = options.device
        self.results = Results("robust")
        self.faults: list[str] = []

    def run(self, what: str, command: list[str], **environment: object) -> str:
        """What the command said; a fault is kept in words."""
        print(f"== {what}: {' '.join(command)}", flush=True)
        values = {name: str(value) for name, value in environment.items()}
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | values,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=self.options.patience,
            check=False,
        )
        print("\n".join(done.stdout.splitlines()[-6:]), flush=True)
        if done.returncode:
            self.faults.append(f"{what}: status {done.returncode}")
        return done.stdout

    def pytest(self, what: str, test: str, **environment: object) -> str:
        options = ["-q", "-s", "-o", "faulthandler_timeout=0", "-p", "no:cacheprovider"]
        if self.device == "cuda":
            options += ["-m", "gpu"]
        command = [sys.executable, "-m", "pytest", *options, f"tests/{test}.py"]
        return self.run(what, command, **environment)

    def add(self, case: str, subject: str, count: int, note: str = "") -> None:
        self.results.add(case, subject, "count", [count], note=note)

    def add_findings(self, subject: str, before: int) -> None:
        self.add("fuzz findings", subject, len(self.faults) - before)


def find(pattern: str, text: str) -> list[int]:
    """The numbers of the pattern's last match."""
    found = list(re.finditer(pattern, text))
    if not found:
        raise ValueError(f"nothing like {pattern!r} in what was printed")
    return [int(group) for group in found[-1].groups()]


def fuzz(campaign: Campaign) -> None:
    options = campaign.options
    runs = {"index": options.fuzz_index, "decode": options.fuzz_decode}
    for target, count in runs.items():
        command = ["make", "FLAVOUR=fuzz", f"CC={options.clang}", f"RUNS={count}"]
        before = len(campaign.faults)
        text = campaign.run(f"fuzz {target}", [*command, f"fuzz-{target}"])
        (done,) = find(r"number_of_executed_units:\s*(\d+)", text)
        campaign.add("fuzz executions", target, done, "libFuzzer, ASan and UBSan")
        campaign.add_findings(target, before)


def arguments(campaign: Campaign) -> None:
    count, before = campaign.options.arguments, len(campaign.faults)
    campaign.pytest("arguments", "test_fuzz_arguments", GVDECODE_ARGUMENTS=count)
    campaign.add("fuzz executions", "arguments", count, "Hypothesis")
    campaign.add_findings("arguments", before)


def mutate(campaign: Campaign) -> None:
    options = campaign.options
    script = [sys.executable, "tests/mutate.py", "--device", campaign.device]
    jobs = min(os.cpu_count() or 1, 4)
    wanted = ["--count", str(options.mutations), "--jobs", str(jobs)]
    wanted += map(str, options.paths)
    if options.failures:
        wanted += ["--failures", str(options.failures)]
    text = campaign.run("mutate", [*script, *wanted])
    copies, files, failed = find(r"(\d+) copies of (\d+) files, (\d+) failures", text)
    note = f"of {files} files; {text.strip().splitlines()[-1].partition(': ')[2]}"
    campaign.add("mutated files", campaign.device, copies, note)
    campaign.add("mutated files that failed", campaign.device, failed)


def leaks(campaign: Campaign) -> None:
    cycles = campaign.options.cycles
    text = campaign.pytest("leaks", "test_leaks", GVDECODE_CYCLES=cycles)
    for where in ("host", "device"):
        pattern = rf"{where}: (\d+) bytes after (\d+) of (\d+) cycles, (\d+) at the end"
        if not re.search(pattern, text):
            continue
        level, after, count, end = find(pattern, text)
        note = f"{count} cycles: {level} bytes after {after}, {end} at the end"
        grown = 100 * (end - level) / level
        campaign.results.add(
            f"leak {where}", campaign.device, "percent", [grown], note=note
        )


def streams(campaign: Campaign) -> None:
    count = campaign.options.batches
    before = len(campaign.faults)
    campaign.pytest("streams", "test_streams", GVDECODE_BATCHES=count)
    campaign.add("batches on any stream", campaign.device, count)
    wrong = len(campaign.faults) - before
    campaign.add("batches on any stream, failed runs", campaign.device, wrong)


def load(campaign: Campaign) -> None:
    before = len(campaign.results.rows)
    bench_load.run_all(campaign.options, campaign.results)
    for row in campaign.results.rows[before:]:
        if row.case == bench_load.PASSED and row.max:
            campaign.faults.append(f"load: {row.max} bytes above the limit")


PARTS: dict[str, Part] = {
    part.__name__: part for part in (fuzz, arguments, mutate, leaks, streams, load)
}


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", type=Path, nargs="*", help="files and folders")
    bench_load.add_arguments(parser)
    parser.add_argument("--only", nargs="*", choices=PARTS, help="parts")
    parser.add_argument("--fuzz-index", type=int, default=1_850_000)
    parser.add_argument("--fuzz-decode", type=int, default=100_000)
    parser.add_argument("--arguments", type=int, default=50_000, help="calls")
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--failures", type=Path, help="where such copies are kept")
    parser.add_argument("--cycles", type=int, default=10_000, help="of open, close")
    parser.add_argument("--batches", type=int, default=5_000)
    parser.add_argument("--patience", type=float, help="seconds of a part, at most")
    parser.add_argument("--clang", default="clang-19")
    parser.add_argument("--keep", type=Path, help="folder with an earlier file")
    options = parser.parse_args()
    options.paths = [path.resolve() for path in options.paths]
    return options


def main() -> int:
    options = parse_options()
    campaign = Campaign(options)
    kept = campaign.results.before(options.keep) if options.keep else []
    for name in options.only or PER_DEVICE[options.device].split():
        start = time.monotonic()
        try:
            PARTS[name](campaign)
        except (OSError, ValueError, RuntimeError, subprocess.SubprocessError) as error:
            campaign.faults.append(f"{name}: {error}")
        print(f"-- {name}: {time.monotonic() - start:.0f} s", flush=True)
    for fault in campaign.faults:
        print(f"FAULT {fault}", file=sys.stderr)
    status = campaign.results.finish(options.out, kept)
    return 1 if campaign.faults else status


if __name__ == "__main__":
    raise SystemExit(main())
