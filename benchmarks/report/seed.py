"""The tables of the seed's experiment."""

from __future__ import annotations

from .documents import Document, number
from .tables import markdown

SUBJECTS = (
    "conventional",
    "streamreader",
    "gvdecode cpu",
    "gvdecode cuda",
    "gvdecode cuda cold",
    "model alone",
)
CONVENTIONAL, OURS, ALONE = "conventional", "gvdecode cuda", "model alone"
STAGES = ("decode", "preprocess", "model")


def seconds(document: Document) -> list[str]:
    """One line a case, in the order of model, batch and length."""
    rows = [row for row in document.rows if row["metric"] == "seconds"]
    cells = {(row["case"], row["subject"]): row for row in rows}
    subjects = [
        name for name in SUBJECTS if any(row["subject"] == name for row in rows)
    ]
    lines = [["seconds", *subjects, "speed-up", "model alone, of our time"]]
    for case in sorted({row["case"] for row in rows}, key=order):
        found = [cells.get((case, subject)) for subject in subjects]
        line = [number(row) if row else "" for row in found]
        lines.append([named(case), *line, *ratios(document, case)])
    return markdown(lines) if rows else []


def order(case: str) -> tuple[bool, int, int]:
    frames, model, batch = case.split()
    return model == "heavy", int(batch.removeprefix("batch")), int(frames)


def named(case: str) -> str:
    frames, model, batch = case.split()
    return f"{int(frames):,} frames, {model}, batch {batch.removeprefix('batch')}"


def ratios(document: Document, case: str) -> list[str]:
    """Conventional over ours, and the model alone over ours, where both are there."""
    ours = document.row(case, OURS, "seconds")
    made = []
    for subject, text in ((CONVENTIONAL, "{:.2f}x"), (ALONE, "{:.0%}")):
        other = document.row(case, subject, "seconds")
        both = ours and other
        made.append(text.format(other["median"] / ours["median"]) if both else "")
    return made


def stages(document: Document) -> list[str]:
    """Milliseconds a frame, when each stage is waited for."""
    rows = [row for row in document.rows if row["metric"] == "ms"]
    cells = {(row["case"], row["subject"]): number(row) for row in rows}
    lines = [["ms a frame", "", *STAGES]]
    for name in dict.fromkeys(row["case"].rsplit(" ", 1)[0] for row in rows):
        for subject in SUBJECTS:
            line = [cells.get((f"{name} {stage}", subject), "") for stage in STAGES]
            if any(line):
                lines.append([name.replace(" batch", ", batch "), subject, *line])
    return markdown(lines) if rows else []
