"""How far other libraries' RGB is from ours: every row of `colour`.

    python bench_colour.py CLIP... [--frames 30]

On the CPU, the first frames of each clip, untouched: against the ffmpeg tool with
its most exact scaler flags, and against torchcodec where it is installed. Levels
of 255; ours less theirs, so that a positive mean says that theirs is darker.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
from results import DEFAULT_OUT, Results

import gvdecode

FLAGS = "accurate_rnd+full_chroma_int+bitexact"


def by_ffmpeg(path: Path, frames: int, shape: tuple[int, ...]) -> Iterator[Any]:
    """The frames as ffmpeg's scaler makes them, (H, W, 3)."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path)]
    command += ["-frames:v", str(frames), "-vf", f"scale=flags={FLAGS}"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    yield from numpy.frombuffer(done.stdout, numpy.uint8).reshape(-1, *shape)


def by_torchcodec(path: Path, frames: int, shape: tuple[int, ...]) -> Iterator[Any]:
    from torchcodec.decoders import VideoDecoder

    video = VideoDecoder(str(path), dimension_order="NHWC")
    for number in range(frames):
        yield video[number].numpy()


SUBJECTS = {"ffmpeg scale": by_ffmpeg, "torchcodec cpu": by_torchcodec}


def why_not(subject: str) -> str:
    if subject == "ffmpeg scale":
        return "" if shutil.which("ffmpeg") else "there is no ffmpeg"
    found = importlib.util.find_spec("torchcodec")
    return "" if found else "torchcodec is not installed"


def compare(results: Results, path: Path, frames: int) -> None:
    with gvdecode.VideoDecoder(
        path, device="cpu", dimension_order="NHWC", apply_rotation=False
    ) as video:
        frames = min(frames, len(video))
        ours = video[:frames].numpy()
        matrix = video.metadata.color_space or "untagged"
    case = f"rgb of {path.name}"
    for subject, decode in SUBJECTS.items():
        reason = why_not(subject)
        if reason:
            results.leave_out(case, f"{subject} ({reason})")
            continue
        means, most = [], []
        for mine, theirs in zip(
            ours, decode(path, frames, ours.shape[1:]), strict=True
        ):
            away = mine.astype(numpy.int16) - theirs
            means.append(float(away.mean()))
            most.append(float(numpy.abs(away).max()))
        note = f"{frames} frames, {matrix}"
        results.add(case, subject, "mean levels", means, note=note)
        results.add(case, subject, "max levels", most, note=note)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, default=30, help="of each clip")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    options = parser.parse_args()
    results = Results("colour")
    for path in options.clips:
        compare(results, path, options.frames)
    return results.finish(options.out)


if __name__ == "__main__":
    raise SystemExit(main())
