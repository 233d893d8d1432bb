"""The block of figures in the README: what a newcomer wants to know."""

from __future__ import annotations

from dataclasses import dataclass

from .documents import BETTER, Document, Row, best, is_decoder, is_ours, number
from .page import FIGURES, Report
from .tables import markdown

COLD = " cold"
HEAD = ["", "gvdecode, GPU", "gvdecode, CPU", "best other", "ratio", "limit"]
SHOWN = ("scaling-h100", "peers-h100-1080p-h264-gop30-rgb24", "seed-h100-9300")


@dataclass(frozen=True)
class Line:
    """A figure, and the results that may have it, the first choice first."""

    text: str
    metric: str
    case: str
    benches: tuple[str, ...]


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
    """One table of a kind of machine, without the columns that are empty."""
    lines, machines = [], {}
    for line in LINES:
        document = first(report, device, line)
        if document:
            lines.append([line.text, *cells(rows_of(document, line))])
            machines[document.machine] = None
    filled = [i for i in range(len(HEAD)) if i == 0 or any(line[i] for line in lines)]
    table = markdown([[line[i] for i in filled] for line in [HEAD, *lines]])
    return [f"{'; '.join(machines)}:", "", *table, ""] if lines else []


def first(report: Report, device: str, line: Line) -> Document | None:
    for bench in line.benches:
        document = report.found.get((bench, device))
        if document and any(map(is_ours, rows_of(document, line))):
            return document
    return None


def rows_of(document: Document, line: Line) -> list[Row]:
    return [row for row in document.of(line.case) if row["metric"] == line.metric]


def cells(rows: list[Row]) -> list[str]:
    """Ours on both devices, the best of the others with its name, and the limit."""
    decoders = [row for row in rows if is_decoder(row)]
    ours = [fastest(decoders, f"gvdecode {device}") for device in ("cuda", "cpu")]
    others = [row for row in decoders if not is_ours(row)]
    limits = [row for row in rows if not is_decoder(row)]
    limit = number(best(limits)) if limits else ""
    figures = [number(row) if row else "" for row in ours]
    if not others:
        return [*figures, "", "", limit]
    other, mine = best(others), ours[0] or ours[1]
    assert mine is not None
    values = mine["median"], other["median"]
    slow, fast = values if BETTER[mine["metric"]] is min else values[::-1]
    ratio = f"{fast / slow:.1f}x"
    return [*figures, f"{number(other)}, {other['subject']}", ratio, limit]


def fastest(rows: list[Row], name: str) -> Row | None:
    """Whichever way of calling it is best; a cold start is another question."""
    ours = [r for r in rows if r["subject"].startswith(name)]
    warm = [row for row in ours if not row["subject"].endswith(COLD)]
    return best(warm) if warm else None
