"""The experiment that the project starts from, rebuilt: every row of `seed`.

    python bench_seed.py --clips DIR

Files of 960, 5,520 and 9,300 frames (`clips.py derive --for seed`) through the
pipelines and models of `seed/`, at batch 1 and 32, the scores of all frames copied
back to the host. Each pipeline has a process of its own. Before a time counts, the
scores of the first frames are compared with those of the other pipelines; the
same pass tells what each stage takes when it is waited for, while the timed runs
wait for nothing but the last score. Takes as long as `--budget` says: each figure
is measured once, and again, up to five times, as far as the time reaches.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import mp4
import numpy
from results import DEFAULT_OUT, Results, gpu
from server import Server, ServerError, serve
from turns import Task, Turns

CLIPS = {
    960: "h264_gop30.mp4",
    5520: "h264_gop30_5520frames.mp4",
    9300: "h264_gop30_9300frames.mp4",
}
# In the order of their weight, since time may run out; the heavy model's pace is
# that of the GPU, whatever the length, so that one length tells it.
Case = tuple[int, str, int]  # frames, model, batch size
CASES: tuple[Case, ...] = (
    (960, "light", 32),
    (960, "heavy", 32),
    (9300, "light", 32),
    (960, "light", 1),
    (960, "heavy", 1),
    (9300, "light", 1),
    (5520, "light", 32),
    (5520, "light", 1),
)
COLD = "gvdecode cuda cold"  # of the process "gvdecode cuda"; light model only
ALONE = "model alone"
SUBJECTS = ("conventional", "streamreader", "gvdecode cpu", "gvdecode cuda", ALONE)
NEEDS = {"conventional": ("cv2",), "streamreader": ("torchaudio",)}
CHECKED = 224  # frames, of which the last are of another scene than the first
# How far the scores may be from the reference's. With the light model one frame too
# early or late is 0.34. The heavy one with its random weights sees the mean colour
# most, and libswscale's pixels, and so OpenCV's, are darker by 0.75 of 255; gvdecode's
# are rounded to bytes for it where the CPU decodes, which alone moves its scores by
# 0.17.
REFERENCE = "gvdecode cpu"
SWSCALE = {"light": 0.2, "heavy": 0.5}
TOLERANCE = {
    "conventional": SWSCALE,
    "streamreader": SWSCALE,
    "gvdecode cuda": {"light": 0.1, "heavy": 0.3},
}
MOST = 5  # samples


def distance(scores: numpy.ndarray, reference: numpy.ndarray) -> float:
    """How differently the scores vary from frame to frame, as a share of how much."""
    ours, theirs = (each - each.mean(axis=0) for each in (reference, scores))
    return float(numpy.linalg.norm(theirs - ours) / numpy.linalg.norm(ours))


@dataclass
class Seed:
    """The options, the rows, the processes; who has passed the comparison."""

    options: argparse.Namespace
    folder: Path
    results: Results = field(default_factory=lambda: Results("seed"))
    servers: dict[str, Server] = field(default_factory=dict)
    passed: set[tuple[str, int, str]] = field(default_factory=set)

    def why_not(self, subject: str) -> str:
        """Why the subject cannot run here, or nothing."""
        if subject == "gvdecode cuda" and not gpu()[0]:
            return "no GPU"
        for module in ("gvdecode", "torch", "torchvision", *NEEDS.get(subject, ())):
            if importlib.util.find_spec(module) is None:
                return f"{module} is not installed"
        return ""

    def start(self) -> None:
        for subject in SUBJECTS:
            reason = self.why_not(subject)
            if reason:
                self.results.leave_out("every case", f"{subject} ({reason})")
            else:
                self.servers[subject] = self.server(subject)

    @staticmethod
    def server(subject: str) -> Server:
        return Server([sys.executable, __file__, "serve", subject])

    def ask(self, subject: str, do: str, frames: int, **more: Any) -> dict[str, Any]:
        length = next((n for n in CLIPS if n >= frames), max(CLIPS))
        question = {"do": do, "path": str(self.options.clips / CLIPS[length])}
        question |= {"frames": frames} | more
        server = self.servers[subject]
        try:
            return server.ask(json.dumps(question))
        except ServerError:
            if server.process.poll() is not None:
                self.servers[subject] = self.server(subject)
            raise

    def check(self, model: str, batch: int) -> None:
        """Compares the scores of the pipelines, and keeps what their stages took."""
        name, path = f"{model} batch{batch}", self.folder / "scores.npy"
        more = {"model": model, "batch": batch, "scores": str(path)}
        reference: numpy.ndarray | None = None
        for subject in sorted(self.servers, key=lambda each: each != REFERENCE):
            try:
                stages = self.ask(subject, "check", self.options.checked, **more)
                scores = numpy.load(path)
                note = f"a frame, of {len(scores)}"
                if subject == REFERENCE:
                    reference = scores
                elif subject in TOLERANCE:
                    limit = TOLERANCE[subject][model]
                    note += f"; {self.compare(scores, reference, limit)}"
            except ServerError as error:
                self.results.leave_out("every case", f"{name} {subject} ({error})")
                continue
            self.passed.add((model, batch, subject))
            for stage, value in stages.items():
                self.results.add(f"{name} {stage}", subject, "ms", [value], note=note)

    @staticmethod
    def compare(
        scores: numpy.ndarray, reference: numpy.ndarray | None, limit: float
    ) -> str:
        if reference is None:
            raise ServerError("there is nothing to compare its scores with")
        found = distance(scores, reference)
        if not found <= limit:  # so that nan is none
            raise ServerError(f"its scores are {found:.3f} away, more than {limit}")
        return f"scores {found:.4f} away from {REFERENCE}'s, {limit} allowed"

    def sample(self, subject: str, model: str, batch: int, frames: int) -> float:
        name = subject.removesuffix(" cold")
        more = {"model": model, "batch": batch, "trim": subject == COLD}
        return float(self.ask(name, "run", frames, **more)["seconds"])

    def tasks(self, cases: list[Case]) -> list[Task]:
        made = []
        for frames, model, batch in cases:
            for subject in (*SUBJECTS, COLD):
                name = subject.removesuffix(" cold")
                if (model, batch, name) not in self.passed:
                    continue
                if subject == COLD and model == "heavy":
                    continue
                case = f"{frames} {model} batch{batch}"
                sample = partial(self.sample, subject, model, batch, frames)
                kind = (subject, model, batch)
                made.append(Task(case, subject, kind, frames, sample))
        return made

    def cases(self) -> list[Case]:
        """Those asked for whose clip is here, with `--frames` of the shortest."""
        good: dict[Case, None] = {}
        for frames, model, batch in CASES:
            path = self.options.clips / CLIPS[frames]
            if self.options.cases not in f"{frames} {model} batch{batch}":
                continue
            if not path.exists():
                self.results.leave_out("every case", f"{path.name} (missing)")
            elif len(mp4.read_track(path).sizes) != frames:
                raise SystemExit(f"{path} has not {frames} frames")
            else:
                good[self.options.frames or frames, model, batch] = None
        return list(good)

    def measure(self, deadline: float) -> None:
        self.start()
        cases = self.cases()
        for model, batch in dict.fromkeys(case[1:] for case in cases):
            self.check(model, batch)
        turns = Turns(deadline, MOST, self.results.leave_out)
        for task in turns.take(self.tasks(cases)):
            self.results.add(task.case, task.subject, "seconds", task.samples)

    def close(self) -> None:
        for server in self.servers.values():
            server.close()


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument(
        "--budget", type=float, default=330, help="seconds for all of it"
    )
    parser.add_argument(
        "--frames", type=int, default=0, help="in whole batches, of each clip; 0: all"
    )
    parser.add_argument(
        "--cases", default="", metavar="TEXT", help="only cases whose name has it"
    )
    options = parser.parse_args()
    options.checked = min(CHECKED, options.frames or CHECKED)
    return options


def main() -> int:
    if sys.argv[1:2] == ["serve"]:
        from seed.worker import Worker  # torch is there only

        serve(Worker(sys.argv[2]).answer)
        return 0
    start = monotonic()
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        bench = Seed(options, Path(folder))
        try:
            bench.measure(start + options.budget)
        finally:
            bench.close()
    return bench.results.finish(options.out)


if __name__ == "__main__":
    raise SystemExit(main())
