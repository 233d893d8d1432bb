"""Progress bars: what they count, of how many, and that tqdm is not required."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Clips, Opener

import gvdecode

pytest.importorskip("tqdm")

Shown = Callable[[], list[tuple[int, int | None]]]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Shown:
    """What the bars have shown since the last call: (done, total), in order."""

    def read() -> list[tuple[int, int | None]]:
        text = capsys.readouterr().err
        pairs = re.findall(r"(\d+)/(\d+) \[|(\d+)(?:frame|source) \[", text)
        return [
            (int(done), int(total)) if total else (int(alone), None)
            for done, total, alone in pairs
        ]

    return read


@pytest.mark.parametrize("name", ["h264.mp4", "vp9.webm"])
def test_batches_count_frames_of_as_many_as_the_header_says(
    opened: Opener, shown: Shown, name: str
) -> None:
    video = opened(name)
    run = video.batches(16, progress=True)
    assert shown() == [(0, 60)]
    assert video._index is None  # nothing was scanned
    assert sum(len(batch) for batch in run) == 60
    assert shown()[-1] == (60, 60)
    assert not list(run) and not shown()


def test_a_header_that_claims_too_much_is_corrected_at_the_end(
    clips: Clips, shown: Shown
) -> None:
    data = clips.path("vp9.webm").read_bytes()
    with gvdecode.VideoDecoder(data[: len(data) // 2], device="cpu") as video:
        count = sum(len(batch) for batch in video.batches(4, progress=True))
    assert 0 < count < 60
    pairs = shown()
    assert pairs[0] == (0, 60) and pairs[-1] == (count, count)


def test_a_pipe_needs_no_total(
    clips: Clips, fifo: Callable[[Path], Path], shown: Shown
) -> None:
    source = fifo(clips.path("h264.ts"))
    with gvdecode.VideoDecoder(source, device="cpu") as video:
        count = sum(len(batch) for batch in video.batches(16, progress=True))
    pairs = shown()
    assert pairs[0] == (0, None) and pairs[-1] == (count, count) == (60, 60)


def test_an_index_is_better_than_the_header(opened: Opener, shown: Shown) -> None:
    video = opened("h264.mp4")
    count = len(video)
    video.batches(16, progress=True).close()
    assert shown()[-1] == (0, count)


def test_sampled_batches_count_what_was_asked_for(opened: Opener, shown: Shown) -> None:
    run = opened("h264.mp4").sample(count=10, batch_size=4, progress=True)
    assert [len(batch) for batch in run] == [4, 4, 2]
    pairs = shown()
    assert pairs[0] == (0, 10) and pairs[-1] == (10, 10)


def test_one_batch_has_no_progress(opened: Opener) -> None:
    with pytest.raises(ValueError, match="progress is for batches"):
        opened("h264.mp4").sample(count=10, progress=True)


@pytest.mark.parametrize("sized", [True, False])
def test_decode_many_counts_sources(clips: Clips, shown: Shown, sized: bool) -> None:
    good = clips.path("h264.mp4")
    paths = [good, good.with_name("missing.mp4"), good]
    run = gvdecode.decode_many(
        paths if sized else iter(paths),
        32,
        device="cpu",
        size=(24, 32),
        on_error="skip",
        progress=True,
    )
    assert [item.index for item in run] == [0, 0, 2, 2]
    assert run.skipped == 1
    assert shown()[-1] == (3, 3 if sized else None)


def test_without_tqdm_the_error_says_what_to_do(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    video = opened("h264.mp4")
    for call in (
        lambda: video.batches(8, progress=True),
        lambda: video.sample(fps=1, batch_size=8, progress=True),
        lambda: gvdecode.decode_many([], 8, progress=True),
    ):
        with pytest.raises(gvdecode.UnsupportedError, match="pip install tqdm"):
            call()
    assert len(next(video.batches(8))) == 8
