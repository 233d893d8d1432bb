"""The peers on the workloads: every row of `peers`. Run by `pytest benchmarks`.

One peer after the other, each in a process of its own that is the only one alive. A
cell is a peer on a workload: its pictures and their number are compared with those
of gvdecode on the CPU, the device's memory is watched meanwhile, and only then times
are taken. What cannot be measured is named with its reason.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

import mp4
import numpy
import peers
from gate import OtherFramesError, farthest
from peer_subject import SPARSE
from peers.base import BATCH
from results import Results, gpu
from server import Answer, Server, ServerError
from workloads import Places, Workload

import gvdecode

HERE = Path(__file__).resolve().parent
OURS = "gvdecode"
ONE_SESSION = "ceiling 1 session"
CEILINGS = ("ceiling", ONE_SESSION)
SESSIONS = (7, 8, 10)
COLD = "first frame cold process"
DEATHS = 2  # of a peer's process, then no more of it
LOOKS = 4  # pictures of a stream that are compared


@dataclass(frozen=True)
class Options:
    clips: Path
    out: Path
    sites: Path | None  # a folder or environment for each library, by its name
    logs: Path | None
    ceiling: Path
    frames: int  # of a long clip, at most; 0: all
    repeats: int
    cold: int  # fresh processes
    patience: float  # seconds for an answer
    budget: float  # seconds after which no further cell begins


@dataclass
class Bench:
    options: Options
    results: Results = field(default_factory=lambda: Results("peers"))
    begun: float = field(default_factory=monotonic)
    has_gpu: bool = field(default_factory=lambda: bool(gpu()[0]))
    name: str = ""  # of the peer whose process is alive
    server: Server | None = None
    labels: dict[str, str] = field(default_factory=dict)  # peers with versions
    settings: dict[str, str] = field(default_factory=dict)
    written: Path | None = None
    deaths: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)  # peer -> why
    references: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def check(self, peer: str, on_gpu: bool) -> None:
        """ServerError if no cell of this peer may begin."""
        if peer in self.refused:
            raise ServerError(self.refused[peer])
        if on_gpu and not self.has_gpu:
            self.refuse(peer, "no GPU")
        if monotonic() - self.begun > self.options.budget:
            raise ServerError(f"no time left of {self.options.budget:g} s")

    def refuse(self, peer: str, why: str) -> NoReturn:
        """No workload of this peer is measured."""
        self.refused[peer] = why
        raise ServerError(why)

    def leave_out(self, case: str, peer: str, why: str) -> None:
        """Names once what is no row."""
        if self.refused.get(peer) == why:
            case = "every workload"
        if (case, f"{peer} ({why})") not in self.results.missing:
            self.results.leave_out(case, f"{peer} ({why})")

    def clip(self, name: str) -> str:
        path = self.options.clips / f"{name}.mp4"
        if not path.exists():
            raise ServerError(f"{path.name} is missing: benchmarks/clips.py makes it")
        return str(path)

    def environment(self, peer: str) -> tuple[str, dict[str, str]]:
        """The interpreter of the peer and its variables."""
        variables = dict(os.environ)
        module = peers.PEERS[peer][0]
        site = self.options.sites / module if self.options.sites else None
        if site is None or not site.exists():
            return sys.executable, variables
        if (site / "bin" / "python").exists():
            return str(site / "bin" / "python"), variables
        paths = [str(site), variables.get("PYTHONPATH", "")]
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        return sys.executable, variables

    def launch(self, peer: str) -> Server:
        python, variables = self.environment(peer)
        log = None
        if self.options.logs:
            self.options.logs.mkdir(parents=True, exist_ok=True)
            log = (self.options.logs / f"{peer.replace(' ', '-')}.log").open("a")
        server = Server(
            [python, str(HERE / "peer_subject.py"), peer],
            environment=variables,
            log=log,
            patience=self.options.patience,
        )
        if log:
            log.close()  # the process has it
        try:
            server.ask(json.dumps({"do": "start"}))
        except ServerError:
            server.close()
            raise
        return server

    def use(self, peer: str) -> None:
        """Has this peer's process, and no other, alive."""
        if self.name == peer and self.server is not None:
            return
        self.close()
        try:
            self.server, self.name = self.launch(peer), peer
            found = self.ask(do="versions")
        except ServerError as error:
            self.close()
            self.refuse(peer, str(error))
        self.settings[peer] = found["setting"]
        self.labels[peer] = self.with_version(peer, found["versions"])

    def with_version(self, peer: str, versions: dict[str, str]) -> str:
        """The peer's name with its version, ours without: its rows go on."""
        for package, version in versions.items():
            if self.results.versions.setdefault(package, version) != version:
                self.results.versions[f"{package} of {peer}"] = version
        library, *rest = peer.split()
        package, version = next(iter(versions.items()), ("torch", ""))
        if library == OURS or package == "torch":
            return peer
        return " ".join((library, version, *rest))

    def ask(self, **question: Any) -> Answer:
        if self.server is None:
            raise ServerError("its process has ended")
        try:
            return self.server.ask(json.dumps(question))
        except ServerError:
            if self.server.process.poll() is not None:
                self.bury()
            raise

    def bury(self) -> None:
        """The next cell starts anew; a peer that ended or hung twice takes no part."""
        self.deaths[self.name] = self.deaths.get(self.name, 0) + 1
        if self.deaths[self.name] == DEATHS:
            self.refused[self.name] = f"its process ended or hung {DEATHS} times"
        self.close()

    def write(self) -> None:
        self.written = self.results.write(self.options.out)

    def close(self) -> None:
        if self.server is not None:
            self.server.close()
        self.server, self.name = None, ""

    def reference(self, workload: Workload, clip: int, number: int) -> Any:
        """A picture of ours, the one before it and the one behind it."""
        key = (workload.clips[clip], number, workload.size)
        if key not in self.references:
            self.references[key] = three(self.clip(key[0]), number, workload.size)
        return self.references[key]


def three(path: str, number: int, size: tuple[int, int] | None) -> Any:
    """Parts of a picture of ours, the one before it and the one behind it."""
    with gvdecode.VideoDecoder(
        path, device="cpu", dimension_order="NHWC", size=size
    ) as video:
        last = len(video) - 1
        numbers = [number, max(number - 1, 0), min(number + 1, last)]
        return video.get_frames_at(numbers).numpy()[:, ::SPARSE, ::SPARSE]


def counted(path: str) -> int:
    return len(mp4.read_track(Path(path)).sizes)


def samples_of(places: list[Places]) -> list[list[int]]:
    """A few places of each stream, its ends among them."""
    return [
        sorted({(len(stream) - 1) * i // (LOOKS - 1) for i in range(LOOKS)})
        for stream in places
    ]


@dataclass
class Cell:
    """One peer on one workload."""

    bench: Bench
    peer: str
    workload: Workload
    question: Answer = field(default_factory=dict)
    expected: list[int] = field(default_factory=list)  # frames of each stream
    answers: list[Answer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    mib: float | None = None

    @property
    def case(self) -> str:
        limit = self.bench.options.frames
        return f"{self.workload.name} {limit} frames" if self.is_cut else self.name

    @property
    def name(self) -> str:
        return self.workload.name

    @property
    def is_cut(self) -> bool:
        return self.workload.limit and bool(self.bench.options.frames)

    def places(self, counts: list[int]) -> list[Places]:
        places = self.workload.places(counts)
        limit = self.bench.options.frames if self.is_cut else None
        return [stream[:limit] for stream in places]

    def prepare(self) -> None:
        """Compares what the peer gives; ServerError if it cannot take part."""
        self.bench.check(self.peer, peers.on_gpu(self.peer))
        paths = [self.bench.clip(name) for name in self.workload.clips]
        counts = [counted(path) for path in paths]
        places = self.places(counts)
        self.expected = [len(stream) for stream in places]
        cut = self.workload.metric == "ms"
        cut = cut or (self.is_cut and self.expected[0] < counts[0])
        self.question = {
            "workload": self.workload.name,
            "paths": paths,
            "counts": counts,
            "limit": self.expected[0] if cut else 0,
        }
        self.bench.use(self.peer)
        self.look(places)

    def look(self, places: list[Places]) -> None:
        keep = samples_of(places)
        looked = [
            stream[place]
            for stream, some in zip(places, keep, strict=True)
            for place in some
        ]
        with tempfile.TemporaryDirectory() as folder:
            to = str(Path(folder, "pictures.npz"))
            found = self.bench.ask(do="look", keep=keep, to=to, **self.question)
            self.compare_counts(found)
            with numpy.load(to) as file:
                names = [
                    f"{i} {place}" for i, some in enumerate(keep) for place in some
                ]
                theirs = [file[name] for name in names]
        self.mib = found.get("mib")
        levels = max(
            farthest(picture[None], *(each[None] for each in ours))
            for picture, ours in zip(theirs, self.references(looked), strict=True)
        )
        self.notes += [
            self.bench.settings[self.peer],
            f"{levels:.1f} levels away at most",
        ]

    def references(self, looked: Places) -> list[list[Any]]:
        return [self.bench.reference(self.workload, *place) for place in looked]

    def compare_counts(self, found: Answer) -> None:
        """A part of a file ends with a batch, whose size is the peer's own."""
        more = BATCH - 1 if self.question["limit"] else 0
        pairs = zip(found["frames"], self.expected, strict=True)
        if not all(0 <= got - wanted <= more for got, wanted in pairs):
            got, wanted = sum(found["frames"]), sum(self.expected)
            raise OtherFramesError(f"{got} frames instead of {wanted}")

    def sample(self) -> float:
        """Takes a time; seconds."""
        found = self.bench.ask(do="run", **self.question)
        self.compare_counts(found)
        self.answers.append(found)
        return float(found["seconds"])

    def value(self, answer: Answer) -> float:
        """What the answer is in the workload's metric."""
        seconds = float(answer["seconds"])
        if self.workload.metric == "ms":
            return seconds * 1e3
        clips = self.workload.metric == "clips/s"
        count = len(self.workload.clips) if clips else sum(answer["frames"])
        return count / seconds

    def add(self) -> None:
        note = "; ".join(filter(None, self.notes))
        add, label = self.bench.results.add, self.bench.labels[self.peer]
        values = list(map(self.value, self.answers))
        add(self.case, label, self.workload.metric, values, note=note)
        cpu = [answer["cpu"] for answer in self.answers]
        add(self.case, label, "cpu seconds", cpu)
        if self.mib is not None:
            add(self.case, label, "MiB", [self.mib], note="above the bare context")


@dataclass
class ColdCell:
    """The first frame in a fresh process; torch and the context are up."""

    bench: Bench
    peer: str
    case: str = COLD
    times: list[float] = field(default_factory=list)

    def prepare(self) -> None:
        self.bench.check(self.peer, peers.on_gpu(self.peer))
        if self.peer not in self.bench.labels:
            self.bench.use(self.peer)
        self.bench.close()
        self.sample()  # its files are in the page cache from here on
        self.times.clear()

    def sample(self) -> float:
        path = self.bench.clip("h264_gop30")
        with self.bench.launch(self.peer) as server:
            found = server.ask(json.dumps({"do": "cold", "path": path}))
        self.times.append(found["seconds"])
        return float(found["seconds"])

    def add(self) -> None:
        times = [seconds * 1e3 for seconds in self.times]
        note = "h264_gop30, the import of the library included"
        label = self.bench.labels[self.peer]
        self.bench.results.add(self.case, label, "ms", times, note=note)


@dataclass
class CeilingCell:
    """What the engines do when nothing is done with the pictures."""

    bench: Bench
    peer: str
    workload: Workload
    sessions: int = 1
    rates: list[float] = field(default_factory=list)

    @property
    def case(self) -> str:
        frames = self.bench.options.frames
        return f"{self.workload.name} {frames} frames" if frames else self.workload.name

    def prepare(self) -> None:
        """Finds the best number of sessions."""
        self.bench.check(self.peer, True)
        if not self.bench.options.ceiling.exists():
            raise ServerError("is not built: make -C benchmarks")
        clip = Path(self.bench.clip(self.workload.clips[0]))
        codec = clip.stem.split("_")[0]
        stream = clip.with_suffix(f".{codec}")
        if not stream.exists():
            raise ServerError(f"{stream.name} is missing: benchmarks/clips.py derive")
        self.bench.close()
        command = [str(self.bench.options.ceiling), "serve", str(stream), codec]
        self.bench.server = Server(command, patience=self.bench.options.patience)
        self.bench.name = self.peer
        counts = (1,) if self.peer == ONE_SESSION else SESSIONS
        self.sessions = max((self.rate(count), count) for count in counts)[1]

    def rate(self, sessions: int) -> float:
        assert self.bench.server is not None
        return float(self.bench.server.ask(f"run {sessions} 1")["fps"])

    def sample(self) -> float:
        """Seconds of one picture."""
        self.rates.append(self.rate(self.sessions))
        return 1 / self.rates[-1]

    def add(self) -> None:
        note = f"{self.sessions} sessions, every frame of the clip"
        add = self.bench.results.add
        add(self.case, self.peer, "fps", self.rates, note=note)
        self.bench.close()


AnyCell = Cell | ColdCell | CeilingCell
