"""Frames in which damage was concealed: kept, left out, or an error."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Clips

import gvdecode

Open = Callable[..., gvdecode.VideoDecoder]


@pytest.fixture(params=["h264.mp4", "h264_intra.mp4", "mpeg2.ts"])
def damaged(
    request: pytest.FixtureRequest, clips: Clips, device: str, tmp_path: Path
) -> Open:
    """Opens a clip whose middle third has broken bytes."""
    data = bytearray(clips.path(request.param).read_bytes())
    for at in range(len(data) // 3, len(data) * 2 // 3, 999):
        data[at] ^= 0xFF
    path = tmp_path / request.param
    path.write_bytes(data)

    def opener(**options: object) -> gvdecode.VideoDecoder:
        options = {"device": device, "fallback": "silent"} | options
        return gvdecode.VideoDecoder(path, **options)

    return opener


def sound_frames(damaged: Open, **options: object) -> list[int]:
    with damaged(on_corrupt="skip", **options) as video:
        return [frame.number for frame in video if frame.number is not None]


def first_corrupt(damaged: Open, **options: object) -> int:
    sound = sound_frames(damaged, **options)
    return next(at for at, number in enumerate(sound) if at != number)


@pytest.mark.parametrize("pixels", ["rgb24", "native"])
def test_corrupt_frames_are_kept_and_marked(damaged: Open, pixels: str) -> None:
    sound = sound_frames(damaged, pixel_format=pixels)
    with damaged(pixel_format=pixels) as video:
        batches = [*video.batches(7)]
        numbers = [number for batch in batches for number in batch.number]
        assert numbers == [*range(len(numbers))]
        marks = [mark for batch in batches for mark in batch.corrupt]
        assert any(marks)
        assert not any(marks[number] for number in sound)
        assert video.stats.corrupt_frames == sum(marks)


@pytest.mark.parametrize("pixels", ["rgb24", "native"])
def test_skipped_frames_leave_the_numbers_of_the_others(
    damaged: Open, pixels: str
) -> None:
    sound = sound_frames(damaged, pixel_format=pixels)
    with damaged(pixel_format=pixels) as video:
        count = sum(1 for _ in video)
    assert 0 < len(sound) < count
    with damaged(pixel_format=pixels, on_corrupt="skip") as video:
        batches = [*video.batches(7)]
        assert [number for batch in batches for number in batch.number] == sound
        assert all(len(batch) == 7 for batch in batches[:-1])
        assert not any(mark for batch in batches for mark in batch.corrupt)
        assert video.stats.frames == count
        assert video.stats.corrupt_frames == count - len(sound)


@pytest.mark.parametrize("pixels", ["rgb24", "native"])
def test_the_first_corrupt_frame_is_an_error_in_its_place(
    damaged: Open, pixels: str
) -> None:
    first = first_corrupt(damaged, pixel_format=pixels)
    came: list[int | None] = []
    with damaged(pixel_format=pixels, on_corrupt="raise") as video:
        run = video.batches(4)
        while len(came) < first:
            came += next(run).number
        with pytest.raises(gvdecode.DecodeError) as caught:
            next(run)
        assert came == [*range(first)]
        text = str(caught.value)
        assert text.startswith(f"{video._name}: frame {first} at ")
        assert '"keep"' in text and '"skip"' in text


@pytest.mark.parametrize("policy", ["skip", "raise"])
def test_a_corrupt_frame_by_number_is_an_error(damaged: Open, policy: str) -> None:
    bad = first_corrupt(damaged)
    with damaged(on_corrupt=policy) as video:
        for ask in (
            lambda: video[bad],
            lambda: video.get_frames_at([0, bad, bad - 1]),
            lambda: video[bad - 1 : bad + 1],
        ):
            with pytest.raises(gvdecode.DecodeError, match=f"frame {bad} at "):
                ask()
        assert video.get_frames_at([bad - 1, 0]).number == [bad - 1, 0]


@pytest.mark.parametrize("policy", ["skip", "raise"])
def test_walking_up_to_a_corrupt_frame_is_no_error(damaged: Open, policy: str) -> None:
    # The frames that come next are decoded beside the one that is asked for.
    bad = first_corrupt(damaged)
    with damaged(on_corrupt=policy) as video:
        for number in range(bad - 4, bad):
            assert video[number].number == number


def test_on_corrupt_is_one_of_three_words(clips: Clips) -> None:
    with pytest.raises(ValueError, match='"keep", "skip", "raise"'):
        gvdecode.VideoDecoder(clips.path("h264.mp4"), on_corrupt="drop")


# --- what is missing altogether ---

COFFEE = Path(__file__).parents[1] / "examples" / "media" / "04_coffee.mp4"


@pytest.mark.parametrize("part", [0.3, 0.55, 0.8])
def test_a_file_that_was_cut_off_ends_with_an_error(device: str, part: float) -> None:
    data = COFFEE.read_bytes()
    data = data[: int(len(data) * part)]
    with gvdecode.VideoDecoder(data, device=device, fallback="silent") as video:
        count = sum(len(batch) for batch in video.batches(7))
        assert 0 < count < (video.metadata.num_frames_from_header or 0)
        assert len(video) == count
    options = {"device": device, "fallback": "silent", "on_corrupt": "raise"}
    with gvdecode.VideoDecoder(data, **options) as video:
        run = video.batches(7)
        came = [len(next(run)) for _ in range(-(-count // 7))]
        with pytest.raises(gvdecode.DecodeError, match=r"early, after \d+ packets"):
            next(run)
        assert sum(came) == count
        assert video[count - 1].number == count - 1  # which is there
    many = gvdecode.decode_many([data, COFFEE], 500, on_error="skip", **options)
    assert [(item.index, len(item.batch)) for item in many][-1] == (1, 287)
    assert many.skipped == 1


def without_a_packet(data: bytes, number: int, kept: int = 0) -> bytes:
    """An MP4 of H.264 pictures of one slice each, one of them zeros but for a start."""
    made, at = bytearray(data), data.index(b"mdat") + 4
    while True:
        length = int.from_bytes(made[at : at + 4], "big")
        number -= made[at + 4] & 31 in (1, 5)
        if number < 0:
            made[at + kept : at + 4 + length] = bytes(4 + length - kept)
            return bytes(made)
        at += 4 + length


# A picture whose length is lost too does not count as one.
@pytest.mark.parametrize(("kept", "count"), [(5, 60), (0, 59)])
def test_frames_behind_a_lost_one_have_the_numbers_to_ask_for(
    clips: Clips, device: str, kept: int, count: int
) -> None:
    data = without_a_packet(clips.path("h264_intra.mp4").read_bytes(), 30, kept)
    with gvdecode.VideoDecoder(data, device=device, fallback="silent") as video:
        frames = [*video]
        numbers = [frame.number for frame in frames]
        assert numbers == [n for n in range(count) if count == 59 or n != 30]
        assert len(video) == count
        for frame in (frames[0], frames[29], frames[30], frames[-1]):
            same = video[frame.number]
            assert same.pts == frame.pts
            np.testing.assert_array_equal(same.numpy(), frame.numpy())
        if count == 60:
            with pytest.raises(gvdecode.DecodeError, match="frame 30 "):
                video.get_frame_at(30)


@pytest.mark.parametrize("number", [0, 30, 59])
def test_a_packet_that_gives_no_frame_is_counted_and_an_error(
    clips: Clips, device: str, number: int
) -> None:
    data = without_a_packet(clips.path("h264_intra.mp4").read_bytes(), number)
    options = {"device": device, "fallback": "silent"}
    with gvdecode.VideoDecoder(data, **options) as video:
        assert sum(len(batch) for batch in video.batches(7)) == 59
        assert (video.stats.lost_packets, video.stats.corrupt_frames) == (1, 0)
    with gvdecode.VideoDecoder(data, on_corrupt="raise", **options) as video:
        run = video.batches(59)
        assert len(next(run)) == 59
        with pytest.raises(gvdecode.DecodeError, match="1 of its 60 packets are dam"):
            next(run)
