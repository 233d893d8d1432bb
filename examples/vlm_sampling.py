"""What a vision-language model sees of a video: a few frames, small and normalised.

    python examples/vlm_sampling.py [FILE] [--fps 2 | --count 64] [--size 336]
    python examples/vlm_sampling.py [FILE] --model vit_b_16 --size 224

Prints the shapes and the times of the frames and how long they took. Only what
the wanted frames need is decoded, and memory holds one batch, however long the
video is. --model gives them to a torchvision model, with random weights unless
--weights names some, which torchvision then downloads.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import gvdecode

CLIP = Path(__file__).resolve().parent / "media" / "04_coffee.mp4"
# CLIP's, which many such models keep.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Samples a video for a model.")
    parser.add_argument("file", nargs="?", default=str(CLIP))
    rate = parser.add_mutually_exclusive_group()
    rate.add_argument("--fps", type=float, help="2 where --count is not given")
    rate.add_argument("--count", type=int)
    parser.add_argument("--size", type=int, default=336, help="%(default)s")
    parser.add_argument("--batch", type=int, default=32, help="%(default)s")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--model", help="a model of torchvision")
    parser.add_argument("--weights", help="of the model, such as DEFAULT")
    args = parser.parse_args()
    if args.fps is None and args.count is None:
        args.fps = 2.0
    return args


def load_model(
    name: str, weights: str | None, device: str
) -> Callable[[gvdecode.FrameBatch], Any]:
    """A function from a batch to what the model makes of it."""
    try:
        import torch
        from torchvision.models import get_model
    except ImportError as error:
        sys.exit(f"{error}. --model needs torch and torchvision.")
    model = get_model(name, weights=weights).eval().to(device)

    def look(batch: gvdecode.FrameBatch) -> torch.Tensor:
        with torch.inference_mode():
            return model(torch.from_dlpack(batch)).cpu()

    return look


def main() -> None:
    args = parse()
    with gvdecode.VideoDecoder(
        args.file,
        device=args.device,
        size=(args.size, args.size),
        interpolation="bicubic",
        dtype="float32",
        mean=MEAN,
        std=STD,
    ) as video:
        facts = video.metadata
        print(f"{args.file}: {facts.codec}, {facts.width}x{facts.height}")
        look = args.model and load_model(args.model, args.weights, video.device)
        start, count = perf_counter(), 0
        for batch in video.sample(
            fps=args.fps, count=args.count, batch_size=args.batch
        ):
            batch[-1].numpy()  # waits for the GPU
            count += len(batch)
            times = " ".join(f"{second:.2f}" for second in batch.pts_seconds)
            print(f"{batch.dtype} {batch.shape} on {batch.device}, at {times} s")
            if look:
                print(f"{args.model}: {tuple(look(batch).shape)}")
        seconds = perf_counter() - start
        print(f"{count} of {len(video)} frames, {seconds:.2f} seconds")


if __name__ == "__main__":
    main()
