"""Writes the figures of benchmarks/results into the README.

python benchmarks/tables.py [--check]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
KEPT = "of commit "  # in the note of a row that a later run took over
BEGIN = "<!-- figures: python benchmarks/tables.py -->\n"
END = "<!-- end of figures -->\n"
FILES = [
    f"{bench}-{device}.json"
    for device in ("h100", "cpu2")
    for bench in ("sequential", "access", "convert", "end-to-end")
]
# By metric; others, of which there is one row a format or file, are no table.
DIGITS = {"fps": 0, "GB/s": 1, "ms": 2, "s": 2, "bytes": 0}
LEFT_OUT = ", one destination"  # cases that say little more than others
SMALL = 100  # fps below this have a digit more


def load(name: str) -> dict[str, Any] | None:
    path = RESULTS / name
    return json.loads(path.read_text()) if path.exists() else None


def machine(document: dict[str, Any]) -> str:
    where = document["gpu"] or document["cpu"]
    driver = f", driver {document['driver']}" if document["driver"] else ""
    return f"{where}{driver}, {document['cores']} cores, {document['date'][:10]}"


def figure(row: dict[str, Any]) -> str:
    digits = DIGITS[row["metric"]]
    digits += row["metric"] == "fps" and row["median"] < SMALL
    middle, low, high = (
        f"{row[name]:,.{digits}f}" for name in ("median", "min", "max")
    )
    mark = " †" if KEPT in row["note"] else ""
    return f"{middle} ({low}-{high}){mark}"


def table(document: dict[str, Any], metric: str) -> list[str]:
    """One line a case, one column a subject, medians with their range."""
    rows = [row for row in document["rows"] if row["metric"] == metric]
    rows = [row for row in rows if LEFT_OUT not in row["case"]]
    subjects = list(dict.fromkeys(row["subject"] for row in rows))
    lines = [
        "| " + " | ".join(["median (min-max), " + metric, *subjects]) + " |",
        "|---" * (len(subjects) + 1) + "|",
    ]
    for case in dict.fromkeys(row["case"] for row in rows):
        by_subject = {r["subject"]: figure(r) for r in rows if r["case"] == case}
        cells = [by_subject.get(subject, "") for subject in subjects]
        lines.append("| " + " | ".join([case, *cells]) + " |")
    return lines


def figures() -> str:
    parts: list[str] = []
    for name in FILES:
        document = load(name)
        if document is None:
            continue
        parts += [f"{machine(document)}:", ""]
        for metric in DIGITS:
            if any(row["metric"] == metric for row in document["rows"]):
                parts += [*table(document, metric), ""]
        kept = {
            row["note"].split(KEPT)[1].split(";")[0]
            for row in document["rows"]
            if KEPT in row["note"]
        }
        if kept:
            parts += [f"† An earlier run on such a machine, at {', '.join(kept)}.", ""]
    return "\n".join(parts)


def main() -> int:
    text = README.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    made = f"{before}{BEGIN}\n{figures()}\n{END}{after}"
    if "--check" in sys.argv[1:]:
        return 0 if made == text else 1
    README.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
