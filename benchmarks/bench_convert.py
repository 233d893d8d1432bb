"""The conversion alone: every row of `convert`.

    python bench_convert.py

Wants the program that `make -C benchmarks ../build/convert` builds. It compares
random cases of all formats and outputs with a double computation and the GPU's
bytes with the CPU's, then times one thread of the CPU against libswscale and the
GPU against a copy that moves as many bytes. A case that is further off than a
level of bytes or a thousandth of floats, or whose bytes differ, is printed and
makes the script fail.
"""

from __future__ import annotations

import argparse
import ctypes.util
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from results import DEFAULT_OUT, ROOT, Results, gpu

PARTS = ("grid", "cpu", "gpu")
FLOATS = ("float16", "bfloat16", "float32")
ERROR, SAME = "error against float64", "cpu against gpu"
PATIENCE = 540  # seconds
SPEED = {"cpu": "1080p rgb24 uint8", "gpu": "1080p rgb24 uint8"}  # where notes go


def find_swscale() -> str:
    """The libswscale of gvdecode's wheel, else the system's, else nothing."""
    spec = importlib.util.find_spec("gvdecode")
    for folder in (spec and spec.submodule_search_locations) or ():
        libs = Path(folder).parent / "gvdecode.libs"
        for path in sorted(libs.glob("libswscale*")):
            return str(path)
    return ctypes.util.find_library("swscale") or ""


class ProgramError(Exception):
    """The program failed; the text is its last word."""


def lines_of(program: Path, *arguments: str, library: str = "") -> list[dict[str, Any]]:
    command = [str(program), *arguments]
    # libswscale's own libavutil lies beside it.
    beside = Path(library).parent if "/" in library else ""
    paths = os.environ.get("LD_LIBRARY_PATH", "")
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=os.environ | {"LD_LIBRARY_PATH": f"{beside}:{paths}"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProgramError(str(error)) from None
    if done.returncode:
        words = done.stderr.strip().splitlines()
        raise ProgramError(words[-1] if words else f"status {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def add_errors(results: Results, line: dict[str, Any]) -> None:
    """What one format's numbers are off, in levels of 255."""
    name, number = line["format"], line.get("uint8")
    if number:
        note = f"rounding to bytes is 0.5 of it; {line['other_bytes']} bytes are not "
        note += f"the nearest; {line['cases']} cases"
        largest = [number["max_levels"]]
        count = number["numbers"]
        results.add(ERROR, name, "max levels", largest, n=count, note=note)
    there = [kind for kind in FLOATS if kind in line]
    if there:
        off = max(line[kind]["max_levels"] for kind in there)
        count = sum(line[kind]["numbers"] for kind in there)
        note = f"{off / 255:.2e} of white, without the rounding of short types"
        case = f"{ERROR}, floats"
        results.add(case, name, "max levels", [off], n=count, note=note)


def add_differences(results: Results, line: dict[str, Any]) -> int:
    """How many bytes of one format differ between the devices."""
    total = 0
    for way, suffix in (("planar", ""), ("interleaved", " interleaved")):
        if way in line:
            count, differing = line[way]["compared"], line[way]["differing"]
            subject = line["format"] + suffix
            results.add(SAME, subject, "differing bytes", [differing], n=count)
            total += differing
    return total


def grid(results: Results, options: argparse.Namespace) -> list[str]:
    """The faults that were found, in words."""
    seed, cases = str(options.seed), str(options.cases)
    lines = lines_of(options.program, "grid", seed, cases)
    faults = [line["fault"] for line in lines if "fault" in line]
    formats = [line for line in lines if "format" in line]
    for line in formats:
        add_errors(results, line)
    if sum(add_differences(results, line) for line in formats) and not faults:
        faults.append("bytes differ between the devices")
    for line in lines:
        if line.get("gpu") is False:
            results.leave_out(SAME, line["reason"])
    return faults


def speed(results: Results, options: argparse.Namespace, part: str) -> None:
    arguments = ["speed", part]
    if part == "cpu":
        arguments.append(options.swscale)
        if options.frames:
            arguments.append(str(options.frames))
        if not options.swscale:
            results.leave_out(SPEED[part], "swscale 1 thread (no libswscale)")
    for line in lines_of(options.program, *arguments, library=options.swscale):
        if "swscale" in line:
            results.versions["swscale"] = line["swscale"]
            continue
        case, subject, note = line["case"], line["subject"], line["note"]
        rates = [line["bytes"] / seconds * 1e-9 for seconds in line["seconds"]]
        results.add(case, subject, "GB/s", rates, note=note)
        if "224x224" in case:
            rates = [1 / seconds for seconds in line["seconds"]]
            results.add(case, subject, "fps", rates, note=note)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--program", type=Path, default=ROOT / "build" / "convert")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument(
        "--swscale",
        default=find_swscale(),
        metavar="PATH",
        help="libswscale, of any version; default: the wheel's or the system's",
    )
    parser.add_argument(
        "--frames",
        type=Path,
        metavar="FILE",
        help="eight raw frames of 1920x1080 yuv420p, to time on the CPU too",
    )
    parser.add_argument("--cases", type=int, default=8000, help="random cases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="take over the rows of the file there that this run does not measure",
    )
    return parser.parse_args()


def main() -> int:
    options = parse_options()
    results = Results("convert")
    before = results.before(options.keep) if options.keep else []
    faults: list[str] = []
    for part in options.only:
        try:
            if part == "grid":
                faults += grid(results, options)
            elif part == "cpu" or gpu()[0]:
                speed(results, options, part)
            else:
                results.leave_out(SPEED[part], "gvdecode cuda, copy (no GPU)")
        except ProgramError as error:
            results.leave_out(SPEED.get(part, ERROR), f"{part} ({error})")
            faults.append(f"{part}: {error}")
    status = results.finish(options.out, before)
    for fault in faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    return 1 if faults else status


if __name__ == "__main__":
    raise SystemExit(main())
