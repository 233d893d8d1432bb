"""What a further decoder brings: every row of `scaling`.

    python bench_scaling.py --clips DIR

One 1080p H.264 file of 3,840 frames to RGB batches with a given number of decoders
at once: NVDEC sessions, in turns with the raw ceiling of as many; on a machine
without a GPU libavcodec's decoders. Wants the clips and the program of
bench_sequential.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from time import monotonic

import mp4
from bench_sequential import HERE
from results import CEILING, DEFAULT_OUT, ROOT, Results, cores, gpu
from server import Server, ServerError
from turns import Task, Turns

CLIP, STREAM, LOOPS = "h264_gop30_long.mp4", "h264_gop30.h264", 4
SESSIONS = (1, 2, 4, 7, 8, 10, 12, 14)
MOST = 5  # samples


class Decoders:
    """The processes that decode the clip, each with as many sessions as it is told."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.path = options.clips / CLIP
        self.frames = len(mp4.read_track(self.path).sizes)
        self.subject = "gvdecode cuda" if gpu()[0] else "gvdecode cpu"
        self.notes: dict[tuple[str, int], str] = {}
        command = [sys.executable, str(HERE / "subjects.py"), self.subject]
        self.servers = {self.subject: Server(command)}
        if gpu()[0]:
            stream = str(options.clips / STREAM)
            command = [str(options.ceiling), "serve", stream, "h264"]
            self.servers[CEILING] = Server(command)

    def sample(self, subject: str, sessions: int) -> float:
        if subject == CEILING:
            return float(self.servers[CEILING].ask(f"run {sessions} {LOOPS}")["fps"])
        question = {"do": "decode", "path": str(self.path)}
        question["options"] = {"sessions": sessions}
        answer = self.servers[subject].ask(json.dumps(question))
        if answer["frames"] != self.frames:
            raise ServerError(f"{answer['frames']} frames instead of {self.frames}")
        self.notes[subject, sessions] = answer["note"]
        return float(answer["frames"] / answer["seconds"])

    def tasks(self) -> list[Task]:
        made = []
        for count in SESSIONS:
            if not gpu()[0] and count > 2 * cores():
                break
            case = f"1080p h264 gop30 rgb24, {count} sessions"
            for subject in self.servers:
                sample = partial(self.sample, subject, count)
                kind = (subject, count)
                made.append(Task(case, subject, kind, self.frames, sample))
        return made

    def close(self) -> None:
        for server in self.servers.values():
            server.close()


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--ceiling", type=Path, default=ROOT / "build" / "ceiling")
    parser.add_argument(
        "--budget", type=float, default=50, help="seconds for all of it"
    )
    return parser.parse_args()


def main() -> int:
    start = monotonic()
    options = parse_options()
    results = Results("scaling")
    decoders = Decoders(options)
    try:
        tasks = decoders.tasks()
        for subject in decoders.servers:  # later samples find sessions and buffers
            decoders.sample(subject, tasks[-1].kind[1])
        turns = Turns(start + options.budget, MOST, results.leave_out)
        for task in turns.take(tasks):
            note = decoders.notes.get(task.kind, "")
            results.add(task.case, task.subject, "fps", task.samples, note=note)
    finally:
        decoders.close()
    return results.finish(options.out)


if __name__ == "__main__":
    raise SystemExit(main())
