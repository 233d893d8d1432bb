"""One file to what a model takes: the row of `end-to-end`.

    python bench_end_to_end.py --clips DIR

1080p H.264 to normalised float16 batches of 32 pictures of 224x224, NCHW on the
GPU, in turns with the raw ceiling of bench_sequential.py, which converts nothing.
Before a time counts, the first 320 pictures are compared with those that the CPU
makes, and every run must give every frame.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import mp4
from bench_sequential import Bench, Case, Run
from results import CEILING, DEFAULT_OUT, ROOT, Results
from server import Answer, Server, serve
from subjects import BATCH, gvdecode_cuda

SUBJECT = "gvdecode cuda"
CLIP, STREAM, LOOPS = "h264_gop30_long", "h264_gop30", 4
NAME = "1080p h264 to 224x224 fp16"
GATED = 10  # batches
OUTPUT: dict[str, Any] = {
    "size": (224, 224),
    "dtype": "float16",
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}


# --- the subject, in a process of its own ---


def opened(path: str, device: str) -> Any:
    import gvdecode

    return gvdecode.VideoDecoder(path, device=device, fallback="error", **OUTPUT)


def gate(path: str) -> Answer:
    """Raises ValueError unless both devices make the same pictures."""
    import torch

    frames = 0
    with ExitStack() as stack:
        videos = [stack.enter_context(opened(path, name)) for name in ("cpu", "cuda")]
        pairs = zip(*(video.batches(BATCH) for video in videos), strict=True)
        for host, device in islice(pairs, GATED):
            ours = torch.from_dlpack(host)
            if not torch.equal(ours, torch.from_dlpack(device).cpu()):
                raise ValueError(f"{path}: cpu and cuda differ behind frame {frames}")
            frames += len(ours)
    if not frames:
        raise ValueError(f"{path}: no frames")
    return {"frames": frames}


def answer(question: dict[str, Any]) -> Answer:
    if question["do"] == "gate":
        return gate(question["path"])
    return gvdecode_cuda(question["path"], question["frames"], **OUTPUT)


# --- the measurement ---


class EndToEnd(Bench):
    def server(self, subject: str) -> Server:
        if subject not in self.servers:
            command = [sys.executable, str(Path(__file__).resolve()), "serve"]
            self.servers[subject] = Server(command)
        return self.servers[subject]


class GatedRun(Run):
    def is_gated_elsewhere(self) -> bool:
        return False  # no other case has these pictures


def measure(bench: Bench) -> None:
    path = bench.clip(CLIP)
    if not path.exists():
        bench.results.leave_out(NAME, f"{path.name} (missing)")
        return
    frames = len(mp4.read_track(path).sizes)
    limit = bench.options.frames
    limit = limit if limit < frames else 0
    name = f"{NAME} {limit} frames" if limit else NAME
    subjects = bench.usable(name, (CEILING, SUBJECT))
    case = Case(name, CLIP, STREAM, LOOPS, (CEILING, SUBJECT))
    if subjects:
        GatedRun(bench, case, name, frames, limit, subjects).run()


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder of clips")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--ceiling", type=Path, default=ROOT / "build" / "ceiling")
    parser.add_argument("--frames", type=int, default=0, help="of the clip; 0: all")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    options.frames = -(-options.frames // BATCH) * BATCH  # whole batches
    options.cpu_repeats, options.only = options.repeats, (CEILING, SUBJECT)
    return options


def main() -> int:
    if sys.argv[1:] == ["serve"]:
        serve(answer)
        return 0
    bench = EndToEnd(parse_options(), Results("end-to-end"))
    try:
        measure(bench)
    finally:
        bench.close()
    return bench.results.finish(bench.options.out)


if __name__ == "__main__":
    raise SystemExit(main())
