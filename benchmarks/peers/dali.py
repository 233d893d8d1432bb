"""DALI: a pipeline of fn.readers.video, built for every file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .base import BATCH, Frames, Peer, Size


class Dali(Peer):
    packages = ("nvidia-dali-cuda130", "nvidia-dali-cuda120")
    device = "cuda"
    setting = "fn.readers.video, pipeline build included"

    def __init__(self) -> None:
        from nvidia.dali import fn, pipeline_def
        from nvidia.dali.plugin.pytorch import DALIGenericIterator, LastBatchPolicy

        @pipeline_def(batch_size=1, num_threads=4, device_id=0)
        def sequences(paths: list[str], batch: int, size: Size) -> Any:
            reader = {
                "device": "gpu",
                "filenames": paths,
                "sequence_length": batch,
                "pad_sequences": True,
                "name": "reader",
            }
            if size is None:
                return fn.readers.video(**reader)
            return fn.readers.video_resize(resize_y=size[0], resize_x=size[1], **reader)

        self.sequences, self.iterator = sequences, DALIGenericIterator
        self.policy = LastBatchPolicy.PARTIAL

    def batches(self, path: str, size: Size = None, batch: int = BATCH) -> Iterator:
        return self.read([path], size, batch)

    def read(self, paths: list[str], size: Size, batch: int) -> Iterator[Frames]:
        pipeline = self.sequences(paths, batch, size)
        sequences = self.iterator(
            [pipeline],
            ["frames"],
            reader_name="reader",
            last_batch_policy=self.policy,
        )
        for (item,) in sequences:
            yield item["frames"][0]
