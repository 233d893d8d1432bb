"""The README, docs/benchmarks.md and the plots say what benchmarks/results says."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that makes a report of a folder of results."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.report import page

    return page


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A copy of the results, to be changed."""
    return Path(shutil.copytree(RESULTS, tmp_path / "results"))


def change(path: Path, **facts: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def row(case: str, subject: str, metric: str, *values: float) -> dict[str, Any]:
    low, median, high = values
    figures = {"n": 3, "min": low, "median": median, "max": high}
    return {"case": case, "subject": subject, "metric": metric, "note": ""} | figures


def test_pages_and_plots_are_those_of_the_results() -> None:
    command = [sys.executable, "-m", "benchmarks.report", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"python -m benchmarks.report: {done.stdout}"


def test_another_figure_is_another_page(report: Any, results: Path) -> None:
    rows = json.loads((results / "sequential-h100.json").read_text())["rows"]
    rows[0]["median"] += 100
    change(results / "sequential-h100.json", rows=rows)
    changed = report.Report(results).page()
    assert changed != report.Report().page()
    assert f"{rows[0]['median']:,.0f} (" in changed


def test_what_is_not_there_is_named_and_has_no_section(
    report: Any, results: Path
) -> None:
    for path in results.glob("*.json"):
        if path.name != "convert-h100.json":
            path.unlink()
    page = report.Report(results).page()
    assert "`sequential-h100.json`, `sequential-cpu2.json`" in page.split("##")[0]
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## The conversion alone"
    ]


def test_another_gpu_s_figures_are_a_gpu_s(report: Any, results: Path) -> None:
    (results / "convert-h100.json").rename(results / "convert-h200.json")
    made = report.Report(results)
    assert "convert" not in "".join(made.missing())
    convert = made.page().split("## The conversion alone")[1].split("\n## ")[0]
    assert "### On an H200" in convert
    assert "### On an H100" not in convert


def test_where_another_is_faster_the_tables_say_so(report: Any, results: Path) -> None:
    from benchmarks.report import readme

    case = "1080p h264 gop30 rgb24"
    shutil.copy(results / "sequential-h100.json", results / "peers-h100.json")
    rows = [
        row(case, "gvdecode cuda", "fps", 9, 10, 11),
        row(case, "other 1.0 cuda", "fps", 19, 20, 21),
        row(case, "ceiling", "fps", 29, 30, 31),
        row("first frame warm h264", "gvdecode cuda", "ms", 3, 4, 5),
        row("first frame warm h264", "other 1.0 cuda", "ms", 1, 2, 3),
    ]
    change(results / "peers-h100.json", rows=rows)
    made = report.Report(results)
    assert "**20.0 (19.0-21.0)**" in made.page()
    assert "| 10.0 | 20.0, other 1.0 cuda | 0.5x | 30.0 |" in readme.block(made)
    assert "| 4.00 | 2.00, other 1.0 cuda | 0.5x |  |" in readme.block(made)


def test_the_seed_s_table_has_its_speed_up(report: Any, results: Path) -> None:
    rows = [
        row("960 light batch32", "conventional", "seconds", 3, 3, 3),
        row("960 light batch32", "gvdecode cuda", "seconds", 0.25, 0.25, 0.25),
        row("960 light batch32", "model alone", "seconds", 0.2, 0.2, 0.2),
        row("light batch32 decode", "conventional", "ms", 1, 1.5, 2),
    ]
    shutil.copy(results / "sequential-h100.json", results / "seed-h100.json")
    change(results / "seed-h100.json", rows=rows)
    page = report.Report(results).page()
    assert "| 960 frames, light, batch 32 | 3.00 | 0.25 | 0.20 | 12.00x | 80% |" in page
    assert "| light, batch 32 | conventional | 1.50 |  |  |" in page


def test_a_plot_is_current_until_its_figures_change(
    report: Any, results: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    only = (results / "sequential-h100.json").rename(results / "scaling-h100.json")
    for path in set(results.glob("*.json")) - {only}:
        path.unlink()
    case = "1080p h264 gop30 rgb24, {} sessions"
    rows = [row(case.format(n), "ceiling", "fps", n, n, n + 1) for n in (1, 2)]
    change(results / "scaling-h100.json", rows=rows)
    (plot,) = report.Report(results).plots()
    assert not plot.is_current(tmp_path)
    plot.write(tmp_path)
    drawn = (tmp_path / plot.file).read_bytes()
    plot.write(tmp_path)
    assert (tmp_path / plot.file).read_bytes() == drawn
    assert plot.is_current(tmp_path)
    change(results / "scaling-h100.json", rows=rows[:1])
    assert not report.Report(results).plots()[0].is_current(tmp_path)
