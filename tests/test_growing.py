"""Files that are still written to, and pipes whose writer stops."""

import os
import threading
import time
from pathlib import Path

import clips as maker
import pytest
from conftest import Clips
from test_sources import read

import gvdecode


@pytest.mark.parametrize("kind", ["file", "fifo"])
def test_a_file_that_grows_is_followed(clips: Clips, tmp_path: Path, kind: str) -> None:
    data = clips.path("h264.ts").read_bytes() * 6
    path = tmp_path / "film.ts"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.write_bytes(b"")
    stop = threading.Event()

    def write() -> None:
        for at in range(0, len(data), len(data) // 8):
            with open(path, "ab") as file:  # a FIFO's writer comes and goes
                file.write(data[at : at + len(data) // 8])
            if stop.wait(0.05):
                return

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[int] = []
    try:
        with gvdecode.VideoDecoder(path, device="cpu", follow=True, timeout=1) as video:
            with pytest.raises(gvdecode.UnsupportedError, match="follow=True"):
                len(video)
            with pytest.raises(gvdecode.TimeoutError, match=r"film\.ts"):
                seen.extend(map(len, video.batches(4)))
    finally:
        stop.set()
        writer.join()
    path.unlink()
    path.write_bytes(data)
    whole = len(read(path))
    frames = sum(seen)
    # What the last packet is only its successor tells.
    assert whole - 4 <= frames <= whole
    assert frames > whole * 3 / 4


@pytest.mark.parametrize("fate", ["dies", "falls silent", "never comes"])
@pytest.mark.parametrize("share", [0.001, 0.5])
def test_a_fifo_whose_writer_fails(
    clips: Clips, tmp_path: Path, fate: str, share: float
) -> None:
    """It ends in time: with what had come, or with the error."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    data = clips.path("h264.ts").read_bytes()
    over = threading.Event()

    def write() -> None:
        with open(fifo, "wb", buffering=0) as file:
            file.write(data[: int(len(data) * share)])
            if fate == "falls silent":
                over.wait(30)

    writer = threading.Thread(target=write, daemon=True)
    if fate != "never comes":
        writer.start()
    start = time.monotonic()
    if fate == "dies" and share > 0.1:
        assert 0 < len(read(fifo, timeout=1)) < 36
    else:
        error = gvdecode.OpenError if fate == "dies" else gvdecode.TimeoutError
        with pytest.raises(error, match="fifo"):
            read(fifo, timeout=1)
    assert time.monotonic() - start < 2
    over.set()


@pytest.mark.parametrize("kind", ["fragmented.mp4", "film.ts"])
def test_a_file_that_grows_slowly_is_read_to_its_end(
    clips: Clips, tmp_path: Path, kind: str
) -> None:
    """It is there for the most part when it is opened, and grows on afterwards."""
    whole, path = tmp_path / f"whole-{kind}", tmp_path / kind
    flags = ["-movflags", "frag_keyframe+empty_moov"] if "mp4" in kind else []
    maker.ffmpeg("-i", str(clips.path("long.mp4")), "-c", "copy", *flags, str(whole))
    data = whole.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with gvdecode.VideoDecoder(path, device="cpu", follow=True, timeout=1) as video:
        run = video.batches(1)
        sizes = [len(next(run))]
        with path.open("ab") as file:
            file.write(data[len(data) // 2 :])
        with pytest.raises(gvdecode.TimeoutError):
            sizes.extend(map(len, run))
    assert sum(sizes) >= 397  # what the last packets are only a later one tells


@pytest.mark.parametrize("name", ["h264.ts", "mpeg2.ts"])
def test_frames_before_a_stall_have_their_numbers(
    clips: Clips, tmp_path: Path, name: str
) -> None:
    """A pipe falls silent between a frame and those that come before it."""
    data = clips.path(name).read_bytes()
    with gvdecode.VideoDecoder(clips.path(name), device="cpu") as video:
        want = [(frame.number, frame.numpy().tobytes()) for frame in video]
    for share in (0.43, 0.5, 0.57, 0.63):
        fifo = tmp_path / f"{share}-{name}"
        os.mkfifo(fifo)
        writer = os.open(fifo, os.O_RDWR)  # stays
        feeder = threading.Thread(
            target=os.write, args=(writer, data[: int(len(data) * share)])
        )
        feeder.start()
        video = gvdecode.VideoDecoder(fifo, device="cpu", timeout=0.5)
        frames = ((frame.number, frame.numpy().tobytes()) for frame in video)
        got: list[tuple[int, bytes]] = []
        with pytest.raises(gvdecode.TimeoutError):
            got.extend(frames)
        feeder.join()
        os.close(writer)
        assert len(got) > 5
        assert got == want[: len(got)]
