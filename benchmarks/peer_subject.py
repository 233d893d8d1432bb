"""One peer of the benchmark, in a process of its own.

    python peer_subject.py "torchcodec cpu"

Answers lines of JSON, see server.py. `start` brings torch and the GPU's context up;
`cold` then takes the milliseconds from before the import of the peer's library to
the first frame. `look` reads a workload untimed, keeps some pictures for comparison
and watches the device's memory; `run` takes the time from the open to the last pixel
touched and the device idle, and the processor time of the process.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter, process_time
from typing import Any

import numpy
import peers
from peers.base import Frames, Peer
from server import Answer, serve
from workloads import Workload, named

SPARSE = 8  # every such row and column of a picture is kept for comparison
LOOK_SECONDS = 0.002
MIB = 2**20
POOL = ThreadPoolExecutor(16)  # its threads stay, and with them what peers keep in them


class Subject:
    def __init__(self, name: str) -> None:
        self.name = name
        self.cuda = peers.on_gpu(name)
        self.made: Peer | None = None
        self.level = 0  # of the device's memory, with nothing but a context

    @property
    def peer(self) -> Peer:
        if self.made is None:
            self.made = peers.make(self.name)
        return self.made

    def start(self) -> Answer:
        if self.cuda or peers.kind(self.name).torch:
            import torch

            if self.cuda:
                torch.zeros(1, device="cuda")
                torch.cuda.synchronize()
                self.level = self.taken()
        return {}

    def versions(self) -> Answer:
        found = {}
        for package in (*self.peer.packages, "torch"):
            try:
                found[package] = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                continue
        return {"versions": found, "setting": self.peer.setting}

    def cold(self, path: str) -> Answer:
        start = perf_counter()
        stream = self.peer.batches(path, batch=1)
        self.touch(next(stream))
        self.finish()
        return {"seconds": perf_counter() - start}

    def touch(self, frames: Frames) -> Any:
        """A sum over some pixels of every picture; on the GPU it is not waited for."""
        parts = frames if isinstance(frames, list) else [frames]
        return sum(part[..., 0, 0].sum() for part in parts)

    def finish(self) -> None:
        if self.cuda:
            import torch

            torch.cuda.synchronize()

    def taken(self) -> int:
        """Bytes of the device's memory that are not free."""
        import torch

        free, total = torch.cuda.mem_get_info()
        return int(total - free)

    def read(
        self, stream: Iterator[Frames], limit: int, keep: set[int]
    ) -> tuple[int, dict[int, Any]]:
        """Frames, and pictures from the places that are to be kept."""
        count, kept, total = 0, {}, 0
        for frames in stream:
            total += self.touch(frames)
            for place in keep & set(range(count, count + len(frames))):
                kept[place] = self.picture(frames[place - count])
            count += len(frames)
            if limit and count >= limit:
                break
        float(total)  # the GPU is done with what this thread has read
        return count, kept

    def picture(self, frame: Any) -> Any:
        """A part of one picture as an array in levels, HWC."""
        array = frame if isinstance(frame, numpy.ndarray) else frame.cpu().numpy()
        if self.peer.order == "NCHW":
            array = array.transpose(1, 2, 0)
        array = array[::SPARSE, ::SPARSE]
        return array if array.dtype == numpy.uint8 else array.astype("float32") * 255

    def work(
        self, question: Answer, keep: list[list[int]] | None = None
    ) -> tuple[float, list[tuple[int, dict[int, Any]]]]:
        """Seconds, and what `read` says of each stream. The close is not timed."""
        workload: Workload = named(question["workload"])
        limit = question["limit"]
        start = perf_counter()
        streams = workload.streams(self.peer, question["paths"], question["counts"])
        limits = [limit] * len(streams)
        places = map(set, keep or [[] for _ in streams])
        if len(streams) == 1:
            found = [self.read(streams[0], limit, next(places))]
        else:
            found = list(POOL.map(self.read, streams, limits, places))
        self.finish()
        return perf_counter() - start, found

    def run(self, **question: Any) -> Answer:
        before = process_time()
        seconds, found = self.work(question)
        cpu = process_time() - before
        frames = [count for count, _ in found]
        return {"seconds": seconds, "cpu": cpu, "frames": frames}

    def look(self, keep: list[list[int]], to: str, **question: Any) -> Answer:
        self.peer.trim()
        if not self.cuda:
            _, found = self.work(question, keep)
            return self.save(found, to)
        import torch

        torch.cuda.empty_cache()
        over, seen = threading.Event(), [0]

        def watch() -> None:
            while not over.wait(LOOK_SECONDS):
                seen.append(self.taken())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            _, found = self.work(question, keep)
        finally:
            over.set()
            watcher.join()
        return self.save(found, to) | {"mib": (max(seen) - self.level) / MIB}

    def save(self, found: list[tuple[int, dict[int, Any]]], to: str) -> Answer:
        pictures = {
            f"{stream} {place}": picture
            for stream, (_, kept) in enumerate(found)
            for place, picture in kept.items()
        }
        numpy.savez(to, **pictures)
        return {"frames": [count for count, _ in found]}


def main() -> None:
    subject = Subject(sys.argv[1])

    def answer(question: Answer) -> Answer:
        return getattr(subject, question.pop("do"))(**question)

    serve(answer)
    os._exit(0)  # some libraries crash or wait when the interpreter takes them down


if __name__ == "__main__":
    main()
