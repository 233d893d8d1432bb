"""The result files, and their figures as text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
Row = dict[str, Any]
KEPT = "of commit "  # in the note of a row that a later run took over
CEILING = "ceiling"
LIMITS = (CEILING, "model alone")  # what no decoder can be faster than
SMALL = 100  # fps below this have a digit more
# By metric; others, of which there is one row a format or file, are no table.
DIGITS = {
    "fps": 0,
    "clips/s": 1,
    "GB/s": 1,
    "ms": 2,
    "s": 2,
    "seconds": 2,
    "cpu seconds": 2,
    "bytes": 0,
    "MiB": 0,
    "count": 0,
    "percent": 2,
}
BETTER = {"fps": max, "clips/s": max, "ms": min, "s": min, "seconds": min}


@dataclass(frozen=True)
class Document:
    """One result file."""

    name: str
    facts: dict[str, Any]

    @property
    def rows(self) -> list[Row]:
        return self.facts["rows"]

    @property
    def machine(self) -> str:
        facts = self.facts
        return f"{facts['gpu'] or facts['cpu']}, {facts['cores']} cores"

    @property
    def run(self) -> str:
        """The machine, what it ran and when."""
        facts = self.facts
        parts = [self.machine, f"driver {facts['driver']}" if facts["driver"] else ""]
        parts += [f"commit {facts['commit']}", facts["date"][:10]]
        return ", ".join(filter(None, parts))

    def of(self, case: str) -> list[Row]:
        """The rows of a case; if there are none, those with fewer of its frames."""
        exact = [row for row in self.rows if row["case"] == case]
        cut = [row for row in self.rows if self.is_part(row["case"], case)]
        return exact or cut

    @staticmethod
    def is_part(name: str, case: str) -> bool:
        return name.startswith(f"{case} ") and name.endswith(" frames")

    def row(self, case: str, subject: str, metric: str) -> Row | None:
        for row in self.of(case):
            if row["subject"] == subject and row["metric"] == metric:
                return row
        return None


def load(bench: str, device: str, folder: Path = RESULTS) -> Document | None:
    name = f"{bench}-{device}.json"
    path = folder / name
    return Document(name, json.loads(path.read_text())) if path.exists() else None


def is_ours(row: Row) -> bool:
    return row["subject"].startswith("gvdecode")


def is_decoder(row: Row) -> bool:
    return not row["subject"].startswith(LIMITS)


def number(row: Row, name: str = "median") -> str:
    digits = DIGITS[row["metric"]]
    digits += row["metric"] == "fps" and row["median"] < SMALL
    return f"{row[name]:,.{digits}f}"


def figure(row: Row) -> str:
    """The median, and the range where there are several samples."""
    spread = f" ({number(row, 'min')}-{number(row, 'max')})" if row["n"] > 1 else ""
    return number(row) + spread + (" †" if KEPT in row["note"] else "")


def best(rows: list[Row]) -> Row:
    return BETTER[rows[0]["metric"]](rows, key=lambda row: row["median"])
