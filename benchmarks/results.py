"""Result files: one JSON file a bench and machine, with where and what it ran.

A row has samples, or one value and how much was compared. What could not be
measured is no row: `leave_out` puts it into the note of another row.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_OUT = ROOT / "benchmarks" / "results"
CEILING = "ceiling"
PACKAGES = (
    "gvdecode",
    "numpy",
    "torch",
    "torchvision",
    "torchaudio",
    "av",
    "opencv-python-headless",
    "opencv-python",
    "torchcodec",
    "decord",
    "decord2",
    "eva-decord",
)


@dataclass
class Row:
    case: str
    subject: str
    metric: str
    n: int
    min: float
    median: float
    max: float
    note: str


def output_of(*command: str) -> str:
    """What the command prints, or nothing if it is missing or fails."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def commit() -> tuple[str, bool]:
    """The commit that runs, and whether files differ from it.

    A copy without .git says so in GVD_COMMIT and GVD_DIRTY (1 or 0).
    """
    named = os.environ.get("GVD_COMMIT", "")
    if named:
        return named, os.environ.get("GVD_DIRTY", "0") not in ("", "0")
    head = output_of("git", "rev-parse", "--short", "HEAD")
    if not head:
        return "unknown", True
    changed = output_of(
        "git", "status", "--porcelain", "--", ".", ":!benchmarks/results"
    )
    return head, bool(changed)


def gpu_from_driver() -> tuple[str, str]:
    """Name of the first GPU and the CUDA version of its driver, by libcuda."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "", ""
    name, version = ctypes.create_string_buffer(128), ctypes.c_int()
    if cuda.cuInit(0) or cuda.cuDeviceGetName(name, len(name), 0):
        return "", ""
    cuda.cuDriverGetVersion(ctypes.byref(version))
    cuda_version = f"{version.value // 1000}.{version.value % 1000 // 10}"
    return name.value.decode(), f"CUDA {cuda_version}"


@cache
def gpu() -> tuple[str, str]:
    """Name and driver of the first GPU, or two empty strings."""
    query = "--query-gpu=name,driver_version"
    lines = output_of("nvidia-smi", query, "--format=csv,noheader").splitlines()
    if lines and "," in lines[0]:
        name, driver = lines[0].split(",", 1)
        return name.strip(), driver.strip()
    return gpu_from_driver()


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    return len(os.sched_getaffinity(0))


def device() -> str:
    """The machine's short name in file names: h100, h200, cpu16, ..."""
    name, _ = gpu()
    if not name:
        return f"cpu{cores()}"
    for word in re.split(r"\W+", name.lower()):
        if re.fullmatch(r"[a-z]+\d+[a-z]*", word):
            return word
    return re.sub(r"\W+", "-", name.lower())


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    try:
        core = importlib.import_module("gvdecode._core")
    except ImportError:
        return found
    return found | {"ffmpeg": core.libav_version()}


@dataclass
class Results:
    """The rows of one bench; `write` makes the file."""

    bench: str
    rows: list[Row] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=versions)

    def add(
        self,
        case: str,
        subject: str,
        metric: str,
        samples: Sequence[float],
        *,
        n: int | None = None,
        note: str = "",
    ) -> Row:
        """Adds a row; n is the number of samples unless it is given."""
        low, middle, high = min(samples), statistics.median(samples), max(samples)
        count = len(samples) if n is None else n
        row = Row(case, subject, metric, count, low, middle, high, note)
        for name in ("min", "median", "max"):
            setattr(row, name, round(getattr(row, name), 3))
        self.rows.append(row)
        print(f"{case}, {subject}: {row.median:,.10g} {metric} {note}", flush=True)
        return row

    def leave_out(self, case: str, what: str) -> None:
        """Names what is no row; it ends in the note of a row of that case."""
        print(f"{case}: left out: {what}", flush=True)
        self.missing.append((case, what))

    def noted(self) -> list[Row]:
        """The rows, each case's first one with the names of what is missing."""
        rows = list(self.rows)
        for case, what in self.missing if rows else []:
            cases = [row.case for row in rows]
            at = cases.index(case) if case in cases else 0
            named = what if case in cases else f"{case}: {what}"
            note = "; ".join(filter(None, (rows[at].note, f"left out: {named}")))
            rows[at] = replace(rows[at], note=note)
        return rows

    def before(self, out: Path) -> list[Row]:
        """The rows of the file in `out`; their notes name the commit they come from."""
        path = out / f"{self.bench}-{device()}.json"
        if not path.exists():
            return []
        document = json.loads(path.read_text())
        rows = [Row(**row) for row in document["rows"]]
        for row in rows:
            if "of commit" not in row.note:
                origin = f"of commit {document['commit']}"
                row.note = "; ".join(filter(None, (row.note, origin)))
        return rows

    def keep(self, before: Sequence[Row]) -> None:
        """Takes over the rows that this run has not measured."""
        have = {(row.case, row.subject, row.metric) for row in self.rows}
        self.rows += [r for r in before if (r.case, r.subject, r.metric) not in have]

    def write(self, out: Path = DEFAULT_OUT) -> Path:
        head, dirty = commit()
        gpu_name, driver = gpu()
        document = {
            "schema": 1,
            "bench": self.bench,
            "commit": head,
            "dirty": dirty,
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "gpu": gpu_name,
            "driver": driver,
            "cpu": cpu_model(),
            "cores": cores(),
            "versions": self.versions,
            "rows": [asdict(row) for row in self.noted()],
        }
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{self.bench}-{device()}.json"
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        return path

    def finish(self, out: Path, before: Sequence[Row] = ()) -> int:
        """Writes the file, with rows of an earlier one, and prints all as a table.

        Returns the exit status of a benchmark: 1 where nothing was measured.
        """
        if not self.rows:
            print("nothing could be measured", file=sys.stderr)
            return 1
        self.keep(before)
        path = self.write(out)
        print(f"\n{self.table()}\n\nwritten: {path}")
        return 0

    def table(self) -> str:
        """The rows as a Markdown table, with the share of the case's ceiling."""
        ceilings = {row.case: row.median for row in self.rows if row.subject == CEILING}
        lines = [
            "| case | subject | metric | n | min | median | max | of ceiling | note |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for row in self.noted():
            share = ""
            if row.metric == "fps" and ceilings.get(row.case):
                share = f"{100 * row.median / ceilings[row.case]:.1f} %"
            figures = " | ".join(f"{x:,.10g}" for x in (row.min, row.median, row.max))
            lines.append(
                f"| {row.case} | {row.subject} | {row.metric} | {row.n} | {figures} "
                f"| {share} | {row.note} |"
            )
        return "\n".join(lines)
