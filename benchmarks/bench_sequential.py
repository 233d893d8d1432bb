"""One file to RGB batches, and the first frame: every row of `sequential`.

    python bench_sequential.py --clips DIR

Wants the clips of `clips.py` (encode, derive) and, for the ceiling, the program
that `make -C benchmarks` builds. Subjects take turns within a case, each in its
own process, warm unless subject or case says cold; every run must give every
frame, and both devices of gvdecode the same pixels, before a time counts.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import mp4
from results import CEILING, DEFAULT_OUT, ROOT, Results, gpu
from server import PATIENCE, Server, ServerError

HERE = Path(__file__).resolve().parent
BATCH = 32
WARM_FRAMES = 64
OPENS = 20
PAUSE = 0.05  # seconds between the opens of an otherwise idle process
SESSIONS = (4, 7, 8, 9, 10, 12, 14)
CPU = ("gvdecode cpu", "opencv cpu", "pyav cpu", "opencv upload")
COLD = "gvdecode cuda cold"
NVDEC = ("gvdecode cuda", COLD)
CUDA = (*NVDEC, "opencv upload")
ONE_SESSION = "ceiling 1 session"
SLOW = (*CPU, COLD, ONE_SESSION)  # as often as --cpu-repeats says
SUBJECTS = (CEILING, ONE_SESSION, *NVDEC, *CPU)
NEEDS = {"opencv cpu": "cv2", "opencv upload": "cv2", "pyav cpu": "av"}


@dataclass(frozen=True)
class Case:
    """A clip and who decodes it; the ceiling decodes `stream` `loops` times."""

    name: str
    clip: str
    stream: str
    loops: int
    subjects: tuple[str, ...]
    note: str = ""


LONG = (CEILING, ONE_SESSION, *NVDEC)
LONG_CPU = ("gvdecode cpu", "pyav cpu")
SHORT = (CEILING, *NVDEC, *CPU)
CASES = (
    Case(
        "1080p h264 gop30 rgb24",
        "h264_gop30_long",
        "h264_gop30",
        4,
        (*LONG, *LONG_CPU),
    ),
    Case("1080p h264 gop30 rgb24", "h264_gop30", "h264_gop30", 1, SHORT),
    Case("1080p hevc gop30 rgb24", "hevc_gop30_long", "hevc_gop30", 4, LONG),
    Case("1080p hevc gop30 rgb24", "hevc_gop30", "hevc_gop30", 1, SHORT),
    Case(
        "1080p hevc opengop30 rgb24",
        "hevc_opengop30_long",
        "hevc_gop30",
        4,
        (CEILING, "gvdecode cuda"),
        "ceiling: the same pictures in closed GOPs (hevc_gop30)",
    ),
    Case(
        "1080p h264 gop250 rgb24",
        "h264_gop250_long",
        "h264_gop250",
        4,
        (CEILING, "gvdecode cuda"),
    ),
)


@dataclass
class Bench:
    """What all cases share: the options, the rows, the processes."""

    options: argparse.Namespace
    results: Results = field(default_factory=lambda: Results("sequential"))
    servers: dict[str, Server] = field(default_factory=dict)
    has_gpu: bool = field(default_factory=lambda: bool(gpu()[0]))

    def clip(self, name: str) -> Path:
        return Path(self.options.clips, f"{name}.mp4")

    def stream(self, name: str) -> tuple[str, str]:
        codec = name.split("_")[0]
        return str(self.options.clips / f"{name}.{codec}"), codec

    def server(self, subject: str) -> Server:
        if subject not in self.servers:
            command = [sys.executable, str(HERE / "subjects.py"), subject]
            self.servers[subject] = Server(command)
        return self.servers[subject]

    def ceiling(self, stream: str) -> Server:
        name = f"{CEILING} of {stream}"
        if name not in self.servers:
            command = [str(self.options.ceiling), "serve", *self.stream(stream)]
            self.servers[name] = Server(command)
        return self.servers[name]

    def why_not(self, subject: str) -> str:
        """Why the subject cannot run here, or nothing."""
        if subject not in self.options.only:
            return "not asked for"
        if subject in (CEILING, ONE_SESSION):
            if not self.has_gpu:
                return "no GPU"
            missing = not self.options.ceiling.exists()
            return f"{self.options.ceiling} is not built" if missing else ""
        if subject in CUDA:
            if not self.has_gpu:
                return "no GPU"
            if importlib.util.find_spec("torch") is None:
                return "torch is not installed"
        module = NEEDS.get(subject, "gvdecode")
        missing = importlib.util.find_spec(module) is None
        return f"{module} is not installed" if missing else ""

    def usable(self, case: str, subjects: tuple[str, ...]) -> list[str]:
        good = []
        for subject in subjects:
            reason = self.why_not(subject)
            if not reason:
                good.append(subject)
            elif reason != "not asked for":
                self.results.leave_out(case, f"{subject} ({reason})")
        return good

    def drop(self, subject: str) -> None:
        """Ends the process of a subject that failed; the next case starts anew."""
        for name in [name for name in self.servers if name.split(" of ")[0] == subject]:
            self.servers.pop(name).close()

    def close(self) -> None:
        for server in self.servers.values():
            server.close()


@dataclass
class Run:
    """One case on its way: who still takes part, and the samples so far."""

    bench: Bench
    case: Case
    name: str
    frames: int
    limit: int
    subjects: list[str]
    sessions: int = 0
    samples: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def ask_ceiling(self, sessions: int) -> float:
        server = self.bench.ceiling(self.case.stream)
        return float(server.ask(f"run {sessions} {self.case.loops}")["fps"])

    def ask(self, subject: str, do: str, limit: int) -> dict[str, Any]:
        path = str(self.bench.clip(self.case.clip))
        question = {"do": do, "path": path, "frames": limit}
        return self.bench.server(subject).ask(json.dumps(question))

    def decode(self, subject: str, limit: int) -> float:
        answer = self.ask(subject, "decode", limit)
        expected = limit or self.frames
        if answer["frames"] != expected:
            raise ServerError(f"{answer['frames']} frames instead of {expected}")
        self.notes[subject] = answer.get("note", "")
        return float(answer["frames"] / answer["seconds"])

    def prepare(self, subject: str) -> None:
        """Warms the subject; the ceiling also finds its best number of sessions."""
        if subject == CEILING:
            found = [(self.ask_ceiling(count), count) for count in SESSIONS]
            self.sessions = max(found)[1]
            self.notes[CEILING] = f"{self.sessions} sessions"
        elif subject == ONE_SESSION:
            self.ask_ceiling(1)
        elif subject in NVDEC:
            if not self.is_gated_elsewhere():
                self.ask(subject, "gate", self.limit)
            self.decode(subject, self.limit)
        else:
            self.decode(subject, min(WARM_FRAMES, self.limit or WARM_FRAMES))

    def is_gated_elsewhere(self) -> bool:
        """A long clip whose short clip is a case holds the same pictures."""
        short = self.case.clip.removesuffix("_long")
        return short != self.case.clip and short in {case.clip for case in CASES}

    def sample(self, subject: str) -> float:
        if subject == CEILING:
            return self.ask_ceiling(self.sessions)
        if subject == ONE_SESSION:
            return self.ask_ceiling(1)
        return self.decode(subject, self.limit)

    def attempt(self, subject: str, step: str) -> None:
        """Prepares or samples; a subject that fails takes no further part."""
        try:
            if step == "prepare":
                self.prepare(subject)
            else:
                self.samples.setdefault(subject, []).append(self.sample(subject))
        except ServerError as error:
            self.subjects.remove(subject)
            self.samples.pop(subject, None)
            self.bench.drop(CEILING if subject == ONE_SESSION else subject)
            self.bench.results.leave_out(self.name, f"{subject} ({error})")

    def run(self) -> None:
        options = self.bench.options
        for subject in list(self.subjects):
            self.attempt(subject, "prepare")
        for turn in range(max(options.repeats, options.cpu_repeats)):
            for subject in list(self.subjects):
                turns = options.cpu_repeats if subject in SLOW else options.repeats
                if turn < turns:
                    self.attempt(subject, "sample")
        for subject in self.subjects:
            note = self.notes.get(subject, "")
            if subject == self.subjects[0]:
                note = "; ".join(filter(None, (note, self.case.note)))
            self.bench.results.add(
                self.name, subject, "fps", self.samples[subject], note=note
            )


def decode_case(bench: Bench, case: Case) -> None:
    if bench.options.frames and case.clip.endswith("_long"):
        return
    path = bench.clip(case.clip)
    if not path.exists():
        bench.results.leave_out(case.name, f"{path.name} (missing)")
        return
    frames = len(mp4.read_track(path).sizes)
    limit = bench.options.frames
    limit = limit if limit < frames else 0
    shown = limit or frames
    name = case.name if shown >= 3600 else f"{case.name} {shown} frames"
    subjects = bench.usable(name, case.subjects)
    if subjects:
        Run(bench, case, name, frames, limit, subjects).run()


def first_warm(bench: Bench, codec: str, pause: float) -> None:
    """Later opens in one loop of one process, the first one not counted."""
    case, path = f"first frame warm {codec}", bench.clip(f"{codec}_gop30")
    note = "one open after the other"
    if pause:
        case += ", after a pause"
        note = f"{pause * 1e3:.0f} ms of sleep before each open"
    if not path.exists():
        bench.results.leave_out(case, f"{path.name} (missing)")
        return
    question = {"do": "first", "path": str(path), "opens": OPENS + 1, "pause": pause}
    for subject in bench.usable(case, ("gvdecode cuda", "gvdecode cpu")):
        try:
            times = bench.server(subject).ask(json.dumps(question))["ms"]
        except ServerError as error:
            bench.drop(subject)
            bench.results.leave_out(case, f"{subject} ({error})")
            continue
        bench.results.add(case, subject, "ms", times[1:], note=note)


def fresh(command: list[str]) -> dict[str, float]:
    """Runs a program that prints its first frame; adds the time since its start."""
    start = monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise ServerError("no answer in time") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise ServerError(lines[-1] if lines else f"status {done.returncode}")
    values: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    values["since_start"] = (values["at"] - start) * 1e3
    return values


def first_cold(
    bench: Bench, case: str, subject: str, command: list[str], figure: str
) -> None:
    if not bench.usable(case, (subject,)):
        return
    try:
        fresh(command)  # the files are in the page cache from here on
        times = [fresh(command)[figure] for _ in range(bench.options.cpu_repeats)]
    except ServerError as error:
        bench.results.leave_out(case, f"{subject} ({error})")
        return
    bench.results.add(case, subject, "ms", times, note="h264_gop30")


def first_frames(bench: Bench) -> None:
    for pause in (0.0, PAUSE):
        first_warm(bench, "h264", pause)
        first_warm(bench, "hevc", pause)
    clip = str(bench.clip("h264_gop30"))
    script = [sys.executable, str(HERE / "first_frame.py")]
    alone, cold = "first frame no torch", "first frame cold process"
    ceiling = [str(bench.options.ceiling), "first", *bench.stream("h264_gop30")]
    first_cold(bench, alone, CEILING, ceiling, "since_start")
    for subject in ("gvdecode cuda", "gvdecode cpu"):
        command = [*script, subject.split()[1], "alone", clip]
        first_cold(bench, alone, subject, command, "since_start")
    first_cold(bench, cold, "gvdecode cuda", [*script, "cuda", "torch", clip], "ms")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--ceiling", type=Path, default=ROOT / "build" / "ceiling")
    parser.add_argument("--frames", type=int, default=0, help="of each clip; 0: all")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--cpu-repeats", type=int, default=3, help="of CPU, one-session and cold rows"
    )
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
    options = parser.parse_args()
    options.frames = -(-options.frames // BATCH) * BATCH  # whole batches
    return options


def main() -> int:
    bench = Bench(parse_options())
    keep = bench.options.keep
    before = bench.results.before(keep) if keep else []  # --out may be the same
    try:
        for case in CASES:
            if bench.options.cases in case.name:
                decode_case(bench, case)
            if bench.results.rows:  # what is measured outlives a later crash
                bench.results.write(bench.options.out)
        if bench.options.cases in "first frame":
            first_frames(bench)
    finally:
        bench.close()
    return bench.results.finish(bench.options.out, before)


if __name__ == "__main__":
    raise SystemExit(main())
