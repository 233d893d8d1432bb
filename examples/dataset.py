"""Clips for training, in two ways: a Dataset for torch's DataLoader, and decode_many.

    python examples/dataset.py [FILE ...] [--workers 2] [--start fork]

The Dataset gives pieces of the files in any order; its workers, forked or
spawned, decode on the CPU. decode_many gives whole files in their order, on the
GPU where there is one, and needs no workers.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
from pathlib import Path
from time import perf_counter

import gvdecode

try:
    import torch
    from torch.utils.data import DataLoader, Dataset
except ImportError as error:
    sys.exit(f"{error}. This example needs torch.")

CLIP = Path(__file__).resolve().parent / "media" / "04_coffee.mp4"
FRAMES = 16
SIZE = (224, 224)


@functools.lru_cache(maxsize=32)
def open_video(
    path: str, index: gvdecode.VideoIndex, process: int
) -> gvdecode.VideoDecoder:
    """One a process: a forked worker cannot go on with its parent's decoders."""
    return gvdecode.VideoDecoder(path, device="cpu", sessions=1, size=SIZE, index=index)


class Clips(Dataset[tuple[torch.Tensor, int]]):
    """Pieces of FRAMES frames, uint8 (FRAMES, 3, H, W), and the file of each.

    The files are scanned once, here; what is given to the workers, by a fork or
    by pickle, are the indexes.
    """

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths
        self.indexes = [
            gvdecode.VideoDecoder(path, device="cpu").index for path in paths
        ]
        self.places = [
            (file, first)
            for file, index in enumerate(self.indexes)
            for first in range(0, len(index) - FRAMES + 1, FRAMES)
        ]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        file, first = self.places[place]
        video = open_video(self.paths[file], self.indexes[file], os.getpid())
        return torch.from_dlpack(video[first : first + FRAMES]), file


def main() -> None:
    parser = argparse.ArgumentParser(description="Loads clips in two ways.")
    parser.add_argument("files", nargs="*", default=[str(CLIP)] * 4)
    parser.add_argument("--workers", type=int, default=2, help="%(default)s")
    parser.add_argument("--start", choices=("fork", "spawn"), default="spawn")
    args = parser.parse_args()

    loader = DataLoader(
        Clips(args.files),
        batch_size=4,
        shuffle=True,
        num_workers=args.workers,
        multiprocessing_context=args.start if args.workers else None,
    )
    start, count = perf_counter(), 0
    for batch, _ in loader:
        count += batch.shape[0] * FRAMES
    seconds = perf_counter() - start
    print(f"DataLoader, last batch: {tuple(batch.shape)}")
    print(f"DataLoader: {count} frames on the CPU, {seconds:.2f} seconds")

    start, count = perf_counter(), 0
    for item in gvdecode.decode_many(args.files, FRAMES, size=SIZE):
        frames = torch.from_dlpack(item.batch)
        count += len(frames)
    seconds = perf_counter() - start
    print(f"decode_many, last batch: {tuple(frames.shape)} of file {item.index}")
    print(f"decode_many: {count} frames on {frames.device}, {seconds:.2f} seconds")


if __name__ == "__main__":
    main()
