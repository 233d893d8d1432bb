"""Frames by number and time: every row of `access`.

    python bench_access.py --clips DIR

Wants the clips of `clips.py` (encode, derive). Subjects take turns within a case,
each in its own process, with the file open and warm unless the case says
otherwise. Pixels are compared before a time counts: those of the two devices of
gvdecode byte for byte, a peer's by their distance, which must be smallest from
the frame that was asked for.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from time import sleep
from typing import Any

import mp4
import numpy
from clips import LOOPS
from gate import farthest
from results import DEFAULT_OUT, Results, cores, gpu
from server import Server, ServerError

HERE = Path(__file__).resolve().parent
DRAWS = 10
NUMBERS = 30
FPS, STEP = 2, 15  # of a sample; every 15th frame of 30 a second
STEPS = 60  # of a walk from frame to frame
CPU, CUDA = "gvdecode cpu", "gvdecode cuda"
PEERS = {"torchcodec cpu": "torchcodec", "decord cpu": "decord"}
SUBJECTS = (CUDA, CPU, *PEERS)
WAYS = ("sample", "sample indexed", "every frame")
PYRAMIDS = {"h264_gop250_nopyramid": "no pyramid", "h264_gop250": "pyramid"}
WHOLE_ON_CPU = 8  # cores from which the CPU samples the ten minutes too
GIB = 2**30

Answer = dict[str, Any]
Samples = dict[str, list[float]]


@dataclass
class Bench:
    """What all cases share: the options, the rows, the processes."""

    options: argparse.Namespace
    results: Results = field(default_factory=lambda: Results("access"))
    servers: dict[str, Server] = field(default_factory=dict)
    has_gpu: bool = field(default_factory=lambda: bool(gpu()[0]))

    def ask(self, subject: str, question: Answer) -> Answer:
        if subject not in self.servers:
            command = [sys.executable, str(HERE / "access_subjects.py"), subject]
            self.servers[subject] = Server(command)
        return self.servers[subject].ask(json.dumps(question))

    def why_not(self, subject: str) -> str:
        """Why the subject cannot run here, or nothing."""
        if subject not in self.options.only:
            return "not asked for"
        modules = [PEERS.get(subject, "gvdecode")]
        if subject == CUDA:
            if not self.has_gpu:
                return "no GPU"
            modules.append("torch")
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        return f"{missing[0]} is not installed" if missing else ""

    def clip(self, case: str, name: str) -> str:
        """The clip's path, or nothing where it is missing."""
        path = Path(self.options.clips, f"{name}.mp4")
        if path.exists():
            return str(path)
        self.results.leave_out(case, f"{path.name} (missing)")
        return ""

    def close(self) -> None:
        for server in self.servers.values():
            server.close()


@dataclass
class Case:
    """One case on its way: who still takes part, and what was answered."""

    bench: Bench
    name: str
    subjects: list[str]
    notes: dict[str, list[str]] = field(default_factory=dict)

    def start(self) -> bool:
        """Leaves out who cannot run here; False where nobody can."""
        for subject in list(self.subjects):
            reason = self.bench.why_not(subject)
            if reason == "not asked for":
                self.subjects.remove(subject)
            elif reason:
                self.leave_out(subject, reason)
        return bool(self.subjects)

    def leave_out(self, subject: str, reason: str) -> None:
        self.subjects.remove(subject)
        self.bench.results.leave_out(self.name, f"{subject} ({reason})")

    def each(self, act: Callable[[str], Any]) -> dict[str, Any]:
        """Does it for every subject; one that fails takes no further part."""
        found = {}
        for subject in list(self.subjects):
            try:
                found[subject] = act(subject)
            except ServerError as error:
                self.leave_out(subject, str(error))
                if subject in self.bench.servers:  # the next case starts anew
                    self.bench.servers.pop(subject).close()
        return found

    def ask(
        self, question: Answer, before: Callable[[], None] = lambda: None
    ) -> dict[str, Answer]:
        def one(subject: str) -> Answer:
            before()
            return self.bench.ask(subject, question)

        return self.each(one)

    def seconds(self, questions: Iterable[Answer]) -> tuple[Samples, dict[str, Answer]]:
        """Puts the questions to all in turn: their seconds, and the last answers."""
        samples: Samples = {}
        last: dict[str, Answer] = {}
        for question in questions:
            for subject, answer in self.ask(question, wait_until_idle).items():
                samples.setdefault(subject, []).append(answer["seconds"])
                last[subject] = answer
        return {subject: samples[subject] for subject in self.subjects}, last

    def add(self, subject: str, metric: str, samples: list[float], note: str) -> float:
        notes = [note, *self.notes.get(subject, [])]
        text = "; ".join(filter(None, notes))
        row = self.bench.results.add(self.name, subject, metric, samples, note=text)
        return float(row.median)

    def open(self, path: str, frames: int) -> None:
        """Has all open the file and know its frames."""

        def opened(subject: str) -> None:
            found = self.bench.ask(subject, {"do": "open", "path": path})["frames"]
            if found != frames:
                raise ServerError(f"{found} frames instead of {frames}")

        self.each(opened)


def busy_ticks() -> int:
    """Of all processors since the start, by the kernel's count."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split()[1:9]]
    return sum(fields) - fields[3] - fields[4]  # idle, and waiting for a disk


def wait_until_idle() -> None:
    """decord goes on decoding after it has answered: not at the next one's cost."""
    for _ in range(100):
        before = busy_ticks()
        sleep(0.1)
        if busy_ticks() - before <= 1:
            return


def version_of(subject: str) -> str:
    """The name and version of a peer's package, or nothing."""
    module = PEERS.get(subject, "")
    for package in importlib.metadata.packages_distributions().get(module, []):
        return f"{package} {importlib.metadata.version(package)}"
    return ""


def gate(case: Case, path: str, numbers: list[int], frames: int) -> None:
    """Compares everyone's frames with those of gvdecode on the CPU."""
    bench, ours = case.bench, {}
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder, "frames.npy"))
        if CPU not in case.subjects:
            bench.ask(CPU, {"do": "open", "path": path})
        for shift in (-1, 1, 0):
            shifted = [min(max(number + shift, 0), frames - 1) for number in numbers]
            answer = bench.ask(CPU, {"do": "save", "numbers": shifted, "to": file})
            ours[shift] = numpy.load(file)

        def compare(subject: str) -> None:
            question = {"do": "save", "numbers": numbers, "to": file}
            md5 = bench.ask(subject, question)["md5"]
            if subject not in PEERS:
                if md5 != answer["md5"]:
                    raise ServerError(f"other pixels than {CPU}")
                return
            theirs = numpy.load(file)
            levels = farthest(theirs, *(ours[shift] for shift in (0, -1, 1)))
            case.notes[subject] = [
                version_of(subject),
                f"{levels:.1f} levels away at most",
            ]

        case.each(compare)


def against(medians: dict[str, float]) -> str:
    """How gvdecode on the CPU does against the peers, for its note."""
    if CPU not in medians:
        return ""
    pairs = [(peer, medians[CPU] / medians[peer]) for peer in PEERS if peer in medians]
    return ", ".join(f"{ratio:.2f}x {peer}" for peer, ratio in pairs)


def add_rates(case: Case, count: int, samples: Samples, notes: dict[str, str]) -> None:
    """Rows of frames per second; `samples` are seconds of `count` frames."""
    rates = {who: [count / one for one in times] for who, times in samples.items()}
    ratios = against({who: float(numpy.median(all_)) for who, all_ in rates.items()})
    for subject, values in rates.items():
        note = notes.get(subject, "")
        if subject == CPU:
            note = "; ".join(filter(None, (ratios, note)))
        case.add(subject, "fps", values, note)


def draw(gop: int, turn: int, frames: int) -> list[int]:
    return Random(f"gop {gop} draw {turn}").sample(range(frames), NUMBERS)


def random_case(bench: Bench, gop: int) -> None:
    name, title = f"h264_gop{gop}", f"30 random gop{gop}"
    path = bench.clip(title, name)
    case = Case(bench, title, list(SUBJECTS))
    if not path or not case.start():
        return
    frames = len(mp4.read_track(Path(path)).sizes)
    case.open(path, frames)
    gate(case, path, draw(gop, -1, frames), frames)
    draws = [draw(gop, turn, frames) for turn in range(DRAWS)]
    case.ask({"do": "get", "numbers": draw(gop, -2, frames)})  # threads, sessions
    for case.name, rows in ((title, draws), (f"{title} sorted", map(sorted, draws))):
        asked = [{"do": "get", "numbers": row} for row in rows] * bench.options.repeats
        samples, last = case.seconds(asked)
        notes = {who: f"last: {a['note']}" for who, a in last.items() if a["note"]}
        add_rates(case, NUMBERS, samples, notes)


def walk(turn: int) -> Answer:
    """Each turn elsewhere, so that no frame of the one before is at hand."""
    first = 100 + 250 * (turn % 4)
    away = (first + 450) % 900
    return {"do": "walk", "first": first, "last": first + STEPS, "away": away}


def neighbour_case(bench: Bench, gop: int) -> None:
    title = f"neighbour gop{gop}"
    path = bench.clip(title, f"h264_gop{gop}")
    case = Case(bench, title, list(SUBJECTS))
    if not path or not case.start():
        return
    case.open(path, len(mp4.read_track(Path(path)).sizes))
    case.ask(walk(bench.options.repeats))
    samples, _ = case.seconds(map(walk, range(bench.options.repeats)))
    for subject in case.subjects:
        case.notes[subject] = [version_of(subject)]
    add_rates(case, STEPS + 1, samples, {})


def sample_way(case: Case, path: str, way: str) -> Answer:
    """One reading, in one of the ways of `sample_case`, by the only subject."""
    (subject,) = case.subjects
    if way == "every frame":
        return case.bench.ask(subject, {"do": "every", "path": path, "step": STEP})
    question = {"do": "sample", "path": path, "fps": FPS}
    return case.bench.ask(subject, {**question, "indexed": "indexed" in way})


def sample_case(bench: Bench, name: str, clip: str, subject: str) -> None:
    """Seconds from the open on: sampling against reading everything."""
    path, case = bench.clip(name, clip), Case(bench, name, [subject])
    if not path or not case.start():
        return
    if subject == CPU and "10min" in clip and cores() < WHOLE_ON_CPU:
        case.leave_out(subject, f"{cores()} cores")
        return
    samples: Samples = {way: [] for way in WAYS}
    answers: dict[str, Answer] = {}

    def read(_: str) -> None:
        for turn in range(bench.options.repeats + 1):
            for way in WAYS:
                answers[way] = sample_way(case, path, way)
                for key in ("times", "sums"):
                    if answers[way][key] != answers["sample"][key]:
                        raise ServerError(f"{way}: other {key} than sample")
                if turn:  # the first one warms
                    samples[way].append(answers[way]["seconds"])

    if case.each(read):
        add_ways(case, samples, answers)


def add_ways(case: Case, samples: Samples, answers: dict[str, Answer]) -> None:
    device = case.subjects[0].split()[1]
    every = float(numpy.median(samples["every frame"]))
    for way in WAYS:
        note = f"{len(answers[way]['times'])} frames"
        if way != "every frame":
            ratio = every / float(numpy.median(samples[way]))
            note = f"{ratio:.2f}x faster; {note}, {answers[way]['note']}"
        case.add(f"{way} {device}", "s", samples[way], note)


def available_memory() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def read_all(path: str) -> None:
    """Brings the file into the page cache."""
    with open(path, "rb") as file:
        while file.read(2**24):
            pass


def index_case(bench: Bench) -> None:
    """From the open to the number of frames; the file is in the page cache."""
    title = "index of 1 hour"
    path = bench.clip(title, "h264_gop250_1h")
    case = Case(bench, title, [CPU, *PEERS])
    if not path or not case.start():
        return
    size, memory = Path(path).stat().st_size, available_memory()
    if size > memory:
        why = f"{size / GIB:.1f} GiB, {memory / GIB:.1f} GiB of memory"
        bench.results.leave_out(title, f"{path} ({why})")
        return
    read_all(path)
    (hour,) = (loop for loop in LOOPS["access"] if loop.suffix == "1h")
    case.open(path, hour.frames * hour.times)  # and warm
    question = {"do": "open", "path": path}
    samples, last = case.seconds([question] * bench.options.repeats)
    for subject, times in samples.items():
        note = version_of(subject) or f"{size / GIB:.2f} GiB"
        case.add(subject, "s", times, note)
    if CPU in last:
        frames = last[CPU]["frames"]
        note = f"{last[CPU]['bytes'] / frames:.2f} a frame"
        case.add(CPU, "bytes", [last[CPU]["bytes"]], note)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--repeats", type=int, default=3, help="of every draw and case")
    parser.add_argument(
        "--only", nargs="+", choices=SUBJECTS, default=SUBJECTS, metavar="SUBJECT"
    )
    parser.add_argument(
        "--cases", default="", metavar="TEXT", help="only cases whose name has it"
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="take over the rows of the file there that this run does not measure",
    )
    return parser.parse_args()


def plan(bench: Bench) -> Iterator[tuple[str, Callable[[], None]]]:
    """The cases, and what measures each."""
    for gop in (30, 250):
        yield f"30 random gop{gop}", partial(random_case, bench, gop)
    for gop in (30, 250):
        yield f"neighbour gop{gop}", partial(neighbour_case, bench, gop)
    yield "index of 1 hour", partial(index_case, bench)
    for suffix, length in (("50s", " 50 s"), ("10min", "")):
        for clip, kind in PYRAMIDS.items():
            name = f"sample {FPS} fps {kind}{length}"
            for subject in (CUDA, CPU):
                work = partial(sample_case, bench, name, f"{clip}_{suffix}", subject)
                yield name, work


def main() -> int:
    bench = Bench(parse_options())
    options = bench.options
    before = bench.results.before(options.keep) if options.keep else []
    try:
        for name, measure in plan(bench):
            if options.cases in name:
                measure()
            if bench.results.rows:  # what is measured outlives a later crash
                bench.results.write(options.out)
    finally:
        bench.close()
    return bench.results.finish(options.out, before)


if __name__ == "__main__":
    raise SystemExit(main())
