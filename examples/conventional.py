"""The conventional way: OpenCV decodes on the CPU, the frames are uploaded.

    python examples/conventional.py [FILE]

zero_copy.py does the same with gvdecode; the difference between the two is
what this pair is for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from time import perf_counter

import numpy

try:
    import cv2
    import torch
except ImportError as error:
    sys.exit(f"{error}. This example needs opencv-python-headless and torch.")

from model import BATCH, DEVICE, Classifier, parse_path


def read_batches(path: str) -> Iterator[numpy.ndarray]:
    """Up to BATCH frames at a time, RGB, (N, H, W, 3)."""
    capture = cv2.VideoCapture(path)
    if not capture.isOpened():
        sys.exit(f"OpenCV cannot open {path}")
    frames = []
    while True:
        good, image = capture.read()
        if good:
            frames.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        if frames and (not good or len(frames) == BATCH):
            yield numpy.stack(frames)
            frames = []
        if not good:
            break
    capture.release()


def main() -> None:
    path = parse_path(__doc__)
    classify = Classifier()
    start = perf_counter()
    for batch in read_batches(path):
        frames = torch.from_numpy(batch).to(DEVICE)
        classify(frames.permute(0, 3, 1, 2))
    classes = classify.result()
    seconds = perf_counter() - start
    print(f"opencv, model on {DEVICE}: {len(classes)} frames, {seconds:.2f} seconds")


if __name__ == "__main__":
    main()
