"""What the access benchmark measures, each subject served by its own process.

    python access_subjects.py "gvdecode cuda"

Reads lines of JSON, each a call of a method below: {"do": "get", "numbers": [3]};
answers each with one. `open` stays until the next `open`; times are in seconds and
end when the pixels are on the device and one of each frame was read there. Every
subject gives RGB uint8 in its own best documented setting:

gvdecode cuda   get_frames_at, CUDA tensors, NCHW
gvdecode cpu    get_frames_at, NumPy arrays, NHWC as decord gives it
torchcodec cpu  seek_mode="exact", num_ffmpeg_threads=0 (all), get_frames_at
decord cpu      ctx=cpu(0), num_threads=0 (all), get_batch
"""

from __future__ import annotations

import hashlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from server import Answer, serve

BATCH = 32
GRID = (135, 240)  # of a frame's pixels whose sum says which frame it is
SPARSE = 8  # every such row and column goes into a file for comparison


class Subject(ABC):
    """A video that is open, its frames known by number."""

    @abstractmethod
    def load(self, path: str) -> int:
        """Opens the file in place of the last one; the number of its frames."""

    @abstractmethod
    def frames_at(self, numbers: list[int]) -> Any:
        """The frames in this order, as this library gives them."""

    @abstractmethod
    def frame_at(self, number: int) -> Any: ...

    @abstractmethod
    def touch(self, frames: Any) -> None:
        """Reads something of each frame, once they are there."""

    @abstractmethod
    def host(self, frames: Any) -> Any:
        """The frames as a NumPy array, NHWC."""

    def note(self) -> str:
        return ""

    def timed(self, work: Callable[[], Any]) -> float:
        start = perf_counter()
        self.touch(work())
        return perf_counter() - start

    def open(self, path: str) -> Answer:
        start = perf_counter()
        frames = self.load(path)
        return {"frames": frames, "seconds": perf_counter() - start}

    def get(self, numbers: list[int]) -> Answer:
        seconds = self.timed(lambda: self.frames_at(numbers))
        return {"seconds": seconds, "note": self.note()}

    def walk(self, first: int, last: int, away: int) -> Answer:
        """One frame after the other, coming from another place of the file."""
        self.touch(self.frames_at([away]))
        start = perf_counter()
        for number in range(first, last + 1):
            self.touch(self.frame_at(number)[None])
        return {"seconds": perf_counter() - start}

    def save(self, numbers: list[int], to: str) -> Answer:
        """Writes a part of the pixels to a file; the MD5 of all of them."""
        import numpy

        frames = numpy.ascontiguousarray(self.host(self.frames_at(numbers)))
        numpy.save(to, frames[:, ::SPARSE, ::SPARSE])
        return {"md5": hashlib.md5(frames, usedforsecurity=False).hexdigest()}


class Gvdecode(Subject):
    order = "NHWC"

    def __init__(self, device: str) -> None:
        self.device = device
        self.video: Any = None

    def decoder(self, path: str, **options: Any) -> Any:
        import gvdecode

        return gvdecode.VideoDecoder(
            path,
            device=self.device,
            dimension_order=self.order,
            fallback="error",
            **options,
        )

    def load(self, path: str) -> int:
        if self.video is not None:
            self.video.close()
        self.video = self.decoder(path)
        return len(self.video)

    def open(self, path: str) -> Answer:
        return super().open(path) | {"bytes": self.video.index.nbytes}

    def frames_at(self, numbers: list[int]) -> Any:
        return self.pixels(self.video.get_frames_at(numbers))

    def frame_at(self, number: int) -> Any:
        return self.pixels(self.video[number])

    def pixels(self, frames: Any) -> Any:
        return frames.numpy()

    def touch(self, frames: Any) -> None:
        int(frames[:, 0, 0, 0].sum())

    def host(self, frames: Any) -> Any:
        return frames

    def grid(self, frames: Any) -> Any:
        rows, columns = GRID
        return frames[:, ::rows, ::columns].sum(axis=(1, 2, 3))

    def note(self) -> str:
        stats = self.video.stats
        note = f"{stats.sessions} sessions, {stats.packets} packets decoded"
        if stats.fallback_frames:
            note += f", {stats.fallback_frames} frames decoded on the CPU"
        return note

    def sample(self, path: str, fps: float, indexed: bool) -> Answer:
        """From the open to the last batch; an index is given or made meanwhile."""
        index = None
        if indexed:
            with self.decoder(path) as video:
                index = video.index
        start = perf_counter()
        with self.decoder(path, index=index) as video:
            found = self.consume(video.sample(fps=fps, batch_size=BATCH), 1, start)
            return found | {"note": f"{video.stats.packets} packets decoded"}

    def every(self, path: str, step: int) -> Answer:
        """The same frames, picked from all of them."""
        start = perf_counter()
        with self.decoder(path) as video:
            return self.consume(video.batches(BATCH), step, start)

    def consume(self, batches: Iterable[Any], step: int, start: float) -> Answer:
        """Seconds since the start, and what tells one of `step` frames from others."""
        times: list[float] = []
        sums: list[Any] = []
        count = 0
        for batch in batches:
            picked = slice(-count % step, None, step)
            count += len(batch)
            times += batch.pts_seconds[picked].tolist()
            sums.append(self.grid(self.pixels(batch)[picked]))
        found = [one for part in sums for one in part.tolist()]  # waits for the device
        return {"seconds": perf_counter() - start, "times": times, "sums": found}


class GvdecodeCuda(Gvdecode):
    order = "NCHW"

    def load(self, path: str) -> int:
        import torch

        torch.zeros(1, device="cuda")  # its context is up
        return super().load(path)

    def pixels(self, frames: Any) -> Any:
        import torch

        return torch.from_dlpack(frames)

    def touch(self, frames: Any) -> None:
        import torch

        frames[:, 0, 0, 0].sum()
        torch.cuda.synchronize()

    def host(self, frames: Any) -> Any:
        return frames.permute(0, 2, 3, 1).cpu().numpy()

    def grid(self, frames: Any) -> Any:
        rows, columns = GRID
        return frames[:, :, ::rows, ::columns].sum(dim=(1, 2, 3))


class Torchcodec(Subject):
    def load(self, path: str) -> int:
        from torchcodec.decoders import VideoDecoder

        self.video = VideoDecoder(path, seek_mode="exact", num_ffmpeg_threads=0)
        return len(self.video)

    def frames_at(self, numbers: list[int]) -> Any:
        return self.video.get_frames_at(numbers).data

    def frame_at(self, number: int) -> Any:
        return self.video[number]

    def touch(self, frames: Any) -> None:
        int(frames[:, 0, 0, 0].sum())

    def host(self, frames: Any) -> Any:
        return frames.permute(0, 2, 3, 1).numpy()


class Decord(Subject):
    def load(self, path: str) -> int:
        import decord

        self.video = decord.VideoReader(path, ctx=decord.cpu(0), num_threads=0)
        return len(self.video)

    def frames_at(self, numbers: list[int]) -> Any:
        return self.video.get_batch(numbers).asnumpy()

    def frame_at(self, number: int) -> Any:
        return self.video[number].asnumpy()

    def touch(self, frames: Any) -> None:
        int(frames[:, 0, 0, 0].sum())

    def host(self, frames: Any) -> Any:
        return frames


SUBJECTS: dict[str, Callable[[], Subject]] = {
    "gvdecode cuda": lambda: GvdecodeCuda("cuda"),
    "gvdecode cpu": lambda: Gvdecode("cpu"),
    "torchcodec cpu": Torchcodec,
    "decord cpu": Decord,
}


def main() -> None:
    subject = SUBJECTS[sys.argv[1]]()

    def answer(question: Answer) -> Answer:
        found: Answer = getattr(subject, question.pop("do"))(**question)
        return found

    serve(answer)


if __name__ == "__main__":
    main()
