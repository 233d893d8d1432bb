"""`python -m gvdecode`: what is there, and what to do about what is not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Clips

import gvdecode
from gvdecode import _core, cli


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gvdecode", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_info_names_versions_ffmpeg_and_driver() -> None:
    done = run("info")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"gvdecode     {gvdecode.__version__}" in done.stdout
    assert _core.libav_version() in done.stdout
    assert "libavcodec" in done.stdout  # where it lies
    assert "driver" in done.stdout


def test_info_says_what_to_do_without_a_gpu() -> None:
    if _core.cuda_device_count()[0]:
        pytest.skip("there is a GPU")
    told = run("info").stdout
    assert "GPU          none" in told
    assert "driver" in cli.gpu_advice(lambda path: False)
    assert "NVIDIA_DRIVER_CAPABILITIES" in cli.gpu_advice(lambda path: True)


@pytest.mark.parametrize(
    ("into", "words"), [("| :", ""), (">/dev/full", "error: standard output: ")]
)
def test_nobody_takes_what_it_prints(into: str, words: str) -> None:
    done = subprocess.run(
        ["bash", "-c", f'"$0" -m gvdecode info {into}', sys.executable],
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr.startswith(words)
    assert len(done.stderr.splitlines()) == bool(words)


@pytest.mark.gpu
def test_info_lists_codecs_of_the_gpu(device: str) -> None:
    if device == "cpu":
        pytest.skip("about the GPU")
    told = run("info").stdout
    assert "GPU 0" in told
    for codec in ("h264", "hevc", "vp9"):
        assert codec in told


def test_probe_says_what_a_file_holds_and_what_decodes_it(clips: Clips) -> None:
    done = run("probe", str(clips.path("h264.mp4")), "--device", "cpu")
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("h264", "yuv420p", "320x240", "25 fps", "2.4 s", "60", "the CPU"):
        assert words in done.stdout


def test_probe_lists_every_stream(clips: Clips) -> None:
    told = run("probe", str(clips.path("two_videos.mkv")), "--device", "cpu").stdout
    assert "stream 0     mpeg4" in told
    assert "stream 1     h264, yuv420p  (the default)" in told
    assert "stream 2     audio, aac" in told
    assert told.count("decoded by") == 2


def test_probe_of_a_pipe_reads_it_once(clips: Clips) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gvdecode", "probe", "/dev/stdin"],
        input=clips.path("h264.ts").read_bytes(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"320x240" in done.stdout and b"decoded by" in done.stdout


def test_probe_of_a_missing_file_is_exit_1(tmp_path: Path) -> None:
    done = run("probe", str(tmp_path / "film.mp4"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert "film.mp4" in done.stderr


def test_bad_usage_is_exit_2() -> None:
    assert run().returncode == 2
    assert run("play").returncode == 2
    assert run("probe").returncode == 2


def test_version() -> None:
    assert run("--version").stdout.strip() == gvdecode.__version__


def test_bench_measures_a_file(clips: Clips, device: str) -> None:
    path = str(clips.path("h264.mp4"))
    done = run("bench", path, "--device", device, "--seconds", "1")
    assert (done.returncode, done.stderr) == (0, "")
    lines = {line[:20].strip(): line[20:] for line in done.stdout.splitlines()}
    for what in ("decoding alone", "RGB, batches of 32", "30 random frames"):
        fps = float(lines[what].split()[0].replace(",", ""))
        assert fps > 0
    assert float(lines["open, first frame"].split()[0]) < 5000
    assert "index of 60 frames" in lines["30 random frames"]


def test_bench_says_what_it_cannot_measure(clips: Clips, tmp_path: Path) -> None:
    done = run("bench", str(clips.path("packed.avi")), "--seconds", "1")
    assert done.returncode == 0
    assert re.search(r"decoding alone +-  .*native", done.stdout)
    assert run("bench", str(tmp_path / "film.mp4")).returncode == 1
    assert run("bench", "film.mp4", "--seconds", "0").returncode == 1
