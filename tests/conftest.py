"""Clips and devices for all tests."""

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import clips as maker
import numpy as np
import pytest

import gvdecode
from gvdecode import _core

MEDIA = Path(__file__).resolve().parents[2] / "shared" / "media"


# Sizes, codecs and depths of many kinds.
MIXED = [
    "h264.mp4",
    "hevc.mp4",
    "vp9.webm",
    "h264_10bit.mp4",
    "vp9_odd.webm",
    "h264_one_gop.mp4",
    "mpeg4.avi",
    "hevc_10bit.mp4",
]


def pytest_configure(config: pytest.Config) -> None:
    # Warnings are errors here; torch's own are not this project's.
    config.addinivalue_line("filterwarnings", "ignore:.*:DeprecationWarning:torch")


class Clips:
    """Made when first asked for, or read from GVDECODE_CLIPS."""

    def __init__(self, folder: Path, may_make: bool) -> None:
        self.folder = folder
        self.may_make = may_make

    def path(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            if not self.may_make:
                pytest.skip(f"GVDECODE_CLIPS has no {name}")
            if shutil.which("ffmpeg") is None:
                pytest.skip("there is no ffmpeg here and GVDECODE_CLIPS is not set")
            maker.make_clip(self.folder, name)
        return path

    def reference(self, name: str) -> tuple[list[str], list[float]]:
        """FFmpeg's MD5s and times, a frame each."""
        text = self.path(name).with_name(f"{name}.md5").read_text()
        pairs = [line.split() for line in text.splitlines()]
        return [md5 for md5, _ in pairs], [float(pts) for _, pts in pairs]


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    made = os.environ.get("GVDECODE_CLIPS")
    if made:
        return Clips(Path(made), may_make=False)
    return Clips(tmp_path_factory.mktemp("clips"), may_make=True)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    if request.param == "cuda":
        count, reason = _core.cuda_device_count()
        if not count:
            pytest.skip(f"no GPU: {reason}")
    return str(request.param)


Opener = Callable[..., gvdecode.VideoDecoder]


@pytest.fixture
def opened(clips: Clips, device: str) -> Iterator[Opener]:
    """Opens a clip on the device; a fallback to the CPU is all right."""
    videos = []

    def open_clip(name: str, **options: object) -> gvdecode.VideoDecoder:
        options = {"device": device, "fallback": "silent"} | options
        videos.append(gvdecode.VideoDecoder(clips.path(name), **options))
        return videos[-1]

    yield open_clip
    for video in videos:
        video.close()


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """A pipe in the file system that a thread fills with a file's bytes."""
    threads = []

    def feed(source: Path) -> Path:
        path = tmp_path / f"pipe{source.suffix}"
        os.mkfifo(path)

        def write() -> None:
            try:
                path.write_bytes(source.read_bytes())
            except BrokenPipeError:
                pass  # the reader had enough

        threads.append(threading.Thread(target=write))
        threads[-1].start()
        return path

    yield feed
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive(), "nobody opened the pipe"


def frame_md5(frame: gvdecode.Frame) -> str:
    """As ffmpeg's framemd5 counts: the planes' rows without padding."""
    digest = hashlib.md5()
    for plane in frame.planes:
        digest.update(np.ascontiguousarray(plane.numpy()))
    return digest.hexdigest()


def close_while_another_thread_reads(video: gvdecode.VideoDecoder) -> None:
    """Closes a video whose source stalls: the reading ends at once, and says so."""
    errors: list[BaseException] = []

    def read_on() -> None:
        try:
            for _ in video.batches(16):
                pass
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=read_on)
    thread.start()
    time.sleep(0.5)
    start = time.monotonic()
    video.close()
    thread.join(5)
    assert time.monotonic() - start < 1
    assert [type(error) for error in errors] == [gvdecode.ClosedError]


def digest(path: Path, device: str) -> str:
    """Of every pixel of a file, and the order of its frames."""
    total = hashlib.md5()
    with gvdecode.VideoDecoder(path, device=device, fallback="silent") as video:
        for batch in video.batches(7):
            total.update(batch.numpy())
    return total.hexdigest()


def count_tasks() -> int:
    return len(os.listdir("/proc/self/task"))
