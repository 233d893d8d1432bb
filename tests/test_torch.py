"""Torch takes batches without a copy, from its own memory, on its own stream."""

import gc
import subprocess
import sys

import numpy as np
import pytest
from conftest import Clips, Opener

import gvdecode

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _torch_has_the_gpu(request: pytest.FixtureRequest) -> None:
    name = request.getfixturevalue("device")
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("this torch uses no GPU")


def test_from_dlpack_takes_the_batchs_own_memory(opened: Opener, device: str) -> None:
    batch = next(opened("h264.mp4").batches(8))
    tensor = torch.from_dlpack(batch)
    assert tensor.data_ptr() == batch._tensor.data_ptr
    assert tensor.shape == batch.shape
    assert tensor.dtype == torch.uint8
    assert tensor.is_contiguous()
    assert tensor.device.type == device
    np.testing.assert_array_equal(tensor.cpu().numpy(), batch.numpy())


def test_data_is_a_torch_tensor_where_torch_is_imported(opened: Opener) -> None:
    batch = next(opened("h264.mp4").batches(8))
    for tensor in (batch.data, batch.torch(), batch[3].data):
        assert isinstance(tensor, torch.Tensor)
    assert torch.equal(batch.data[3], batch[3].data)
    batch.data[0] = 9
    assert (batch.numpy()[0] == 9).all()


def test_planes_go_into_torch_with_their_strides(opened: Opener) -> None:
    frame = next(iter(opened("h264.mp4", pixel_format="native")))
    for plane in frame.planes:
        tensor = torch.from_dlpack(plane)
        assert tensor.stride() == plane.strides
        np.testing.assert_array_equal(tensor.cpu().numpy(), plane.numpy())


def test_a_torch_device_names_the_device(clips: Clips, device: str) -> None:
    video = gvdecode.VideoDecoder(
        clips.path("h264.mp4"), device=torch.device(device), fallback="silent"
    )
    assert torch.device(video.device).type == device


def test_a_tensor_may_be_freed_by_any_thread(clips: Clips, device: str) -> None:
    # Autograd's threads free tensors without the GIL.
    video = gvdecode.VideoDecoder(clips.path("h264.mp4"), device=device)
    weight = torch.ones((), device=device, requires_grad=True)
    for batch in video.batches(8):
        loss = (torch.from_dlpack(batch).float() * weight).sum()
        del batch
        loss.backward()
    assert weight.grad is not None


def only_on_the_gpu(device: str) -> None:
    if device == "cpu":
        pytest.skip("about the GPU's memory and streams")


def count_allocated() -> int:
    torch.cuda.synchronize()
    return int(torch.cuda.memory_allocated())


@pytest.mark.gpu
def test_torch_counts_batches_and_gets_them_back(opened: Opener, device: str) -> None:
    only_on_the_gpu(device)
    before = count_allocated()
    run = opened("h264.mp4").batches(8)
    batch = next(run)
    size = 8 * 3 * 240 * 320
    assert size <= count_allocated() - before < 2 * size
    tensor = torch.from_dlpack(batch)
    del batch
    assert count_allocated() - before >= size
    del tensor
    run.close()
    gc.collect()
    assert wait_for(lambda: count_allocated() == before)


def wait_for(condition: object) -> bool:
    import time

    for _ in range(500):
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.01)
    return False


@pytest.mark.gpu
def test_a_busy_side_stream_reads_the_right_pixels(opened: Opener, device: str) -> None:
    only_on_the_gpu(device)
    expected = np.concatenate([b.numpy() for b in opened("h264.mp4").batches(8)])
    side = torch.cuda.Stream()
    results = []
    with torch.cuda.stream(side):
        for batch in opened("h264.mp4").batches(8):
            torch.cuda._sleep(100_000_000)  # 50 ms at 2 GHz
            results.append(torch.from_dlpack(batch).clone())
            del batch  # its memory goes back before the stream has read it
    side.synchronize()
    np.testing.assert_array_equal(torch.cat(results).cpu().numpy(), expected)


@pytest.mark.gpu
def test_a_consumer_on_another_stream_than_the_readers_waits(
    opened: Opener, device: str
) -> None:
    only_on_the_gpu(device)
    expected = np.concatenate([b.numpy() for b in opened("h264.mp4").batches(8)])
    make, use = torch.cuda.Stream(), torch.cuda.Stream()
    run = opened("h264.mp4").batches(8)
    results = []
    while True:
        with torch.cuda.stream(make):
            torch.cuda._sleep(20_000_000)
            batch = next(run, None)
        if batch is None:
            break
        with torch.cuda.stream(use):
            results.append(torch.from_dlpack(batch).clone())
        del batch
    torch.cuda.synchronize()
    np.testing.assert_array_equal(torch.cat(results).cpu().numpy(), expected)


@pytest.mark.gpu
def test_a_capturing_stream_is_refused(opened: Opener, device: str) -> None:
    only_on_the_gpu(device)
    batch = next(opened("h264.mp4").batches(8))
    graph = torch.cuda.CUDAGraph()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        graph.capture_begin()
        try:
            with pytest.raises(BufferError, match="captur"):
                batch.__dlpack__(stream=stream.cuda_stream)
            torch.zeros(1, device="cuda")  # an empty graph makes torch warn
        finally:
            graph.capture_end()


@pytest.mark.gpu
@pytest.mark.parametrize("native", [False, True])
def test_a_drop_on_a_capturing_stream_breaks_no_graph(
    opened: Opener, device: str, native: bool
) -> None:
    only_on_the_gpu(device)
    options = {"pixel_format": "native"} if native else {}
    want = [
        b.planes[0].numpy() if native else b.numpy()
        for b in opened("h264.mp4", **options)
    ]
    frames = iter(opened("h264.mp4", **options))
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    with torch.cuda.stream(stream):
        frame = next(frames)
        pixels = torch.from_dlpack(frame.planes[0] if native else frame)
        ones = torch.ones(8, device="cuda")
        torch.cuda.synchronize()
        graph.capture_begin()
        twos = ones + 1
        del frame, pixels
        graph.capture_end()
    rest = [f.planes[0].numpy() if native else f.numpy() for f in frames]
    graph.replay()
    torch.cuda.synchronize()
    assert twos.tolist() == [2] * 8
    assert len(rest) == len(want) - 1
    for got, right in zip(rest, want[1:], strict=True):
        np.testing.assert_array_equal(got, right)


@pytest.mark.gpu
def test_a_copy_to_the_host_comes_after_what_was_queued(
    opened: Opener, device: str
) -> None:
    only_on_the_gpu(device)
    for stream in (torch.cuda.default_stream(), torch.cuda.Stream()):
        with torch.cuda.stream(stream):
            batch = next(opened("h264.mp4").batches(8))
            pixels = torch.from_dlpack(batch)
            torch.cuda._sleep(400_000_000)  # 200 ms at 2 GHz
            pixels.fill_(7)
            assert (batch.numpy() == 7).all()


DROPS = """
import ctypes, sys, threading
import torch, gvdecode
# Work on the GPU that ends when Python has run: who waits for the device while it
# holds the interpreter's lock waits for ever.
gvdecode.set_memory_limit(int(sys.argv[2]), device="cuda")
video = gvdecode.VideoDecoder(sys.argv[1], device="cuda", pixel_format="native")
frame = next(iter(video.batches(1)))[0]
video.close()
stream = torch.cuda.Stream()
with torch.cuda.stream(stream):
    planes = [torch.from_dlpack(plane) for plane in frame.planes]
driver = ctypes.CDLL("libcuda.so.1")
ran = threading.Event()
called = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: ran.set())
torch.cuda._sleep(1)
with torch.cuda.stream(stream):
    torch.cuda._sleep(400_000_000)
    handle = ctypes.c_void_p(stream.cuda_stream)
    assert driver.cuLaunchHostFunc(handle, called, None) == 0
    frame = planes = None
    assert ran.wait(20)
torch.cuda.synchronize()
print("dropped")
"""


@pytest.mark.gpu
@pytest.mark.parametrize("limit", [1 << 40, 256 << 20])
def test_a_drop_never_waits_for_the_gpu(clips: Clips, device: str, limit: int) -> None:
    only_on_the_gpu(device)
    done = subprocess.run(
        [sys.executable, "-c", DROPS, str(clips.path("h264.mp4")), str(limit)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout == "dropped\n", done.stderr


@pytest.mark.gpu
def test_memory_of_the_device_is_flat(clips: Clips, device: str) -> None:
    only_on_the_gpu(device)

    def read() -> None:
        video = gvdecode.VideoDecoder(clips.path("h264.mp4"), device=device)
        for number, batch in enumerate(video.batches(8)):
            torch.from_dlpack(batch)
            if number == 3:
                break

    for _ in range(5):
        read()
    torch.cuda.synchronize()
    before = torch.cuda.mem_get_info()[0]
    for _ in range(200):
        read()
    torch.cuda.synchronize()
    assert before - torch.cuda.mem_get_info()[0] < 64 * 2**20


WITHOUT_TORCH = """
import sys, gvdecode
batch = next(gvdecode.VideoDecoder(sys.argv[1], device=sys.argv[2]).batches(8))
assert "torch" not in sys.modules
own = batch.numpy()
import torch
tensor = torch.from_dlpack(batch)
assert tensor.data_ptr() == batch._tensor.data_ptr
assert (tensor.cpu().numpy() == own).all()
print(tensor.shape)
"""


def test_torch_may_be_imported_after_the_batch_was_made(
    clips: Clips, device: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(clips.path("h264.mp4")), device],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "torch.Size([8, 3, 240, 320])"
