"""What a batch is: its sizes, order, layout, times and colours."""

import copy
import pickle

import numpy as np
import pytest
from conftest import MEDIA, Clips, Opener

import gvdecode


def rgb(video: gvdecode.VideoDecoder, batch_size: int = 16) -> np.ndarray:
    return np.concatenate([batch.numpy() for batch in video.batches(batch_size)])


@pytest.mark.parametrize("batch_size", [1, 7, 60, 1000])
def test_every_frame_comes_once_in_batches_of_the_size_asked_for(
    opened: Opener, batch_size: int
) -> None:
    sizes = [len(batch) for batch in opened("h264.mp4").batches(batch_size)]
    assert sum(sizes) == 60
    assert all(size == batch_size for size in sizes[:-1])


def test_shape_dtype_and_device_of_a_batch(opened: Opener, device: str) -> None:
    batch = next(opened("h264.mp4").batches(4))
    assert batch.shape == (4, 3, 240, 320)
    assert batch.dtype == "uint8"
    assert batch.device == ("cpu" if device == "cpu" else "cuda:0")
    assert batch.numpy().flags.c_contiguous
    assert batch.pixel_format == "rgb24"


def test_nhwc_is_nchw_with_its_axes_moved(opened: Opener) -> None:
    planar = rgb(opened("h264.mp4"))
    packed = rgb(opened("h264.mp4", dimension_order="NHWC"))
    assert packed.shape == (60, 240, 320, 3)
    np.testing.assert_array_equal(planar, packed.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("name", ["h264.mp4", "hevc_open.mp4", "vp9_odd.webm"])
def test_the_number_of_sessions_and_the_batch_size_change_no_byte(
    opened: Opener, name: str
) -> None:
    one = rgb(opened(name, sessions=1), 7)
    np.testing.assert_array_equal(one, rgb(opened(name, sessions=3), 32))


def test_a_second_reading_starts_at_frame_0_again(opened: Opener) -> None:
    video = opened("h264.mp4")
    first = video.batches(8)
    next(first)
    again = rgb(video)
    assert len(again) == 60
    np.testing.assert_array_equal(again[:8], rgb(video)[:8])


def test_two_readings_of_one_decoder_run_side_by_side(opened: Opener) -> None:
    video = opened("h264.mp4")
    for a, b in zip(video.batches(8), video.batches(8), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_frames_one_by_one_are_those_of_the_batches(opened: Opener) -> None:
    video = opened("h264.mp4")
    every = rgb(video)
    for k, frame in enumerate(video):
        assert frame.shape == (3, 240, 320)
        np.testing.assert_array_equal(frame.numpy(), every[k])
    assert k == 59


def test_a_frame_of_a_batch_shares_its_memory(opened: Opener, device: str) -> None:
    batch = next(opened("h264.mp4").batches(4))
    assert [f.pts_seconds for f in batch] == batch.pts_seconds.tolist()
    np.testing.assert_array_equal(batch[-1].numpy(), batch.numpy()[3])
    with pytest.raises(IndexError, match="frame 4 of a batch of 4"):
        batch[4]
    with pytest.raises(TypeError):
        batch["0"]
    if device == "cpu":
        batch[2].numpy()[:] = 7
        assert (batch.numpy()[2] == 7).all()


def test_a_part_of_a_batch_shares_its_memory(opened: Opener, device: str) -> None:
    batch = next(opened("h264.mp4").batches(10))
    pixels = batch.numpy()
    part = batch[2:7][1:4]  # a part of a part
    del batch
    assert part.number == [3, 4, 5] and part.shape == (3, 3, 240, 320)
    assert part.device == ("cpu" if device == "cpu" else "cuda:0")
    np.testing.assert_array_equal(part.numpy(), pixels[3:6])
    np.testing.assert_array_equal(part[-1].numpy(), pixels[5])
    if device == "cpu":
        part.numpy()[:] = 7
        assert (pixels[3:6] == 7).all()
    assert len(part[2:1]) == 0 and part[9:].numpy().shape == (0, 3, 240, 320)
    with pytest.raises(ValueError, match="steps of 1"):
        part[::2]
    native = next(opened("h264.mp4", pixel_format="native").batches(10))[4:6]
    assert native.number == [4, 5] and native[0].planes[0].shape == (240, 320)


def test_a_frame_unpacks_into_pixels_and_times(opened: Opener) -> None:
    frame = opened("h264.mp4")[30]
    pixels, begin, lasts = frame
    assert tuple(pixels.shape) == frame.shape
    assert (begin, lasts) == (frame.pts_seconds, frame.duration_seconds)


def test_frames_say_what_to_pickle(opened: Opener) -> None:
    batch = opened("h264.mp4")[0:3]
    for value in (batch, batch[0]):
        for use in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match=r"take its \.data"):
                use(value)


def test_a_reading_ends_with_its_statement(opened: Opener) -> None:
    with opened("h264.mp4").batches(4) as run:
        assert len(next(run)) == 4
    with pytest.raises(gvdecode.ClosedError):
        next(run)


def test_times_and_facts_of_a_batch(opened: Opener) -> None:
    batch = next(opened("h264.mp4").batches(25))
    assert batch.pts_seconds.dtype == np.float64
    assert batch.pts_seconds.shape == batch.duration_seconds.shape == (25,)
    np.testing.assert_allclose(batch.duration_seconds, 0.04)
    np.testing.assert_allclose(np.diff(batch.pts_seconds), 0.04)
    assert [k for k, key in enumerate(batch.key_frame) if key] == [0, 12, 24]
    assert not any(batch.corrupt)
    assert set(batch.backend) <= {"cpu", "nvdec"}


def test_native_batches_are_frames_with_planes(opened: Opener) -> None:
    batch = next(opened("h264.mp4", pixel_format="native").batches(4))
    assert len(batch) == 4
    frame = batch[0]
    assert frame.pixel_format == batch.pixel_format == "yuv420p"
    assert [p.shape for p in frame.planes] == [(240, 320), (120, 160), (120, 160)]
    assert (frame.shape, frame.dtype) == ((240, 320), "uint8")
    with pytest.raises(gvdecode.UnsupportedError, match=r"frame\.planes"):
        batch.numpy()


def test_deep_native_frames_have_16_bit_samples(opened: Opener) -> None:
    frame = next(iter(opened("h264_10bit.mp4", pixel_format="native")))
    assert frame.pixel_format.startswith("yuv420p10")
    luma = frame.planes[0].numpy()
    assert luma.dtype == np.uint16
    assert 255 < luma.max() < 1024


KR_KB = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}


def model(frame: gvdecode.Frame, matrix: str, full: bool) -> np.ndarray:
    """RGB in float64: chroma replicated, matrix, clip."""
    y, u, v = (plane.numpy().astype(np.float64) for plane in frame.planes)
    height, width = y.shape
    u, v = (np.kron(c, np.ones((2, 2)))[:height, :width] - 128 for c in (u, v))
    if not full:
        y, u, v = (y - 16) * 255 / 219, u * 255 / 224, v * 255 / 224
    kr, kb = KR_KB[matrix]
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.stack([red, green, blue]), 0, 255)


@pytest.mark.parametrize(
    ("name", "matrix", "full"),
    [
        ("h264.mp4", "bt601", False),
        ("vp9_odd.webm", "bt601", False),
        ("full_range.mp4", "bt709", True),
    ],
)
def test_rgb_is_within_one_level_of_float64(
    opened: Opener, name: str, matrix: str, full: bool
) -> None:
    native = next(opened(name, pixel_format="native").batches(3))
    got = next(opened(name).batches(3)).numpy()
    for frame, pixels in zip(native, got, strict=True):
        assert np.abs(model(frame, matrix, full) - pixels).max() <= 1


ROTATED = MEDIA / "quirks" / "video_90.mov"


@pytest.mark.skipif(not ROTATED.exists(), reason="there is no ../shared/media")
def test_metadata_has_the_size_of_the_frames_and_tells_the_rotation(
    device: str,
) -> None:
    with gvdecode.VideoDecoder(ROTATED, device=device) as video:
        shape = next(iter(video)).shape
        assert shape == (3, video.metadata.height, video.metadata.width)
        assert video.metadata.rotation == 270


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["h264.mp4", "hevc_open.mp4", "vp9.webm"])
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_gpu_and_cpu_give_the_same_bytes(
    opened: Opener, device: str, name: str, order: str
) -> None:
    if device == "cpu":
        pytest.skip("compares the GPU with the CPU")
    gpu = rgb(opened(name, dimension_order=order))
    cpu = rgb(opened(name, dimension_order=order, device="cpu"))
    np.testing.assert_array_equal(gpu, cpu)


def test_the_smallest_pictures_are_recycled_too(clips: Clips) -> None:
    """Blocks that were never used again would be some 8 KiB a frame."""
    path = clips.path("h264_intra.mp4")
    with gvdecode.VideoDecoder(
        path, device="cpu", size=(8, 9), pixel_format="gray8"
    ) as video:
        held = []
        for _ in range(20):
            assert sum(len(batch) for batch in video.batches(1)) == 60
            held.append(gvdecode.memory_usage("cpu").held)
    assert held[-1] < held[4] + (1 << 20)
