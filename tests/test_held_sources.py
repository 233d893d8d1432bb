"""Bytes and objects of the caller's: held while a decoder may read them, not longer."""

import gc
import io
import sys
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Clips

import gvdecode


class File(io.BytesIO):
    """A file that can have attributes."""


def read(source: object) -> int:
    with gvdecode.VideoDecoder(source, device="cpu") as video:
        return sum(len(batch) for batch in video.batches(7))


def comes_true(condition: Callable[[], bool]) -> bool:
    """Some of it is let go of on other threads."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
    return condition()


def is_free(data: bytearray) -> bool:
    try:
        data.extend(b"more")
    except BufferError:
        return False
    return True


def test_bytes_are_not_copied_and_kept(clips: Clips) -> None:
    data = bytearray(clips.path("h264.mp4").read_bytes())
    video = gvdecode.VideoDecoder(data, device="cpu")
    assert not is_free(data)
    batches = video.batches(4)
    first = next(batches)
    del batches, video, first
    assert comes_true(lambda: is_free(data))


def test_references_are_as_many_as_before(clips: Clips) -> None:
    data = clips.path("h264.mp4").read_bytes()
    before = sys.getrefcount(data)
    for _ in range(20):
        read(data)
    gc.collect()
    assert sys.getrefcount(data) <= before + 1


def test_an_object_is_let_go_of(clips: Clips) -> None:
    source = File(clips.path("h264.mp4").read_bytes())
    alive = weakref.ref(source)
    assert read(source) == 60
    del source
    assert comes_true(lambda: alive() is None)


# CPython up to 3.12 crashes where the memoryview of such bytes is cleared first.
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_in_a_cycle_with_what_reads_them(
    clips: Clips, kind: Callable[[bytes], object]
) -> None:
    data = clips.path("h264.mp4").read_bytes()
    for _ in range(20):
        video = gvdecode.VideoDecoder(kind(data), device="cpu")
        cycle: list[Any] = [video.batches(3)]
        cycle.append(cycle)
        next(cycle[0])
        del cycle, video
        gc.collect()


@pytest.mark.parametrize("use", [str, len, iter, lambda video: next(video.batches(4))])
def test_an_object_that_holds_its_own_decoder_is_let_go_of(
    clips: Clips, use: Callable[[Any], object]
) -> None:
    source = File(clips.path("h264.mp4").read_bytes())
    alive = weakref.ref(source)
    source.video = gvdecode.VideoDecoder(source, device="cpu")
    source.used = use(source.video)
    source.half_way = source.video.batches(4)
    next(source.half_way)
    gc.collect()
    assert len(next(source.half_way)) == 4  # which is alive
    del source
    assert comes_true(lambda: alive() is None)
