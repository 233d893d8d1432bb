"""python -m benchmarks.report [--check]: see the package."""

from __future__ import annotations

import argparse
from pathlib import Path

from .documents import ROOT
from .page import COMMAND, FIGURES, Report
from .readme import block

README = ROOT / "README.md"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN = f"<!-- figures: {COMMAND} -->\n"
END = "<!-- end of figures -->\n"


def readme(report: Report, text: str) -> str:
    """The README with the block of now."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{block(report)}\n{END}{after}"


def outdated(report: Report) -> list[Path]:
    """The files that the command would change, also those that are to go."""
    folder = PAGE.parent / FIGURES
    plots = report.plots()
    made = {README: readme(report, README.read_text()), PAGE: report.page()}
    texts = [
        path
        for path, text in made.items()
        if not path.exists() or path.read_text() != text
    ]
    drawn = [folder / plot.file for plot in plots if not plot.is_current(folder)]
    left = set(folder.glob("*.svg")) - {folder / plot.file for plot in plots}
    return [*texts, *drawn, *sorted(left)]


def write(report: Report, changed: list[Path]) -> None:
    folder = PAGE.parent / FIGURES
    folder.mkdir(parents=True, exist_ok=True)
    for path in changed:
        if path.suffix == ".svg":
            path.unlink(missing_ok=True)
    for plot in report.plots():
        if not (folder / plot.file).exists():
            plot.write(folder)
    README.write_text(readme(report, README.read_text()))
    PAGE.write_text(report.page())


def main() -> int:
    parser = argparse.ArgumentParser(prog=COMMAND)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; 1 if anything would change"
    )
    check = parser.parse_args().check
    report = Report()
    changed = outdated(report)
    if not check:
        write(report, changed)
    for path in changed:
        print(f"{'outdated' if check else 'written'}: {path.relative_to(ROOT)}")
    return int(check and bool(changed))


if __name__ == "__main__":
    raise SystemExit(main())
