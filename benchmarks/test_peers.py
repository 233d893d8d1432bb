"""`pytest benchmarks`: every peer on every workload that this machine allows.

The clock of pytest-benchmark is the subject's own: its table has the very seconds
that the result file is made of.
"""

from __future__ import annotations

import pytest
from bench_peers import (
    CEILINGS,
    COLD,
    OURS,
    AnyCell,
    Bench,
    CeilingCell,
    Cell,
    ColdCell,
)
from gate import OtherFramesError
from peers import PEERS, is_for, on_gpu
from server import ServerError
from workloads import BY_NAME

PAIRS = [
    *((peer, name) for peer in CEILINGS for name in list(BY_NAME)[:2]),
    *((peer, COLD) for peer in PEERS if is_for(peer, COLD)),
    *((peer, name) for peer in PEERS for name in BY_NAME if is_for(peer, name)),
]


class Clock:
    """Stands still but for the seconds that subjects report."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


def cell_of(bench: Bench, peer: str, name: str) -> AnyCell:
    if name == COLD:
        return ColdCell(bench, peer)
    kind = CeilingCell if peer in CEILINGS else Cell
    return kind(bench, peer, BY_NAME[name])


def why_not(config: pytest.Config, peer: str, name: str) -> str:
    """Why the cell is not to be measured, or nothing."""
    option = config.getoption
    only = option("--only")
    if only and not any(part in peer for part in only):
        return "not asked for"
    without = option("--without")
    if option("--cases") not in name or (without and without in name):
        return "not asked for"
    heavy = name in BY_NAME and BY_NAME[name].heavy and peer in PEERS
    if heavy and not on_gpu(peer) and not option("--full"):
        return "takes minutes on the CPU: --full"
    return ""


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize(("peer", "name"), PAIRS)
def test_peer(
    bench: Bench, request: pytest.FixtureRequest, peer: str, name: str, benchmark
) -> None:
    cell = cell_of(bench, peer, name)
    reason = why_not(request.config, peer, name)
    if reason == "not asked for":
        pytest.skip(reason)
    rounds = bench.options.cold if name == COLD else bench.options.repeats

    def sample() -> None:
        CLOCK.now += cell.sample()

    if reason:
        bench.leave_out(cell.case, "CPU peers", reason)
        pytest.skip(reason)
    try:
        cell.prepare()
        benchmark.pedantic(sample, rounds=rounds)
    except ServerError as error:
        bench.leave_out(cell.case, peer, str(error))
        if peer.startswith(OURS) and isinstance(error, OtherFramesError):
            raise
        pytest.skip(str(error))
    cell.add()
    bench.write()  # what is measured outlives a later crash
