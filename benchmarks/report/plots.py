"""The plots, as SVG that suits light and dark pages.

A plot is its data, from which matplotlib draws it. A file names the data that it was
drawn from, so that `is_current` needs no matplotlib, whose releases draw the same
data a little differently.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .documents import BETTER, CEILING, Document, Row, is_decoder, is_ours

INK, OURS, OTHER, LIMIT = "#808890", "#3b9c5a", "#8a93a6", "#c9713d"
WIDTH, LINE, HEIGHT = 6.4, 0.26, 3.2  # inches: of all, of a bar, of lines
STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "gvdecode",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
Data = dict[str, Any]
# Parts of the names of the cases that are worth a picture.
PLOTTED = {
    "peers": ("rgb24", "224x224", "warm h264", "random gop30", "clips"),
    "seed": ("9300 light batch32", "960 heavy batch32"),
}


@dataclass(frozen=True)
class Plot:
    name: str
    title: str
    data: Data
    draw: Callable[[Any, Data], None]

    @property
    def file(self) -> str:
        return f"{self.name}.svg"

    @property
    def mark(self) -> str:
        text = json.dumps([self.title, self.data], sort_keys=True)
        return f"drawn from {hashlib.sha256(text.encode()).hexdigest()}"

    def is_current(self, folder: Path) -> bool:
        path = folder / self.file
        return path.exists() and self.mark in path.read_text()

    def write(self, folder: Path) -> None:
        import matplotlib
        from matplotlib.figure import Figure

        with matplotlib.rc_context(STYLE):
            figure = Figure(figsize=(WIDTH, self.data["height"]), layout="constrained")
            axes = figure.add_subplot()
            self.draw(axes, self.data)
            axes.set_title(self.title, loc="left", fontsize=10)
            about = {"Date": None, "Creator": None, "Description": self.mark}
            path = folder / self.file
            figure.savefig(path, format="svg", transparent=True, metadata=about)
        lines = path.read_text().splitlines()
        path.write_text("\n".join(line.rstrip() for line in lines) + "\n")


def draw_lines(axes: Any, data: Data) -> None:
    """Medians with their range over the number of sessions."""
    for name, points in data["series"].items():
        x, low, middle, high = zip(*points, strict=True)
        colour = LIMIT if name == CEILING else OURS
        axes.plot(x, middle, color=colour, marker="o", markersize=3, label=name)
        axes.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)
    axes.set_xlabel(data["x"])
    axes.set_ylabel(data["metric"])
    axes.set_xticks(data["ticks"])
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower right")


def draw_bars(axes: Any, data: Data) -> None:
    """Medians with their range, the best at the top."""
    labels, low, middle, high, colours = zip(*data["bars"], strict=True)
    errors = [
        [value - end for value, end in zip(middle, low, strict=True)],
        [end - value for value, end in zip(middle, high, strict=True)],
    ]
    places = range(len(labels))
    axes.barh(places, middle, xerr=errors, color=colours, ecolor=INK)
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.set_xlabel(data["metric"])
    for place, value, end in zip(places, middle, high, strict=True):
        axes.text(end, place, f" {value:,.4g}", va="center", fontsize=8)
    axes.margins(x=0.12)


def scaling(document: Document) -> Plot:
    series: dict[str, list[Any]] = {}
    for row in document.rows:
        if row["metric"] == "fps":
            sessions = int(row["case"].rsplit(", ", 1)[1].split()[0])
            point = [sessions, row["min"], row["median"], row["max"]]
            series.setdefault(row["subject"], []).append(point)
    ticks = sorted({point[0] for points in series.values() for point in points})
    data = {"series": series, "ticks": ticks, "metric": "fps", "height": HEIGHT}
    data["x"] = "decoders at once"
    title = "1080p H.264 to RGB over the number of decoders"
    return Plot(document.name.removesuffix(".json"), title, data, draw_lines)


def bars(document: Document, case: str, metric: str) -> Plot:
    rows = [r for r in document.rows if r["case"] == case and r["metric"] == metric]
    rows.sort(key=lambda row: row["median"], reverse=BETTER[metric] is max)
    made = [
        [row["subject"], row["min"], row["median"], row["max"], colour(row)]
        for row in rows
    ]
    data = {"bars": made, "metric": metric, "height": LINE * len(rows) + 0.9}
    words = case.replace("/", " ").split()
    name = "-".join([document.name.removesuffix(".json"), *words])
    return Plot(name, case, data, draw_bars)


def colour(row: Row) -> str:
    return LIMIT if not is_decoder(row) else OURS if is_ours(row) else OTHER


def plots(bench: str, document: Document) -> list[Plot]:
    """Those of one result file."""
    if bench == "scaling":
        return [scaling(document)]
    made = []
    for metric in BETTER if bench in PLOTTED else ():
        rows = [row for row in document.rows if row["metric"] == metric]
        for case in dict.fromkeys(row["case"] for row in rows):
            rivals = [row for row in rows if row["case"] == case and is_decoder(row)]
            if len(rivals) > 1 and any(part in case for part in PLOTTED[bench]):
                made.append(bars(document, case, metric))
    return made
