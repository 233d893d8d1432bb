"""Frames by number: what is asked for is what sequential reading gives there."""

import io
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MEDIA, Clips, Opener, frame_md5

import gvdecode
from gvdecode.empty import Empty

# --- frames by number ---

CLIPS = [
    "h264.mp4",
    "h264_open.mp4",
    "h264_one_gop.mp4",
    "hevc_open.mp4",
    "vp8.webm",
    "vp9_odd.webm",
    "mpeg4.avi",
    "h264.ts",
    "h264.h264",
    "h264_10bit.mp4",
]


def md5s(frames: object) -> list[str]:
    return [frame_md5(frame) for frame in frames]


@pytest.mark.parametrize("name", CLIPS)
def test_access_in_any_order_is_sequential_reading(opened: Opener, name: str) -> None:
    video = opened(name, pixel_format="native")
    every = md5s(video)
    assert len(video) == len(every) == len(list(video))
    dice = random.Random(name)
    count = len(every)
    requests = [
        [dice.randrange(count) for _ in range(12)],
        sorted(dice.randrange(count) for _ in range(12)),
        list(range(count))[::-1],
        [0],
        [count - 1],
        [5, 5, 5, 4, 5],
    ]
    for request in requests:
        batch = video.get_frames_at(request)
        assert md5s(batch) == [every[k] for k in request]
        assert batch.number == request
    for k in [dice.randrange(-count, count) for _ in range(8)]:
        frame = video[k]
        assert (frame_md5(frame), frame.number) == (every[k], k % count)


@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_rgb_by_number_is_that_of_batches(opened: Opener, order: str) -> None:
    video = opened("h264.mp4", dimension_order=order)
    every = np.concatenate([batch.numpy() for batch in video.batches(16)])
    for request in ([59, 0, 30, 30], range(3, 50, 9), np.array([1, 2, 3])):
        found = video.get_frames_at(request)
        np.testing.assert_array_equal(found.numpy(), every[list(request)])
    for k in (0, 59, -1, 17):
        frame = video.get_frame_at(k)
        assert isinstance(frame, gvdecode.Frame)
        np.testing.assert_array_equal(frame.numpy(), every[k])
    for key in (slice(None), slice(50, None), slice(None, None, -7), slice(-5, 99)):
        np.testing.assert_array_equal(video[key].numpy(), every[key])


def test_repeated_frames_have_memory_of_their_own(opened: Opener) -> None:
    batch = opened("h264.mp4", device="cpu").get_frames_at([7, 7, 7])
    pixels = batch.numpy()
    assert pixels.flags.writeable
    before = pixels[1].copy()
    pixels[0] = 0
    np.testing.assert_array_equal(pixels[1], before)
    np.testing.assert_array_equal(pixels[2], before)


def test_what_is_kept_of_a_walk_cannot_be_overwritten(opened: Opener) -> None:
    video = opened("h264.mp4", device="cpu")
    every = video[:].numpy()
    for k in [*range(20, 40), *range(39, 19, -1)]:
        pixels = video[k].numpy()
        np.testing.assert_array_equal(pixels, every[k])
        pixels[:] = 7


@pytest.mark.parametrize(
    "call",
    [
        lambda video: video[5:5],
        lambda video: video[99:],
        lambda video: video.get_frames_at([]),
        lambda video: video.get_frames_in_range(start=9, stop=3),
    ],
)
def test_an_empty_request_is_an_empty_batch(
    opened: Opener, device: str, call: Callable[[gvdecode.VideoDecoder], object]
) -> None:
    video = opened("h264_crop.mkv")
    batch = call(video)
    assert len(batch) == 0 and list(batch) == []
    assert batch.shape == (0, 3, 182, 322)
    assert (batch.dtype, batch.device) == ("uint8", video.device)
    assert batch.pts_seconds.shape == batch.duration_seconds.shape == (0,)
    assert batch.pts_seconds.dtype == np.float64
    assert batch.numpy().shape == batch.shape
    if device == "cpu":
        assert np.from_dlpack(batch).shape == batch.shape
        assert np.asarray(batch).dtype == np.uint8
    packed = opened("h264_crop.mkv", dimension_order="NHWC")
    assert call(packed).shape == (0, 182, 322, 3)
    native = call(opened("h264_crop.mkv", pixel_format="native"))
    assert len(native) == 0 and list(native) == []


def test_an_empty_batch_on_a_gpu_needs_torch_for_dlpack_only() -> None:
    empty = Empty((0, 3, 2, 4), (2, 1))
    assert empty.__dlpack_device__() == (2, 1)
    assert empty.__cuda_array_interface__["shape"] == (0, 3, 2, 4)
    assert empty.numpy().shape == (0, 3, 2, 4)
    host = empty.__dlpack__(dl_device=(1, 0))
    assert "dltensor" in repr(host)
    with pytest.raises(BufferError, match="torch"):
        empty.__dlpack__(dl_device=(2, 0))


def test_out_of_range_names_the_range(opened: Opener) -> None:
    video = opened("h264.mp4")
    for use in (
        lambda: video[60],
        lambda: video[-61],
        lambda: video.get_frame_at(900),
        lambda: video.get_frames_at([0, 60]),
        lambda: video.get_frames_at(np.array([-61, 2])),
    ):
        with pytest.raises(IndexError, match="60 frames, 0 to 59"):
            use()
    for key in ("0", 2.3, None, [1]):
        with pytest.raises(TypeError):
            video[key]


def test_iteration_starts_at_0_and_survives_access_in_between(opened: Opener) -> None:
    video = opened("h264.mp4", pixel_format="native")
    every = md5s(video)
    video[31]
    found = []
    for k, frame in enumerate(video):
        found.append(frame_md5(frame))
        if k % 20 == 3:
            assert frame_md5(video[-k - 1]) == every[-k - 1]
    assert found == every
    assert [f.number for f in video] in (list(range(60)), [None] * 60)


def test_a_walk_over_all_frames_decodes_few_frames_twice(opened: Opener) -> None:
    video = opened("h264_one_gop.mp4")
    every = video[:].numpy()
    decoded = 0
    for k in range(60):
        np.testing.assert_array_equal(video[k].numpy(), every[k])
        decoded += video.stats.packets
    assert decoded < 5 * 60


def test_only_what_is_needed_is_decoded(opened: Opener) -> None:
    video = opened("h264.mp4")
    video[0]
    assert video.stats.packets < 12
    video.get_frames_at([0, 24])
    assert video.stats.packets <= 24


def test_facts_of_a_frame(opened: Opener) -> None:
    video = opened("h264.mp4", device="cpu")
    frame = video[12]
    assert frame.key_frame and frame.picture_type == "I"
    assert frame.field_order == "progressive"
    assert frame.duration * frame.time_base == pytest.approx(0.04)
    assert frame.pts * frame.time_base == pytest.approx(0.48)
    batch = video[12:16]
    assert batch.picture_type[0] == "I" and "B" in batch.picture_type
    assert batch.field_order == ["progressive"] * 4
    assert batch.number == [12, 13, 14, 15]


def test_key_frames_are_those_that_say_so(opened: Opener) -> None:
    for name in ("h264.mp4", "hevc_open.mp4", "vp9.webm"):
        video = opened(name)
        keys = [k for k, frame in enumerate(video) if frame.key_frame]
        assert video.key_frames.dtype == np.int64
        assert video.key_frames.tolist() == keys


# --- samples ---


def test_a_sample_of_a_count_is_spread_evenly(opened: Opener) -> None:
    video = opened("h264.mp4")
    every = video[:].numpy()
    for count in (1, 2, 7, 60, 100):
        expected = np.linspace(0, 59, count).round().astype(int)
        found = video.sample(count=count)
        np.testing.assert_array_equal(found.numpy(), every[expected])


def test_a_sample_at_a_rate(opened: Opener) -> None:
    video = opened("h264.mp4")
    every = video[:].numpy()
    begins = video.index.pts_seconds
    times = np.arange(0, 99) / 2
    times = times[times < video.metadata.end_stream_seconds]
    expected = np.searchsorted(begins, times, side="right") - 1
    np.testing.assert_array_equal(video.sample(fps=2).numpy(), every[expected])


def test_a_sample_in_batches_is_the_same(opened: Opener) -> None:
    video = opened("h264.mp4")
    whole = video.sample(count=20)
    parts = video.sample(count=20, batch_size=6)
    assert isinstance(parts, gvdecode.Batches)
    parts = list(parts)
    assert [len(part) for part in parts] == [6, 6, 6, 2]
    np.testing.assert_array_equal(
        np.concatenate([part.numpy() for part in parts]), whole.numpy()
    )
    again = [part.number for part in video.sample(fps=25, batch_size=25)]
    assert [number for part in again for number in part] == list(range(60))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, ValueError),
        ({"fps": 2, "count": 3}, ValueError),
        ({"count": 0}, ValueError),
        ({"count": 2.5}, TypeError),
        ({"fps": 0}, ValueError),
        ({"fps": "2"}, TypeError),
        ({"count": 2, "batch_size": 0}, ValueError),
    ],
)
def test_a_bad_sample_is_refused(
    opened: Opener, options: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        opened("h264.mp4").sample(**options)


# --- several threads, closing, pipes ---


def test_requests_of_several_threads_are_all_served(opened: Opener) -> None:
    video = opened("h264.mp4")
    every = opened("h264.mp4")[:].numpy()
    failures: list[object] = []

    def ask(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(8):
            request = [dice.randrange(60) for _ in range(3)]
            if not (video.get_frames_at(request).numpy() == every[request]).all():
                failures.append(request)
            if not (video[request[0]].numpy() == every[request[0]]).all():
                failures.append(request[0])

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []


@pytest.mark.parametrize("milliseconds", range(0, 40, 3))
def test_close_ends_requests_of_other_threads(
    opened: Opener, milliseconds: int
) -> None:
    video = opened("long.mp4")
    len(video)
    errors: list[BaseException] = []
    started = threading.Barrier(4, timeout=10)

    def ask() -> None:
        started.wait()
        try:
            while True:
                video.get_frames_at(range(0, 400, 5))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    started.wait()
    time.sleep(milliseconds / 1000)
    video.close()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert [type(error) for error in errors] == [gvdecode.ClosedError] * 3
    assert all("the decoder was closed" in str(error) for error in errors)
    assert len(video) == 400
    with pytest.raises(gvdecode.ClosedError):
        video[0]


def test_a_pipe_has_no_numbers_but_can_be_listed(
    clips: Clips, fifo: Callable[[Path], Path], device: str
) -> None:
    path = fifo(clips.path("h264.ts"))
    with gvdecode.VideoDecoder(path, device=device, fallback="silent") as video:
        for use in (
            lambda: video[0],
            lambda: len(video),
            lambda: video.index,
            lambda: video.get_frame_played_at(1.5),
            lambda: video.metadata.num_frames,
        ):
            with pytest.raises(gvdecode.UnsupportedError, match="read only once"):
                use()
        assert video
        assert len(list(video)) == 60


def test_an_index_makes_no_pipe_one_that_is_read_twice(
    clips: Clips, fifo: Callable[[Path], Path]
) -> None:
    clip = clips.path("h264.ts")
    index = gvdecode.VideoDecoder(clip, device="cpu").index
    with gvdecode.VideoDecoder(fifo(clip), device="cpu", index=index) as video:
        with pytest.raises(gvdecode.UnsupportedError, match="read only once"):
            video[5]
        assert len(list(video)) == 60


def test_going_back_to_the_start_reads_no_more_than_what_is_asked_for(
    clips: Clips,
) -> None:
    class Counted(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    source = Counted(clips.path("long.mp4").read_bytes())
    with gvdecode.VideoDecoder(source, device="cpu") as video:
        last = len(video) - 1
        video.get_frames_at([last // 2])
        before = source.taken
        assert video.get_frames_at([0, last]).number == [0, last]
    assert source.taken - before < len(source.getvalue()) / 2


CHANGE = MEDIA / "quirks" / "test_res_change.h264"


@pytest.mark.skipif(not CHANGE.exists(), reason="there is no ../shared/media")
def test_a_request_across_a_change_of_size_says_so(device: str) -> None:
    with gvdecode.VideoDecoder(CHANGE, device=device, fallback="silent") as video:
        shapes = [frame.shape for frame in video]
        assert len(set(shapes)) == 2 and len(video) == len(shapes)
        change = next(k for k, shape in enumerate(shapes) if shape != shapes[0])
        for request in ([change - 1, change], [change, change - 1]):
            with pytest.raises(gvdecode.UnsupportedError, match="size"):
                video.get_frames_at(request)
        assert video[change].shape == shapes[change]
        assert video[change:].shape == (len(shapes) - change, *shapes[change])
    with gvdecode.VideoDecoder(
        CHANGE, device=device, pixel_format="native", fallback="silent"
    ) as video:
        found = video.get_frames_at([change, change - 1])
        assert [frame.shape for frame in found] == [
            shapes[change][1:],
            shapes[0][1:],
        ]


# --- torch ---


def test_tensors_are_numbers_and_times(opened: Opener) -> None:
    torch = pytest.importorskip("torch")
    video = opened("h264.mp4")
    expected = video.get_frames_at([7, 59, 7]).numpy()
    for kind in (torch.int64, torch.int32, torch.uint8):
        found = video.get_frames_at(torch.tensor([7, 59, 7], dtype=kind))
        np.testing.assert_array_equal(found.numpy(), expected)
    seconds = torch.tensor([7.1, 59.1, 7.1], dtype=torch.float64) / 25
    found = video.get_frames_played_at(seconds)
    np.testing.assert_array_equal(found.numpy(), expected)
    assert video[torch.tensor(-1)].number == 59
    assert video.get_frame_played_at(seconds[0]).number == 7
    for bad in (torch.tensor([1.0]), torch.tensor([True]), torch.tensor(1)):
        with pytest.raises(TypeError):
            video.get_frames_at(bad)
    assert isinstance(video[0].data, torch.Tensor)
    assert video[0].data.shape == (3, 240, 320)


def test_an_empty_batch_is_an_empty_tensor(opened: Opener, device: str) -> None:
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("this torch uses no GPU")
    tensor = opened("h264.mp4")[5:5].data
    assert tensor.shape == (0, 3, 240, 320)
    assert tensor.dtype == torch.uint8 and tensor.device.type == device


def test_a_native_frame_that_is_asked_for_twice_has_memory_of_its_own(
    opened: Opener,
) -> None:
    video = opened("h264.mp4", pixel_format="native")
    first, other, again = video.get_frames_at([7, 3, 7])
    assert frame_md5(first) == frame_md5(again) == frame_md5(video[7])
    for a, b in zip(first.planes, again.planes, strict=True):
        assert a.data_ptr != b.data_ptr
    assert frame_md5(other) != frame_md5(first)
