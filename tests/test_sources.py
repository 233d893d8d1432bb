"""Sources that are no paths: bytes in memory, and objects that read."""

import contextlib
import io
import os
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Clips, Opener, close_while_another_thread_reads

import gvdecode

CLIPS = ["h264.mp4", "hevc_open.mp4", "h264.ts", "vp9.webm", "mpeg4.avi", "h264.h264"]


class Reads:
    """No more than read(), and seek() where it can."""

    def __init__(self, data: bytes, most: int = 1 << 30) -> None:
        self.file = io.BytesIO(data)
        self.most = most
        self.calls = 0

    def read(self, size: int) -> bytes:
        self.calls += 1
        return self.file.read(min(size, self.most))


class Seeks(Reads):
    def seek(self, offset: int, whence: int = 0) -> None:  # and tells by tell()
        self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()


def mapped(data: bytes) -> object:
    import mmap

    memory = mmap.mmap(-1, len(data))
    memory.write(data)
    return memory


MEMORIES: list[Callable[[bytes], object]] = [
    bytes,
    bytearray,
    memoryview,
    lambda data: np.frombuffer(data, dtype=np.uint8),
    lambda data: array("B", data),
    mapped,
]
OBJECTS: list[Callable[[bytes], object]] = [
    io.BytesIO,
    lambda data: io.BufferedReader(io.BytesIO(data)),
    Seeks,
    lambda data: Seeks(data, 777),
]


def read(source: object, device: str = "cpu", **options: object) -> np.ndarray:
    with gvdecode.VideoDecoder(
        source, device=device, fallback="silent", **options
    ) as video:
        return np.concatenate([batch.numpy() for batch in video.batches(7)])


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("make", MEMORIES + OBJECTS)
def test_a_source_gives_what_the_file_has(
    clips: Clips, device: str, name: str, make: Callable[[bytes], object]
) -> None:
    path = clips.path(name)
    source = make(path.read_bytes())
    assert np.array_equal(read(source, device), read(path, device))


@pytest.mark.parametrize("make", MEMORIES + OBJECTS)
def test_frames_by_number_of_a_source(
    clips: Clips, device: str, make: Callable[[bytes], object]
) -> None:
    path = clips.path("h264_open.mp4")
    with gvdecode.VideoDecoder(path, device=device) as video:
        numbers = [len(video) - 1, 3, 3, 20]
        want = video.get_frames_at(numbers).numpy()
    source = make(path.read_bytes())
    with gvdecode.VideoDecoder(source, device=device) as video:
        assert np.array_equal(video.get_frames_at(numbers).numpy(), want)
        again = np.concatenate([batch.numpy() for batch in video.batches(9)])
        assert np.array_equal(again[numbers], want)
        assert video.metadata.num_frames == len(video)


def test_a_torch_tensor_is_a_source(clips: Clips) -> None:
    torch = pytest.importorskip("torch")
    path = clips.path("h264.mp4")
    tensor = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
    assert np.array_equal(read(tensor), read(path))


def test_a_file_that_is_open(clips: Clips) -> None:
    path = clips.path("h264.mp4")
    with open(path, "rb") as file:
        file.read(100)
        video = gvdecode.VideoDecoder(file, device="cpu")
        assert str(path) in repr(video)
        assert np.array_equal(read(file), read(path))


def test_without_seek_it_is_read_once(clips: Clips) -> None:
    path = clips.path("h264.ts")
    with gvdecode.VideoDecoder(Reads(path.read_bytes()), device="cpu") as video:
        with pytest.raises(gvdecode.UnsupportedError, match=r"without seek\(\)"):
            len(video)
        got = np.concatenate([batch.numpy() for batch in video.batches(7)])
        assert np.array_equal(got, read(path))
        with pytest.raises(gvdecode.UnsupportedError, match="only once"):
            video.batches(7)


def test_an_unseekable_file_is_not_sought(clips: Clips) -> None:
    path = clips.path("h264.ts")
    ours, theirs = os.pipe()
    data = path.read_bytes()
    writer = threading.Thread(target=lambda: write_all(theirs, data))
    writer.start()
    with open(ours, "rb") as file:
        got = read(file)
    writer.join()
    assert np.array_equal(got, read(path))


def write_all(handle: int, data: bytes) -> None:
    with open(handle, "wb") as file:
        file.write(data)


def test_an_index_of_a_file_is_that_of_its_bytes(clips: Clips, tmp_path: Path) -> None:
    path = clips.path("h264.mp4")
    saved = tmp_path / "index.npz"
    video = gvdecode.VideoDecoder(path, device="cpu")
    video.index.save(saved)
    again = gvdecode.VideoDecoder(path.read_bytes(), device="cpu", index=saved)
    assert len(again) == len(video)
    other = clips.path("hevc_open.mp4").read_bytes()
    with pytest.raises(ValueError, match="another video"):
        gvdecode.VideoDecoder(other, device="cpu", index=saved)


# --- what is wrong ---


@pytest.mark.parametrize("source", [123, io.StringIO("film"), None, 1.5, object()])
def test_what_is_no_source_is_a_type_error(source: object) -> None:
    with pytest.raises(TypeError, match="source must be a path or URL"):
        gvdecode.VideoDecoder(source)


def test_a_file_of_text_is_a_type_error(tmp_path: Path) -> None:
    path = tmp_path / "film.txt"
    path.write_text("film")
    with open(path) as file, pytest.raises(TypeError, match="binary mode"):
        gvdecode.VideoDecoder(file)


@pytest.mark.parametrize(
    "array", [np.zeros(8, np.int16), np.zeros((4, 4), np.uint8)[:, ::2]]
)
def test_an_array_must_be_bytes_in_one_piece(array: np.ndarray) -> None:
    with pytest.raises(TypeError, match="contiguous bytes"):
        gvdecode.VideoDecoder(array)


@pytest.mark.parametrize("source", [b"no video", bytes(9999), io.BytesIO(b"none")])
def test_bytes_that_are_no_video(source: object) -> None:
    with pytest.raises(gvdecode.OpenError, match="no video"):
        gvdecode.VideoDecoder(source)


def test_what_is_empty_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    for source in (path, b"", io.BytesIO()):
        with pytest.raises(gvdecode.OpenError, match=": it is empty"):
            gvdecode.VideoDecoder(source)


def test_a_path_in_bytes_is_no_content(clips: Clips) -> None:
    path = clips.path("h264.mp4")
    with pytest.raises(TypeError, match=r"names the file .*h264\.mp4: pass it"):
        gvdecode.VideoDecoder(os.fsencode(path))


class Faulty(Seeks):
    """Does `fault` from the call of that number on."""

    def __init__(self, data: bytes, call: int, fault: Callable[[int], bytes]) -> None:
        super().__init__(data, 1000)
        self.call, self.fault = call, fault

    def read(self, size: int) -> bytes:
        data = super().read(size)
        return self.fault(size) if self.calls > self.call else data


def fail(_: int) -> bytes:
    raise KeyError("the reader's own")


@pytest.mark.parametrize("call", [0, 30])
def test_an_exception_of_read_comes_out_as_it_is(clips: Clips, call: int) -> None:
    source = Faulty(clips.path("h264.ts").read_bytes(), call, fail)
    with pytest.raises(KeyError, match="the reader's own") as caught:
        read(source)
    assert "fail" in [entry.name for entry in caught.traceback]
    calls = source.calls
    time.sleep(0.1)
    assert source.calls == calls


class OutOfPaperError(Exception):
    """Of the caller's own."""


class Breaks(Seeks):
    """Raises on the call of this number from now on."""

    left = 1 << 30

    def read(self, size: int) -> bytes:
        self.left -= 1
        if self.left == 0:
            raise OutOfPaperError
        return super().read(size)


def test_an_exception_within_a_packet_of_a_request_comes_out(clips: Clips) -> None:
    source = Breaks(clips.path("h264_open.mp4").read_bytes(), 777)
    with gvdecode.VideoDecoder(source, device="cpu") as video:
        wanted = read(clips.path("h264_open.mp4"))[: len(video)]
        for left in range(1, 25):
            source.left = left
            number = left * 29 % len(video)
            with contextlib.suppress(OutOfPaperError):
                np.testing.assert_array_equal(video[number].numpy(), wanted[number])


@pytest.mark.parametrize("call", [0, 30])
@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        (lambda size: bytes(size + 1), ValueError, "too many"),
        (lambda _: "text", TypeError, "must return bytes, got str"),
        (lambda _: None, TypeError, "must return bytes, got NoneType"),
    ],
)
def test_read_must_give_bytes(
    clips: Clips,
    call: int,
    fault: Callable[[int], bytes],
    error: type[Exception],
    text: str,
) -> None:
    source = Faulty(clips.path("h264.ts").read_bytes(), call, fault)
    with pytest.raises(error, match=text):
        read(source)


def test_read_that_waits_holds_up_nobody(clips: Clips) -> None:
    """Other threads run, and close() and timeout= do not wait for it either."""
    over = threading.Event()

    def wait(_: int) -> bytes:
        over.wait(30)
        return b""

    data = clips.path("h264.ts").read_bytes()
    try:
        start = time.monotonic()
        with pytest.raises(gvdecode.TimeoutError, match="<Faulty>"):
            gvdecode.VideoDecoder(Faulty(data, 0, wait), timeout=0.3)
        with pytest.raises(gvdecode.TimeoutError, match=r"0\.3 seconds"):
            read(Faulty(data * 20, 300, wait), timeout=0.3)
        assert time.monotonic() - start < 3
        video = gvdecode.VideoDecoder(Faulty(data * 20, 300, wait), device="cpu")
        close_while_another_thread_reads(video)
    finally:
        over.set()


# --- limits, and files that grow ---


class Slow(Seeks):
    """Every read takes a while and gives little."""

    def read(self, size: int) -> bytes:
        time.sleep(0.02)
        return super().read(min(size, 4096))


def test_an_index_that_takes_long_to_find(clips: Clips) -> None:
    video = gvdecode.VideoDecoder(
        Slow(clips.path("h264.ts").read_bytes()), device="cpu"
    )
    assert len(video) == 60
    assert video[-1].number == 59


LEAVES = """
import gc, gvdecode, signal, sys, time, weakref

class Slow:
    def __init__(self):
        self.file = open(sys.argv[1], "rb")
    def read(self, size):
        time.sleep(0.1)
        return self.file.read(size)
    def seek(self, *place):
        return self.file.seek(*place)

def late(*_):
    time.sleep(1.5)  # what it interrupts is done meanwhile
    raise KeyboardInterrupt

source = Slow()
alive = weakref.ref(source)
signal.signal(signal.SIGALRM, late)
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    gvdecode.VideoDecoder(source, device="cpu")
except KeyboardInterrupt:
    del source
end = time.monotonic() + 5
while alive() and time.monotonic() < end:
    gc.collect()
    time.sleep(0.01)
assert not alive()
"""


def test_an_open_that_ends_while_it_is_left_is_let_go_of(clips: Clips) -> None:
    command = [sys.executable, "-c", LEAVES, str(clips.path("h264.mp4"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_bad_timeout_is_a_value_error(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout must be"):
        gvdecode.VideoDecoder("film.mp4", timeout=timeout)
    with pytest.raises(TypeError, match="timeout must be"):
        gvdecode.VideoDecoder("film.mp4", timeout="1")


def test_pictures_larger_than_max_pixels(clips: Clips) -> None:
    path = clips.path("h264.mp4")
    size = gvdecode.VideoDecoder(path, device="cpu").metadata
    pixels = size.width * size.height
    read(path, max_pixels=pixels)
    with pytest.raises(gvdecode.UnsupportedError, match=r"h264\.mp4.*max_pixels"):
        gvdecode.VideoDecoder(path, max_pixels=pixels - 1)


def test_file_urls(clips: Clips, tmp_path: Path) -> None:
    path = tmp_path / "a film%.mp4"
    path.write_bytes(clips.path("h264.mp4").read_bytes())
    for host in ("", "localhost"):
        url = f"file://{host}{path}".replace("%", "%25").replace(" ", "%20")
        assert np.array_equal(read(url), read(path))
    with pytest.raises(ValueError, match="this machine"):
        gvdecode.VideoDecoder("file://elsewhere/film.mp4")


def test_a_stream_that_is_joined_between_key_frames(opened: Opener) -> None:
    """Probing ends before anything tells the size. A second one was a crash."""
    video = opened("joined.ts", latency="low", size=(48, 64))
    assert (video.metadata.codec, video.metadata.width) == ("h264", 0)
    frames = list(video.batches(1))
    assert frames[0].shape == (1, 3, 48, 64)
    want = opened("joined.ts", size=(48, 64))
    for low, normal in zip(frames, want.batches(1), strict=True):
        assert low.numpy().tobytes() == normal.numpy().tobytes()
    assert len(frames) == 20


class SeeksOddly(Seeks):
    """seek(0, 2) gives `answer`."""

    def __init__(self, data: bytes, answer: object) -> None:
        super().__init__(data, 1 << 20)
        self.answer = answer

    def seek(self, offset: int, whence: int = 0) -> Any:
        found = super().seek(offset, whence)
        return self.answer if whence == 2 else found


@pytest.mark.parametrize("answer", [-1, -2, -5, -(2**63)])
def test_a_size_below_nothing_is_a_value_error(clips: Clips, answer: int) -> None:
    source = SeeksOddly(clips.path("h264.ts").read_bytes(), answer)
    with pytest.raises(ValueError, match=f"ends at {answer}"):
        gvdecode.VideoDecoder(source, device="cpu")


def test_a_size_may_be_a_numpy_integer(clips: Clips) -> None:
    data = clips.path("h264.mp4").read_bytes()
    source = SeeksOddly(data, np.int64(len(data)))
    assert len(gvdecode.VideoDecoder(source, device="cpu")) == 60


@pytest.mark.parametrize("call", [0, 30])
def test_stop_iteration_of_a_source_is_no_end(clips: Clips, call: int) -> None:
    def stop(_: int) -> bytes:
        raise StopIteration

    source = Faulty(clips.path("h264.ts").read_bytes(), call, stop)
    with pytest.raises(RuntimeError, match="the source raised StopIteration"):
        read(source)
