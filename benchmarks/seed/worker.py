"""The process of one pipeline: answers lines of JSON as server.py asks them.

{"do": "run", "path": ..., "model": "light", "batch": 32, "frames": 960} gives the
seconds from the open to the last score on the host, of a process that has done the
same with other frames before; "trim" gives gvdecode's sessions and buffers back
first. "check" goes over the first frames only, waits behind each stage, and gives
the milliseconds a frame of each and the scores in the file "scores".
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy
import torch
from server import Answer

import gvdecode
from seed.models import DEVICE, Models, Sink, wait
from seed.pipelines import PIPELINES

WARM = 64  # frames before each run
Question = dict[str, Any]


class Laps:
    """The seconds of each stage, when each is waited for."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.start = perf_counter()

    def __call__(self, stage: str) -> None:
        wait()
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self.start
        self.start = now


def no_lap(_: str) -> None:
    """Nothing is waited for."""


class Worker:
    def __init__(self, name: str) -> None:
        self.make = PIPELINES[name]
        self.models = Models()

    @torch.inference_mode()
    def go(
        self, question: Question, frames: int, lap: Callable[[str], None] = no_lap
    ) -> tuple[float, Sink]:
        """Over the first frames of the file, and the seconds that they took."""
        kind, batch = question["model"], question["batch"]
        pipeline = self.make(question["path"], kind, batch)
        model, sink = self.models.get(kind, batch), Sink(frames)
        wait()
        lap("set-up")
        start = perf_counter()
        for pixels in pipeline.batches():
            lap("decode")
            pictures = pipeline.prepare(pixels)
            lap("preprocess")
            sink.add(model(pictures))
            lap("model")
            if sink.count == frames:
                break
        wait()
        seconds = perf_counter() - start
        if sink.count != frames:
            raise ValueError(f"{sink.count} frames instead of {frames}")
        return seconds, sink

    def run(self, question: Question) -> Answer:
        frames = question["frames"]
        self.go(question, min(WARM, frames))
        if question["trim"]:
            gvdecode.trim()
        return {"seconds": self.go(question, frames)[0]}

    def check(self, question: Question) -> Answer:
        frames, laps = question["frames"], Laps()
        self.go(question, min(WARM, frames))
        _, sink = self.go(question, frames, laps)
        numpy.save(question["scores"], sink.scores.float().numpy())
        del laps.seconds["set-up"]
        return {name: value / frames * 1e3 for name, value in laps.seconds.items()}

    def answer(self, question: Question) -> Answer:
        try:
            return getattr(self, question["do"])(question)
        finally:
            if DEVICE == "cuda":
                torch.cuda.empty_cache()  # the other processes need the memory
