"""The block of figures in the README: what a newcomer wants to know."""

from __future__ import annotations

from dataclasses import dataclass

from .documents import BETTER, Document, Row, best, is_decoder, is_ours, number
from .page import FIGURES, Report
from .tables import markdown

MANY = " decode_many"
OURS = {"gvdecode cuda": "gvdecode, GPU", "gvdecode cpu": "gvdecode, CPU"}
SHOWN = ("scaling-h100", "peers-h100-1080p-h264-gop30-rgb24", "seed-h100-9300")


@dataclass(frozen=True)
class Line:
    """A figure, and the results that may have it, the first choice first."""

    text: str
    metric: str
    case: str
    benches: tuple[str, ...]
    call: str = ""  # of ours, if it is another than a plain loop


LINES = (
    Line(
        "1080p H.264 to RGB, fps",
        "fps",
        "1080p h264 gop30 rgb24",
        ("peers", "sequential"),
    ),
    Line(
        "1080p HEVC to RGB, fps",
        "fps",
        "1080p hevc gop30 rgb24",
        ("peers", "sequential"),
    ),
    Line(
        "1080p H.264 to 224x224 float16, fps",
        "fps",
        "1080p h264 to 224x224 fp16",
        ("peers", "end-to-end"),
    ),
    Line(
        "first frame of a file, H.264, ms",
        "ms",
        "first frame warm h264",
        ("peers", "sequential"),
    ),
    Line("30 random frames, fps", "fps", "30 random gop30", ("peers", "access")),
    Line(
        "clips of 2 s in a loop, clips/s",
        "clips/s",
        "clips of 2 s in a loop",
        ("peers",),
    ),
    Line(
        "the same with `decode_many`",
        "clips/s",
        "clips of 2 s in a loop",
        ("peers",),
        MANY,
    ),
    Line(
        "9,300 frames through a light model, s",
        "seconds",
        "9300 light batch32",
        ("seed",),
    ),
    Line(
        "960 frames through a heavy model, s", "seconds", "960 heavy batch32", ("seed",)
    ),
)


def block(report: Report) -> str:
    parts = [part for device in ("h100", "cpu2") for part in summary(report, device)]
    for plot in report.plots():
        if plot.name.startswith(SHOWN):
            parts += [f"![{plot.title}](docs/{FIGURES}/{plot.file})", ""]
    return "\n".join(parts + report.not_yet())


def summary(report: Report, device: str) -> list[str]:
    """One table of a kind of machine, with the device of ours that is the fastest."""
    for name, title in OURS.items():
        found = [
            (line, document)
            for line in LINES
            if (document := first(report, device, line, name + line.call))
        ]
        if found:
            lines = [
                [line.text, *cells(rows_of(document, line), name + line.call)]
                for line, document in found
            ]
            machines = dict.fromkeys(document.machine for _, document in found)
            head = ["", title, "best other", "ratio", "limit"]
            return [f"{'; '.join(machines)}:", "", *filled([head, *lines]), ""]
    return []


def filled(table: list[list[str]]) -> list[str]:
    """The table without columns that have nothing but a head."""
    columns = [column for column in zip(*table, strict=True) if any(column[1:])]
    return markdown([list(line) for line in zip(*columns, strict=True)])


def first(report: Report, device: str, line: Line, ours: str) -> Document | None:
    for bench in line.benches:
        document = report.found.get((bench, device))
        if document and any(row["subject"] == ours for row in rows_of(document, line)):
            return document
    return None


def rows_of(document: Document, line: Line) -> list[Row]:
    return [row for row in document.of(line.case) if row["metric"] == line.metric]


def cells(rows: list[Row], ours: str) -> list[str]:
    """Ours, the best of the others with its name, and the limit."""
    decoders = [row for row in rows if is_decoder(row)]
    mine = next(row for row in rows if row["subject"] == ours)
    others = [row for row in decoders if not is_ours(row)]
    limits = [row for row in rows if not is_decoder(row)]
    limit = number(best(limits)) if limits else ""
    if not others:
        return [number(mine), "", "", limit]
    other = best(others)
    values = mine["median"], other["median"]
    slow, fast = values if BETTER[mine["metric"]] is min else values[::-1]
    ratio = f"{fast / slow:.1f}x"
    return [number(mine), f"{number(other)}, {other['subject']}", ratio, limit]
