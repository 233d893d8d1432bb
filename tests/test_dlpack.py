"""The ways out of a batch: DLPack, NumPy, the buffer protocol."""

import ctypes
import gc

import numpy as np
import pytest
from conftest import Opener

import gvdecode

CPU = (1, 0)


@pytest.fixture
def batch(opened: Opener) -> gvdecode.FrameBatch:
    return next(opened("h264.mp4").batches(4))


@pytest.fixture
def host_batch(opened: Opener) -> gvdecode.FrameBatch:
    return next(opened("h264.mp4", device="cpu").batches(4))


def capsule_name(capsule: object) -> str:
    get = ctypes.pythonapi.PyCapsule_GetName
    get.restype, get.argtypes = ctypes.c_char_p, [ctypes.py_object]
    return str(get(capsule).decode())


def flags(capsule: object) -> int:
    """DLManagedTensorVersioned.flags."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return ctypes.c_uint64.from_address(get(capsule, b"dltensor_versioned") + 24).value


@pytest.mark.parametrize(
    ("max_version", "name"),
    [
        (None, "dltensor"),
        ((0, 8), "dltensor"),
        ((1, 0), "dltensor_versioned"),
        ((1, 3), "dltensor_versioned"),
        ((2, 0), "dltensor_versioned"),
    ],
)
def test_old_consumers_get_the_capsule_that_they_know(
    batch: gvdecode.FrameBatch, max_version: tuple[int, int] | None, name: str
) -> None:
    assert capsule_name(batch.__dlpack__(max_version=max_version)) == name


def test_numpy_takes_a_batch_without_a_copy(host_batch: gvdecode.FrameBatch) -> None:
    address = host_batch.numpy().ctypes.data
    for array in (np.from_dlpack(host_batch), np.asarray(host_batch), host_batch.data):
        assert array.shape == host_batch.shape
        assert np.asarray(array).ctypes.data == address
    assert np.from_dlpack(host_batch).flags.writeable
    assert np.asarray(host_batch, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="needs a copy"):
        host_batch.__array__(np.float32, copy=False)


def test_copies_are_the_consumers_own(batch: gvdecode.FrameBatch) -> None:
    before = batch.numpy().copy()
    for copied in (
        np.from_dlpack(batch, device="cpu", copy=True),
        np.from_dlpack(Capsule(batch, dl_device=CPU, copy=True, max_version=(1, 0))),
    ):
        copied[:] = 0
        np.testing.assert_array_equal(batch.numpy(), before)
    assert flags(batch.__dlpack__(max_version=(1, 3), dl_device=CPU, copy=True)) == 2


class Capsule:
    """What another library would make of a batch with certain arguments."""

    def __init__(self, batch: gvdecode.FrameBatch, **options: object) -> None:
        self.batch, self.options = batch, options

    def __dlpack__(self, **_: object) -> object:
        return self.batch.__dlpack__(**self.options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"stream": 0}, ValueError),
        ({"stream": -2}, ValueError),
        ({"stream": "1"}, TypeError),
        ({"max_version": 1}, TypeError),
        ({"dl_device": 1}, TypeError),
        ({"dl_device": (2, 77)}, BufferError),
    ],
)
def test_what_dlpack_forbids_is_refused(
    batch: gvdecode.FrameBatch, options: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        batch.__dlpack__(**options)


@pytest.mark.gpu
def test_the_gpu_copies_to_the_host_only_where_it_may(
    batch: gvdecode.FrameBatch, device: str
) -> None:
    if device == "cpu":
        pytest.skip("on the CPU nothing needs a copy")
    with pytest.raises(BufferError, match="copy=False"):
        batch.__dlpack__(dl_device=CPU, copy=False)
    with pytest.raises(BufferError, match="clone"):
        batch.__dlpack__(copy=True)
    with pytest.raises(TypeError, match=r"numpy\(\)"):
        np.asarray(batch)
    with pytest.raises(BufferError):
        memoryview(batch._tensor)
    array = np.from_dlpack(Capsule(batch, dl_device=CPU))
    np.testing.assert_array_equal(array, batch.numpy())
    interface = batch.__cuda_array_interface__
    assert interface["version"] == 3
    assert interface["stream"] == 1
    assert interface["shape"] == batch.shape


def test_the_cpu_has_no_cuda_interface(host_batch: gvdecode.FrameBatch) -> None:
    assert not hasattr(host_batch, "__cuda_array_interface__")
    assert host_batch.__dlpack_device__() == CPU
    with pytest.raises(ValueError, match="CPU tensor"):
        host_batch.__dlpack__(stream=5)


def test_the_buffer_protocol_is_writable(host_batch: gvdecode.FrameBatch) -> None:
    view = memoryview(host_batch._tensor)
    assert (view.shape, view.format, view.readonly) == (host_batch.shape, "B", False)
    view[0, 0, 0, 0] = 17
    assert host_batch.numpy()[0, 0, 0, 0] == 17


def test_every_plane_goes_every_way(opened: Opener) -> None:
    frame = next(iter(opened("h264.mp4", pixel_format="native", device="cpu")))
    for plane in frame.planes:
        expected = plane.numpy()
        np.testing.assert_array_equal(np.from_dlpack(plane), expected)
        np.testing.assert_array_equal(np.asarray(plane), expected)
        np.testing.assert_array_equal(np.from_dlpack(plane, copy=True), expected)
        assert bytes(memoryview(plane)) == expected.tobytes()


def test_a_row_of_a_plane_is_that_row(opened: Opener) -> None:
    with opened("h264.mp4", pixel_format="native") as video:
        frame = next(iter(video))
    for plane in frame.planes:
        whole = plane.numpy()
        if plane.device[0] == 1 or whole.nbytes == whole.shape[0] * plane.strides[0]:
            np.testing.assert_array_equal(plane.select(7).numpy(), whole[7])
            np.testing.assert_array_equal(plane.slice(3, 9).numpy(), whole[3:12])
        else:
            with pytest.raises(gvdecode.UnsupportedError, match="no views"):
                plane.select(7)


def test_pixels_outlive_batch_and_decoder(opened: Opener) -> None:
    video = opened("h264.mp4", device="cpu")
    batch = next(video.batches(4))
    expected = batch.numpy().copy()
    arrays = [np.from_dlpack(batch), batch.numpy(), np.asarray(batch[1])]
    capsule = batch.__dlpack__()  # never taken: freed with the capsule
    video.close()
    del batch, video, capsule
    gc.collect()
    gvdecode.trim()
    np.testing.assert_array_equal(arrays[0], expected)
    np.testing.assert_array_equal(arrays[1], expected)
    np.testing.assert_array_equal(arrays[2], expected[1])


@pytest.mark.parametrize("name", ["h264.mp4", "hevc.mp4", "mpeg2.ts", "vp9.webm"])
def test_native_planes_are_the_callers_to_write_into(
    opened: Opener, device: str, name: str
) -> None:
    """No decoder refers to them, and no other frame shows them."""
    with opened(name, pixel_format="native", memory_limit=1 << 20) as video:
        want = [frame.planes[0].numpy().copy() for frame in video]
        for batch, right in zip(video.batches(1), want, strict=True):
            plane = batch[0].planes[0]
            np.testing.assert_array_equal(plane.numpy(), right)
            if device == "cpu":
                plane.numpy()[:] = 0
            else:
                torch = pytest.importorskip("torch")
                torch.from_dlpack(plane).zero_()


def test_a_native_frame_at_two_places_is_two_pictures(
    opened: Opener, device: str
) -> None:
    with opened("h264.mp4", pixel_format="native") as video:
        want = [frame.planes[0].numpy().copy() for frame in video.sample(fps=60)]
        assert len(want) > 100
        numbers = iter(range(len(want)))
        for batch in video.sample(fps=60, batch_size=3):
            for frame, number in zip(batch, numbers, strict=False):
                plane = frame.planes[0]
                np.testing.assert_array_equal(plane.numpy(), want[number])
                if device == "cpu":
                    plane.numpy()[:] = 0
                else:
                    torch = pytest.importorskip("torch")
                    torch.from_dlpack(plane).zero_()
