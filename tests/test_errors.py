"""Bad input: a typed error that names the file, or frames; never a word on
stderr, a crash or a hang.

Each file is read in a process of its own, whose exit and stderr are seen too.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MEDIA, Clips

SCRIPT = """
import sys, gvdecode
path, device, pixels = sys.argv[1:]
frames = 0
try:
    with gvdecode.VideoDecoder(
        path, device=device, pixel_format=pixels, fallback="silent"
    ) as video:
        for batch in video.batches(8):
            frames += len(batch)
except gvdecode.Error as error:
    names = [c.__name__ for c in type(error).__mro__]
    print("error", "/".join(names), "in the text:", path in str(error))
print("frames", frames)
"""


def read(path: Path, device: str, pixels: str = "rgb24") -> str:
    """What the script prints; it must end well within the time and be silent."""
    environment = os.environ | {"PYTHONDEVMODE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path), device, pixels],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def test_a_missing_file_is_a_file_not_found_error(tmp_path: Path, device: str) -> None:
    told = read(tmp_path / "film.mp4", device)
    assert "OpenError" in told
    assert "FileNotFoundError" in told
    assert "in the text: True" in told


def test_a_missing_file_has_errno_and_filename(tmp_path: Path) -> None:
    import gvdecode

    path = str(tmp_path / "film.mp4")
    with pytest.raises(FileNotFoundError) as caught:
        gvdecode.VideoDecoder(path)
    assert caught.value.errno == 2
    assert caught.value.filename == path
    assert isinstance(caught.value, gvdecode.OpenError)


@pytest.mark.parametrize("kind", ["directory", "empty", "text", "noise", "audio.m4a"])
def test_what_is_no_video_is_an_open_error(
    tmp_path: Path, clips: Clips, kind: str, device: str
) -> None:
    path = tmp_path / "film.mp4"
    if kind == "directory":
        path.mkdir()
    elif kind == "audio.m4a":
        path = clips.path(kind)
    else:
        content = {"empty": b"", "text": b"no video\n" * 99, "noise": os.urandom(9999)}
        path.write_bytes(content[kind])
    told = read(path, device)
    assert "error OpenError" in told
    assert "in the text: True" in told


def test_an_mp4_without_its_index_is_an_open_error(
    tmp_path: Path, clips: Clips, device: str
) -> None:
    # moov is at the end and was not written.
    data = clips.path("h264.mp4").read_bytes()
    path = tmp_path / "film.mp4"
    path.write_bytes(data[: len(data) // 2])
    told = read(path, device)
    assert "error OpenError" in told
    assert "in the text: True" in told


@pytest.mark.parametrize("name", ["h264.ts", "vp9.webm", "mpeg4.avi", "h264_crop.mkv"])
def test_a_file_cut_short_gives_what_it_has(
    tmp_path: Path, clips: Clips, name: str, device: str
) -> None:
    data = clips.path(name).read_bytes()
    path = tmp_path / name
    path.write_bytes(data[: len(data) // 2])
    frames = int(read(path, device).split()[-1])
    assert 15 < frames < 60


@pytest.mark.parametrize("name", ["h264.ts", "h264.h264", "vp8.webm", "hevc_open.mp4"])
@pytest.mark.parametrize("pixels", ["rgb24", "native"])
def test_damage_is_concealed(
    tmp_path: Path, clips: Clips, name: str, pixels: str, device: str
) -> None:
    data = bytearray(clips.path(name).read_bytes())
    for at in range(len(data) // 3, len(data) * 2 // 3, 999):
        data[at] ^= 0xFF
    path = tmp_path / name
    path.write_bytes(data)
    assert int(read(path, device, pixels).split()[-1]) > 15


def test_damage_gives_the_same_number_of_frames_each_time(
    tmp_path: Path, clips: Clips, device: str
) -> None:
    data = bytearray(clips.path("h264.ts").read_bytes())
    for at in range(len(data) // 3, len(data) * 2 // 3, 333):
        data[at] ^= 0xFF
    path = tmp_path / "film.ts"
    path.write_bytes(data)
    assert len({read(path, device) for _ in range(3)}) == 1


def broken_media() -> list[Path]:
    return sorted((MEDIA / "broken").glob("*")) if MEDIA.exists() else []


@pytest.mark.parametrize("path", broken_media(), ids=lambda path: path.name)
@pytest.mark.parametrize("pixels", ["rgb24", "native"])
def test_broken_files_of_other_projects(path: Path, pixels: str, device: str) -> None:
    told = read(path, device, pixels)
    frames = int(told.split()[-1])
    assert frames > 0 or ("error" in told and "in the text: True" in told)


def test_log_lines_of_decoding_name_their_file(tmp_path: Path, clips: Clips) -> None:
    # Each of two decoders that run at once has its own name in its lines.
    script = """
import logging, sys, threading, gvdecode
lines = []
class Keep(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
logging.getLogger("gvdecode").addHandler(Keep())
logging.getLogger("gvdecode").propagate = False
def read(path):
    with gvdecode.VideoDecoder(path, device="cpu", on_corrupt="skip") as video:
        for batch in video.batches(8):
            pass
threads = [threading.Thread(target=read, args=(path,)) for path in sys.argv[1:]]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for path in sys.argv[1:]:
    print(any(line.startswith(path + ": ") for line in lines))
"""
    paths = []
    for name in ("h264.mp4", "h264_intra.mp4"):
        data = bytearray(clips.path(name).read_bytes())
        for at in range(len(data) // 3, len(data) * 2 // 3, 999):
            data[at] ^= 0xFF
        paths.append(tmp_path / name)
        paths[-1].write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\nTrue\n", "")
