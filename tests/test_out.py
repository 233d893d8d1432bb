"""out=: pixels are made in memory of the caller's, or nothing is written."""

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import Opener

import gvdecode

try:
    import torch
except ImportError:
    torch = None

PICTURE = (3, 240, 320)
Maker = Callable[..., Any]


@pytest.fixture(params=["numpy", "torch"])
def make(request: pytest.FixtureRequest, device: str) -> Maker:
    """Makes an array of a shape and a dtype, full of ones, on the device."""

    def with_numpy(*shape: int, dtype: str = "uint8") -> Any:
        return np.ones(shape, dtype)

    def with_torch(*shape: int, dtype: str = "uint8") -> Any:
        return torch.ones(shape, dtype=getattr(torch, dtype), device=device)

    if request.param == "numpy":
        if device != "cpu":
            pytest.skip("NumPy has no memory of a GPU's")
        return with_numpy
    if torch is None:
        pytest.skip("there is no torch here")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("this torch uses no GPU")
    return with_torch


def address(array: Any) -> int:
    return int(array.ctypes.data if isinstance(array, np.ndarray) else array.data_ptr())


def host(array: Any) -> Any:
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()


Call = Callable[..., gvdecode.Frame | gvdecode.FrameBatch]
CALLS: dict[str, tuple[Call, tuple[int, ...]]] = {
    "get_frame_at": (lambda v, **k: v.get_frame_at(17, **k), ()),
    "get_frames_at": (lambda v, **k: v.get_frames_at([5, 5, 50, -1, 0], **k), (5,)),
    "get_frames_in_range": (
        lambda v, **k: v.get_frames_in_range(40, 10, -7, **k),
        (5,),
    ),
    "get_frame_played_at": (lambda v, **k: v.get_frame_played_at(1.0, **k), ()),
    "get_frames_played_at": (
        lambda v, **k: v.get_frames_played_at([2.0, 0.1], **k),
        (2,),
    ),
    "get_frames_played_in_range": (
        lambda v, **k: v.get_frames_played_in_range(0.5, 1.0, fps=10, **k),
        (5,),
    ),
    "get_all_frames": (lambda v, **k: v.get_all_frames(**k), (60,)),
    "get_all_frames_fps": (lambda v, **k: v.get_all_frames(fps=5, **k), (12,)),
    "sample": (lambda v, **k: v.sample(count=7, **k), (7,)),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_writes_into_out(opened: Opener, make: Maker, name: str) -> None:
    call, count = CALLS[name]
    expected = call(opened("h264.mp4")).numpy()
    video = opened("h264.mp4")
    out = make(*count, *PICTURE)
    for _ in range(2):  # decoded, then partly from kept frames
        out[:] = 1
        given = call(video, out=out)
        assert given.shape == tuple(out.shape)
        assert given._tensor.data_ptr == address(out)
        np.testing.assert_array_equal(given.numpy(), expected)
        np.testing.assert_array_equal(host(out), expected)


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "float16"},
        {"dtype": "float32", "mean": 0.5, "std": (0.2, 0.3, 0.4)},
        {"dtype": "uint16"},
        {"size": (64, 48), "dtype": "float32"},
        {"pixel_format": "gray8"},
        {"dimension_order": "NHWC", "crop": (3, 5, 63, 41)},
        {"pad": (260, 340), "pixel_format": "bgr24"},
    ],
)
def test_every_output_can_be_written_into_out(
    opened: Opener, make: Maker, options: dict[str, object]
) -> None:
    expected = opened("h264.mp4", **options).get_frames_at([1, 30, 30]).numpy()
    out = make(*expected.shape, dtype=str(expected.dtype))
    opened("h264.mp4", **options).get_frames_at([1, 30, 30], out=out)
    np.testing.assert_array_equal(host(out), expected)


def test_bfloat16_can_be_written_into_out(opened: Opener, make: Maker) -> None:
    if make.__name__ != "with_torch":
        pytest.skip("NumPy has no bfloat16")
    options: dict[str, object] = {"dtype": "bfloat16", "size": 32}
    expected = opened("h264.mp4", **options).get_frames_at([1, 30]).torch()
    out = make(*expected.shape, dtype="bfloat16")
    opened("h264.mp4", **options).get_frames_at([1, 30], out=out)
    assert torch.equal(out, expected)


def test_a_walk_through_a_video_writes_each_frame(opened: Opener, make: Maker) -> None:
    expected = [frame.numpy() for frame in opened("h264.mp4")]
    video, out = opened("h264.mp4"), make(*PICTURE)
    for number in [*range(40), *range(59, 30, -1)]:
        frame = video.get_frame_at(number, out=out)
        np.testing.assert_array_equal(host(out), expected[number])
        assert frame.number == number


def test_a_part_of_a_larger_array_is_written_alone(opened: Opener, make: Maker) -> None:
    ring = make(6, *PICTURE)
    given = opened("h264.mp4").get_frames_at([9, 8], out=ring[2:4])
    np.testing.assert_array_equal(host(ring)[2:4], given.numpy())
    assert (host(ring)[:2] == 1).all() and (host(ring)[4:] == 1).all()


def test_what_lies_at_any_address_is_written(opened: Opener, make: Maker) -> None:
    size = 2 * 3 * 33 * 21
    video = opened("h264.mp4", size=(33, 21))
    expected = video.get_frames_at([4, 44]).numpy()
    for offset in (1, 2, 3, 5):
        memory = make(size + 8)
        out = memory[offset : offset + size].reshape(2, 3, 33, 21)
        video.get_frames_at([4, 44], out=out)
        np.testing.assert_array_equal(host(out), expected)
        assert (host(memory)[:offset] == 1).all()
        assert (host(memory)[offset + size :] == 1).all()


class Foreign:
    """An array of a library that does this or that otherwise."""

    def __init__(self, array: Any, device: object = None, **options: object) -> None:
        self.array, self.options = array, options
        self.device = device or array.__dlpack_device__()

    def __dlpack_device__(self) -> object:
        return self.device

    def __dlpack__(self, *, stream: object = None) -> object:
        return self.array.__dlpack__(stream=stream)


def test_libraries_older_than_dlpack_1_are_served(opened: Opener, make: Maker) -> None:
    out = make(2, *PICTURE)
    given = opened("h264.mp4").get_frames_at([3, 4], out=Foreign(out))
    assert given._tensor.data_ptr == address(out)
    np.testing.assert_array_equal(host(out), given.numpy())


def test_pinned_memory_is_the_cpus(opened: Opener) -> None:
    out = np.ones((2, *PICTURE), np.uint8)
    pinned = Foreign(out, device=(3, 0))
    given = opened("h264.mp4", device="cpu").get_frames_at([3, 4], out=pinned)
    np.testing.assert_array_equal(out, given.numpy())


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda a: a[:1], ValueError, r"\(2, 3, 240, 320\), got \(1, 3, 240, 320\)"),
        (lambda a: a[0], ValueError, r"\(2, 3, 240, 320\), got \(3, 240, 320\)"),
        (lambda a: a.reshape(-1), ValueError, r"got \(460800,\)"),
        (lambda a: a.reshape(2, 240, 320, 3), ValueError, "240, 320, 3"),
        (
            lambda a: (
                a.reshape(2, 240, 320, 3).transpose(2, 3).transpose(1, 2)
                if torch is not None and isinstance(a, torch.Tensor)
                else a.reshape(2, 240, 320, 3).transpose(0, 3, 1, 2)
            ),
            BufferError,
            "contiguous",
        ),
    ],
)
def test_a_misfit_is_refused_before_it_is_written(
    opened: Opener, make: Maker, change: Any, error: type[Exception], words: str
) -> None:
    out = make(2, *PICTURE)
    with pytest.raises(error, match=f"out must .*{words}"):
        opened("h264.mp4").get_frames_at([3, 4], out=change(out))
    assert (host(out) == 1).all()


def test_rows_with_gaps_are_refused(opened: Opener, make: Maker) -> None:
    out = make(2, 3, 240, 640)
    with pytest.raises(BufferError, match="out must be contiguous"):
        opened("h264.mp4").get_frames_at([3, 4], out=out[..., ::2])
    assert (host(out) == 1).all()


def test_another_dtype_is_refused(opened: Opener, make: Maker) -> None:
    out = make(2, *PICTURE, dtype="float32")
    with pytest.raises(TypeError, match=r"out must .*uint8, .*got float32"):
        opened("h264.mp4").get_frames_at([3, 4], out=out)
    with pytest.raises(TypeError, match=r"out must .*float16, .*got float32"):
        opened("h264.mp4", dtype="float16").get_frames_at([3, 4], out=out)
    assert (host(out) == 1).all()


def test_a_read_only_array_is_refused(opened: Opener) -> None:
    out = np.ones((2, *PICTURE), np.uint8)
    out.flags.writeable = False
    with pytest.raises(BufferError, match=r"writable|readonly"):
        opened("h264.mp4", device="cpu").get_frames_at([3, 4], out=out)
    assert (out == 1).all()


def test_floats_at_odd_addresses_are_refused(opened: Opener) -> None:
    size = 3 * 240 * 320
    out = np.zeros(4 * size + 1, np.uint8)[1:].view(np.float32).reshape(PICTURE)
    video = opened("h264.mp4", device="cpu", dtype="float32")
    with pytest.raises(BufferError, match="out must be aligned"):
        video.get_frame_at(3, out=out)


def test_another_device_is_refused(opened: Opener, device: str) -> None:
    out = np.ones((2, *PICTURE), np.uint8)
    where = (2, 0) if device == "cpu" else (1, 0)
    with pytest.raises(BufferError, match=r"out must be on .*, not "):
        opened("h264.mp4").get_frames_at([3, 4], out=Foreign(out, device=where))


@pytest.mark.parametrize("out", [[1, 2], 5, "out", bytearray(8)])
def test_what_does_not_know_dlpack_is_refused(opened: Opener, out: object) -> None:
    with pytest.raises(TypeError, match=f"out must .*DLPack.*{type(out).__name__}"):
        opened("h264.mp4").get_frame_at(3, out=out)


def test_an_exporters_own_error_comes_out(opened: Opener) -> None:
    class Broken(Foreign):
        def __dlpack__(self, *, stream: object = None) -> object:
            raise RuntimeError("not today")

    with pytest.raises(RuntimeError, match="not today"):
        opened("h264.mp4", device="cpu").get_frame_at(3, out=Broken(np.ones(PICTURE)))


def test_one_frame_has_no_dimension_of_the_batch(opened: Opener, make: Maker) -> None:
    with pytest.raises(ValueError, match=r"\(3, 240, 320\), got \(1, 3, 240, 320\)"):
        opened("h264.mp4").get_frame_at(3, out=make(1, *PICTURE))


def test_no_frames_need_an_empty_array(opened: Opener, make: Maker) -> None:
    video = opened("h264.mp4")
    given = video.get_frames_at([], out=make(0, *PICTURE))
    assert len(given) == 0 and given.shape == (0, *PICTURE)
    with pytest.raises(ValueError, match=r"out must .*0, 3, 240, 320"):
        video.get_frames_in_range(5, 5, out=make(1, *PICTURE))


def test_native_frames_and_several_batches_take_no_out(opened: Opener) -> None:
    out = np.ones((2, *PICTURE), np.uint8)
    native = opened("h264.mp4", pixel_format="native")
    for call in (
        lambda: native.get_frames_at([3, 4], out=out),
        lambda: native.get_frame_at(3, out=out),
        lambda: native.get_frames_at([], out=out),
    ):
        with pytest.raises(ValueError, match=r"out .*native"):
            call()
    with pytest.raises(ValueError, match=r"out .*batch_size"):
        opened("h264.mp4").sample(count=2, batch_size=1, out=out)


def wait_for(condition: Callable[[], bool]) -> bool:
    for _ in range(500):
        gc.collect()
        if condition():
            return True
        threading.Event().wait(0.01)
    return False


def test_the_batch_keeps_the_memory_and_lets_go_of_it(opened: Opener) -> None:
    video = opened("h264.mp4", device="cpu")
    out = np.ones((2, *PICTURE), np.uint8)
    alive = weakref.ref(out)
    batch = video.get_frames_at([3, 4], out=out)
    expected = out.copy()
    del out
    video.close()
    gc.collect()
    assert alive() is not None
    np.testing.assert_array_equal(batch.numpy(), expected)
    array = batch.numpy()
    del batch
    gc.collect()
    np.testing.assert_array_equal(array, expected)
    del array
    assert wait_for(lambda: alive() is None)


def test_a_refused_or_broken_call_lets_go_of_out(opened: Opener) -> None:
    video = opened("h264.mp4", device="cpu")
    len(video)
    small, fitting = np.ones(3, np.uint8), np.ones(PICTURE, np.uint8)
    with pytest.raises(ValueError, match="out"):
        video.get_frame_at(3, out=small)
    video._start(1, np.array([3]), (0, 0), fitting, True).close()
    video.close()
    with pytest.raises(gvdecode.ClosedError):
        video.get_frame_at(3, out=fitting)
    alive = weakref.ref(small), weakref.ref(fitting)
    del small, fitting
    assert wait_for(lambda: all(each() is None for each in alive))


def test_another_thread_may_drop_the_batch(opened: Opener) -> None:
    out = np.ones((2, *PICTURE), np.uint8)
    alive = weakref.ref(out)
    kept = [opened("h264.mp4", device="cpu").get_frames_at([3, 4], out=out)]
    del out
    thread = threading.Thread(target=kept.clear)
    thread.start()
    thread.join()
    assert wait_for(lambda: alive() is None)


@pytest.mark.gpu
def test_out_is_written_after_what_its_stream_still_reads(
    opened: Opener, device: str
) -> None:
    if device == "cpu" or torch is None:
        pytest.skip("about torch's streams on a GPU")
    expected = opened("h264.mp4").get_frames_at([3, 4]).numpy()
    out = torch.ones((2, *PICTURE), dtype=torch.uint8, device=device)
    video = opened("h264.mp4")
    len(video)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        torch.cuda._sleep(200_000_000)  # 100 ms at 2 GHz
        before = out.clone()
        video.get_frames_at([3, 4], out=out)
        after = out.clone()
    side.synchronize()
    assert (before == 1).all()
    np.testing.assert_array_equal(after.cpu().numpy(), expected)
