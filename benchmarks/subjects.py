"""What the sequential benchmark measures, each subject served by its own process.

    python subjects.py "gvdecode cuda"

Reads lines of JSON such as {"do": "decode", "path": "a.mp4", "frames": 0} and
answers each with one. `decode` is timed from the open to the last pixel touched
(0 frames means all, and "options" go to gvdecode's open), `first` from each of
several opens to the first frame, `gate` compares the first and the last batch of the
two devices of gvdecode. Every subject ends as RGB uint8 in its own best documented
setting:

gvdecode cuda       CUDA tensors of 32 frames, NCHW
gvdecode cuda cold  the same after gvdecode.trim(): no session is at hand
gvdecode cpu        NumPy arrays of 32 frames, NHWC as OpenCV and PyAV give it
opencv cpu          VideoCapture, then cvtColor into a reused array of 32 frames
opencv upload       the same into pinned memory, then copied to the GPU and made NCHW
pyav cpu            thread_type AUTO, then to_ndarray(format="rgb24")
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter, sleep
from typing import Any

from server import Answer, serve

BATCH = 32


def how(stats: Any) -> str:
    """How gvdecode decoded, for the row's note."""
    note = f"{stats.sessions} sessions"
    if stats.fallback_frames:
        note += f", {stats.fallback_frames} frames decoded on the CPU"
    return note


def gvdecode_cuda(path: str, limit: int, **options: Any) -> Answer:
    """From the open to the last batch touched and the GPU idle."""
    import torch

    import gvdecode

    total = torch.zeros((), dtype=torch.float64, device="cuda")
    torch.cuda.synchronize()
    frames = 0
    start = perf_counter()
    with gvdecode.VideoDecoder(
        path, device="cuda", fallback="error", **options
    ) as video:
        for batch in video.batches(BATCH):
            pixels = torch.from_dlpack(batch)
            total += pixels[:, 0, 0, 0].sum()
            frames += pixels.shape[0]
            if frames == limit:
                break
        torch.cuda.synchronize()
        seconds = perf_counter() - start
        note = how(video.stats)
    return {"frames": frames, "seconds": seconds, "note": note}


def gvdecode_cuda_cold(path: str, limit: int) -> Answer:
    """Gives sessions and buffers back first; all of that is over at the open."""
    import torch

    import gvdecode

    gvdecode.trim()
    torch.cuda.synchronize()
    return gvdecode_cuda(path, limit)


def gvdecode_cpu(path: str, limit: int, **options: Any) -> Answer:
    import gvdecode

    options |= {"device": "cpu", "dimension_order": "NHWC"}
    frames = total = 0
    start = perf_counter()
    with gvdecode.VideoDecoder(path, **options) as video:
        for batch in video.batches(BATCH):
            pixels = batch.numpy()
            total += int(pixels[:, 0, 0, 0].sum())
            frames += len(pixels)
            if frames == limit:
                break
        seconds = perf_counter() - start
        note = how(video.stats)
    return {"frames": frames, "seconds": seconds, "note": note}


def opencv_frames(path: str, slots: Any) -> Iterator[Any]:
    """Decodes into the slots in turn and yields the one that was filled."""
    import cv2

    capture = cv2.VideoCapture(path)
    if not capture.isOpened():
        raise ValueError(f"OpenCV cannot open {path}")
    image, number = None, 0
    while True:
        good, image = capture.read(image)
        if not good:
            break
        slot = slots[number % len(slots)]
        cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=slot)
        yield slot
        number += 1
    capture.release()


def opencv_size(path: str) -> tuple[int, int]:
    import cv2

    capture = cv2.VideoCapture(path)
    height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
    capture.release()
    return height, width


def opencv_cpu(path: str, limit: int) -> Answer:
    import numpy

    height, width = opencv_size(path)
    slots = numpy.zeros((BATCH, height, width, 3), numpy.uint8)
    frames = total = 0
    start = perf_counter()
    for pixels in opencv_frames(path, slots):
        total += int(pixels[0, 0, 0])
        frames += 1
        if frames == limit:
            break
    return {"frames": frames, "seconds": perf_counter() - start}


def opencv_upload(path: str, limit: int) -> Answer:
    import torch

    height, width = opencv_size(path)
    pinned = torch.zeros((BATCH, height, width, 3), dtype=torch.uint8).pin_memory()
    total = torch.zeros((), dtype=torch.int64, device="cuda")
    torch.cuda.synchronize()
    frames = waiting = 0
    start = perf_counter()
    for _ in opencv_frames(path, pinned.numpy()):
        frames += 1
        waiting += 1
        if waiting == BATCH or frames == limit:
            total += upload(pinned[:waiting])[:, 0, 0, 0].sum()
            waiting = 0
        if frames == limit:
            break
    if waiting:
        total += upload(pinned[:waiting])[:, 0, 0, 0].sum()
    torch.cuda.synchronize()
    return {"frames": frames, "seconds": perf_counter() - start}


def upload(pinned: Any) -> Any:
    """The batch on the GPU as NCHW. Waits for the copy: the slots are reused."""
    import torch

    pixels = pinned.to("cuda", non_blocking=True)
    torch.cuda.current_stream().synchronize()
    return pixels.permute(0, 3, 1, 2).contiguous()


def pyav_cpu(path: str, limit: int) -> Answer:
    import av

    frames = total = 0
    start = perf_counter()
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            pixels = frame.to_ndarray(format="rgb24")
            total += int(pixels[0, 0, 0])
            frames += 1
            if frames == limit:
                break
        seconds = perf_counter() - start
    return {"frames": frames, "seconds": seconds}


def first_frame(path: str, device: str) -> float:
    """Milliseconds from the open to the first frame as a tensor of this device."""
    import gvdecode

    if device == "cuda":
        import torch

        torch.cuda.synchronize()
    start = perf_counter()
    with gvdecode.VideoDecoder(path, device=device, fallback="error") as video:
        frames = iter(video)  # kept: dropping it ends the reading
        frame = next(frames)
        if device == "cuda":
            torch.from_dlpack(frame)
            torch.cuda.synchronize()
        else:
            frame.numpy()
        return (perf_counter() - start) * 1e3


def first(path: str, device: str, opens: int, pause: float) -> Answer:
    """So many opens in one loop, with so many seconds of sleep before each."""
    times = []
    for _ in range(opens):
        sleep(pause)
        times.append(first_frame(path, device))
    return {"ms": times}


def ends(path: str, device: str, limit: int) -> tuple[int, Any, Any]:
    """Number of frames, and the first and last batch as arrays on the host."""
    import torch

    import gvdecode

    frames, head, tail = 0, None, None
    with gvdecode.VideoDecoder(path, device=device, fallback="error") as video:
        for batch in video.batches(BATCH):
            tail = torch.from_dlpack(batch)
            head = tail if head is None else head
            frames += len(batch)
            if frames == limit:
                break
        if head is None or tail is None:
            raise ValueError(f"{path}: no frames on {device}")
        return frames, head.cpu(), tail.cpu()


def gate(path: str, limit: int) -> Answer:
    """Raises ValueError unless both devices give the same first and last batch."""
    import torch

    count, head, tail = ends(path, "cpu", limit)
    cuda_count, cuda_head, cuda_tail = ends(path, "cuda", limit)
    if count != cuda_count:
        raise ValueError(f"{path}: {count} frames on cpu, {cuda_count} on cuda")
    if not torch.equal(head, cuda_head) or not torch.equal(tail, cuda_tail):
        raise ValueError(f"{path}: cpu and cuda give different pixels")
    return {"frames": count}


SUBJECTS: dict[str, Callable[..., Answer]] = {
    "gvdecode cuda": gvdecode_cuda,
    "gvdecode cuda cold": gvdecode_cuda_cold,
    "gvdecode cpu": gvdecode_cpu,
    "opencv cpu": opencv_cpu,
    "pyav cpu": pyav_cpu,
    "opencv upload": opencv_upload,
}


def answer(subject: str, question: Answer) -> Answer:
    path, frames = question["path"], question.get("frames", 0)
    if question["do"] == "first":
        device = subject.split()[1]
        return first(path, device, question["opens"], question["pause"])
    if question["do"] == "gate":
        return gate(path, frames)
    return SUBJECTS[subject](path, frames, **question.get("options", {}))


if __name__ == "__main__":
    serve(partial(answer, sys.argv[1]))
