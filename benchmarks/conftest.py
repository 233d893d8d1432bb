"""Options of `pytest benchmarks`, and what it says at its end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_peers import Bench, Options
from results import DEFAULT_OUT, ROOT, cores

MANY_CORES = 8
BENCH = pytest.StashKey[Bench]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gvdecode benchmarks")
    add = group.addoption
    add("--clips", type=Path, default=ROOT / "build" / "clips", help="folder of clips")
    add("--out", type=Path, default=DEFAULT_OUT, help="folder of the result file")
    add("--only", nargs="+", metavar="PEER", help="peers whose name has one of these")
    add("--cases", default="", metavar="TEXT", help="workloads whose name has it")
    add("--without", metavar="TEXT", help="not the workloads whose name has it")
    add("--frames", type=int, help="of a long clip, 0: all; fewer on few cores")
    add("--repeats", type=int, default=5)
    add("--cold", type=int, default=5, help="fresh processes for the cold first frame")
    add("--full", action="store_true", help="what takes minutes on the CPU too")
    add("--sites", type=Path, help="has an environment or pip target for each library")
    add("--logs", type=Path, help="folder for what the peers print")
    add("--ceiling", type=Path, default=ROOT / "build" / "ceiling")
    add("--patience", type=float, default=180, help="seconds for one answer")
    add("--budget", type=float, default=1e9, help="seconds, no further cell then")
    add("--keep", type=Path, metavar="DIR", help="take over other rows from there")


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    option = request.config.getoption
    frames = option("--frames")
    if frames is None:
        frames = 960 if cores() >= MANY_CORES else 192
    made = Bench(
        Options(
            clips=option("--clips").resolve(),
            out=option("--out"),
            sites=option("--sites"),
            logs=option("--logs"),
            ceiling=option("--ceiling").resolve(),
            frames=frames,
            repeats=option("--repeats"),
            cold=option("--cold"),
            patience=option("--patience"),
            budget=option("--budget"),
        )
    )
    request.config.stash[BENCH] = made
    keep = option("--keep")
    before = made.results.before(keep) if keep else []
    yield made
    made.close()
    if made.results.rows:
        made.results.keep(before)
        made.write()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    bench = config.stash.get(BENCH, None)
    if bench is None:
        return
    terminalreporter.section("figures")
    terminalreporter.write_line(bench.results.table())
    terminalreporter.section("left out")
    for case, what in bench.results.missing:
        terminalreporter.write_line(f"{case}: {what}")
    terminalreporter.write_line(f"\nwritten: {bench.written or 'nothing'}")
