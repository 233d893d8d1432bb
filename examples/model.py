"""What conventional.py and zero_copy.py share: the model and its input.

The experiment that the two rebuild does not say which model it ran. This one is
small, so that the decoding shows; its weights are random, since only the time
matters here and nothing has to be downloaded.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

try:
    import torch
    from torchvision.models import mobilenet_v3_small
except ImportError as error:
    sys.exit(f"{error}. This example needs torch and torchvision.")

BATCH = 32
CLIP = Path(__file__).resolve().parent / "media" / "04_coffee.mp4"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def parse_path(description: str | None) -> str:
    """The clip named on the command line."""
    lines = (description or "").splitlines()
    parser = argparse.ArgumentParser(description=lines[0] if lines else None)
    parser.add_argument("file", nargs="?", default=str(CLIP))
    return str(parser.parse_args().file)


class Classifier:
    """Takes RGB frames (N, 3, H, W) of uint8 on DEVICE, keeps the best class."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = mobilenet_v3_small(weights=None).eval().to(DEVICE)
        self.mean = torch.tensor(MEAN, device=DEVICE).view(1, 3, 1, 1)
        self.std = torch.tensor(STD, device=DEVICE).view(1, 3, 1, 1)
        self.classes: list[torch.Tensor] = []
        self.warm_up()

    def __call__(self, frames: torch.Tensor) -> None:
        with torch.inference_mode():
            small = torch.nn.functional.interpolate(
                frames.float(), size=(224, 224), mode="bilinear", antialias=True
            )
            scores = self.model((small / 255 - self.mean) / self.std)
            self.classes.append(scores.argmax(dim=1))

    def warm_up(self) -> None:
        """Libraries load and choose their kernels before the clock starts."""
        self(torch.zeros((BATCH, 3, 360, 640), dtype=torch.uint8, device=DEVICE))
        self.result()
        self.classes = []

    def result(self) -> list[int]:
        """The classes of all frames, on the host; waits for the GPU."""
        return torch.cat(self.classes).tolist() if self.classes else []
