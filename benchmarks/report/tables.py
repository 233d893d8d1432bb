"""One document as tables in Markdown."""

from __future__ import annotations

from .documents import BETTER, DIGITS, KEPT, Document, Row, best, figure, is_decoder

LEFT_OUT = ", one destination"  # cases that say little more than others
WIDE = 8  # subjects; more of them are lines and not columns


def markdown(lines: list[list[str]]) -> list[str]:
    """A table of which the first line is the head."""
    made = ["| " + " | ".join(cells) + " |" for cells in lines]
    return [made[0], "|---" * len(lines[0]) + "|", *made[1:]]


def table(rows: list[Row], metric: str, rivals: bool = False) -> list[str]:
    """Medians with their range, one line a case; of rivals the best is bold."""
    cases = list(dict.fromkeys(row["case"] for row in rows))
    subjects = list(dict.fromkeys(row["subject"] for row in rows))
    cells = {(row["case"], row["subject"]): figure(row) for row in rows}
    for case in cases if rivals else ():
        alike = [row for row in rows if row["case"] == case and is_decoder(row)]
        if alike:
            key = case, best(alike)["subject"]
            cells[key] = f"**{cells[key]}**"
    head = f"median (min-max), {metric}"
    if len(subjects) <= WIDE:
        lines = [[c, *(cells.get((c, s), "") for s in subjects)] for c in cases]
        return markdown([[head, *subjects], *lines])
    lines = [[s, *(cells.get((c, s), "") for c in cases)] for s in subjects]
    return markdown([[head, *cases], *lines])


def tables(document: Document, rivals: bool = False) -> list[str]:
    """A table a metric, and which rows another run gave."""
    parts: list[str] = []
    shown = [row for row in document.rows if LEFT_OUT not in row["case"]]
    for metric in DIGITS:
        rows = [row for row in shown if row["metric"] == metric]
        if rows:
            parts += [*table(rows, metric, rivals and metric in BETTER), ""]
    kept = dict.fromkeys(
        row["note"].split(KEPT)[1].split(";")[0]
        for row in document.rows
        if KEPT in row["note"]
    )
    if kept:
        parts += [f"† An earlier run on such a machine, at {', '.join(kept)}.", ""]
    return parts


def left_out(document: Document) -> list[str]:
    """What the notes say that was not measured: who and why, and in which cases."""
    cases: dict[str, list[str]] = {}
    for row in document.rows:
        for part in row["note"].split("; "):
            what = part.removeprefix("left out: ")
            if what == part:
                continue
            case, named, who = what.partition(": ")
            if not named or "(" in case:
                case, who = row["case"], what
            cases.setdefault(who, []).append(case)
    lines = [f"- {who}: {', '.join(dict.fromkeys(cases[who]))}" for who in cases]
    return ["Left out:", "", *lines, ""] if lines else []
