"""The frames of a file as model input, on the GPU where there is one.

    python examples/first_batch.py [FILE]

Needs nothing but gvdecode and NumPy. Where torch is installed the batch becomes
a tensor without a copy.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gvdecode

try:
    import torch
except ImportError:
    torch = None  # type: ignore[assignment, unused-ignore]

CLIP = Path(__file__).resolve().parent / "media" / "04_coffee.mp4"


def main() -> None:
    path = sys.argv[1] if len(sys.argv) > 1 else str(CLIP)
    with gvdecode.VideoDecoder(path, device="auto") as video:
        print(f"{path}: decoded by {video.backend}")
        if video.fallback_reason:
            print(f"not on the GPU: {video.fallback_reason}")
        batch = next(video.batches(32))
        pixels = batch.numpy() if torch is None else torch.from_dlpack(batch)
        times = batch.pts_seconds
        print(f"first batch: {type(pixels).__name__} {tuple(pixels.shape)}")
        print(f"from {times[0]:.3f} s to {times[-1]:.3f} s")
        print(f"largest value of the first frame: {int(pixels[0].max())}")


if __name__ == "__main__":
    main()
