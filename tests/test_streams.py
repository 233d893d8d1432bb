"""Batches on any stream, held for any time, over memory that is used again and
again: no consumer ever sees pixels of another batch.

GVDECODE_BATCHES says how many batches (500).
"""

import os
import random
from collections import deque

import pytest
from conftest import Opener

torch = pytest.importorskip("torch")

BATCHES = int(os.environ.get("GVDECODE_BATCHES", "500"))
BATCH = 4
CYCLES = 4_000_000  # about 2 ms

pytestmark = pytest.mark.gpu


def weighted(pixels: "torch.Tensor", weights: "torch.Tensor") -> "torch.Tensor":
    """A sum that tells pixels of other places apart, exact in int64."""
    return (pixels.to(torch.int64).flatten(1) * weights).sum()


def test_no_batch_is_seen_through_another(opened: Opener, device: str) -> None:
    if device == "cpu":
        pytest.skip("about the GPU's streams")
    if not torch.cuda.is_available():
        pytest.skip("this torch uses no GPU")
    draw = random.Random(7)
    video = opened("h264.mp4")
    size = video[0].data.numel()
    weights = torch.arange(size, device="cuda") % 1009
    expected = [
        int(weighted(torch.from_numpy(batch.numpy()), weights.cpu()))
        for batch in video.batches(BATCH)
    ]
    streams = [torch.cuda.default_stream(), *(torch.cuda.Stream() for _ in range(3))]
    found = torch.zeros(BATCHES, dtype=torch.int64, device="cuda")
    wanted: list[int] = []
    kept: deque[object] = deque(maxlen=6)
    torch.cuda.synchronize()
    while len(wanted) < BATCHES:
        run = video.batches(BATCH)
        for want in expected[: BATCHES - len(wanted)]:
            with torch.cuda.stream(draw.choice(streams)):
                batch = next(run)
            with torch.cuda.stream(draw.choice(streams)):
                pixels = torch.from_dlpack(batch)
                del batch
                # What is freed meanwhile is written to by whoever gets it next.
                torch.empty_like(pixels).fill_(draw.randrange(256))
                torch.cuda._sleep(draw.randrange(CYCLES))
                found[len(wanted)] = weighted(pixels, weights)
            if draw.random() < 0.5:
                kept.append(pixels)
            del pixels
            wanted.append(want)
        run.close()
    torch.cuda.synchronize()
    assert found.tolist() == wanted


def test_more_streams_than_are_told_apart(opened: Opener, device: str) -> None:
    if device == "cpu":
        pytest.skip("about the GPU's streams")
    if not torch.cuda.is_available():
        pytest.skip("this torch uses no GPU")
    video = opened("h264.mp4", dtype="float32")
    batch = video.get_frames_at([3, 40])
    expected = torch.from_dlpack(batch).cpu()
    for stream in [torch.cuda.Stream() for _ in range(32)]:
        with torch.cuda.stream(stream):
            for one in (batch, video.get_frames_at([3, 40])):
                assert torch.equal(torch.from_dlpack(one).cpu(), expected)
