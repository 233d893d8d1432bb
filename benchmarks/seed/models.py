"""The light and the heavy model, with random weights, and what they take.

light: torchvision's MobileNetV3-small on pictures of 224x224; heavy: ResNet-50 on
the whole frame. Nothing is downloaded, so the weights are random; the statistics of
the batch norms are those of random pictures, since the scores would otherwise
vanish or hardly depend on the frame. On a GPU both compute in float16, channels
last; the light model is replayed as a CUDA graph, as
torch.compile(mode="reduce-overhead") does it, so that the launches of its 200 small
kernels from Python do not set the pace. All pipelines have the same model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision.models import mobilenet_v3_small, resnet50
from torchvision.transforms import v2

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
SIZE = {"light": (224, 224), "heavy": None}  # None: as the frame is
CLASSES = 1000
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
DTYPE = torch.float16 if DEVICE == "cuda" else torch.float32


def network(kind: str) -> nn.Module:
    torch.manual_seed(0)
    model = {"light": mobilenet_v3_small, "heavy": resnet50}[kind](weights=None)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0  # the statistics of the next batch, nothing else
    with torch.no_grad():
        model.train()(interpolate(torch.randn(8, 3, 28, 28), (224, 224)))
    return model.eval().to(DEVICE, DTYPE, memory_format=torch.channels_last)


def transform(kind: str) -> v2.Compose:
    """From RGB uint8 (N, 3, H, W) on DEVICE to what the model takes."""
    size = SIZE[kind]
    resize = [v2.Resize(size, antialias=True)] if size else []
    return v2.Compose([*resize, v2.ToDtype(DTYPE, scale=True), v2.Normalize(MEAN, STD)])


class Replayed:
    """A network as a CUDA graph of `batch` pictures; fewer leave a part unused."""

    def __init__(self, model: nn.Module, batch: int, size: tuple[int, int]) -> None:
        self.pictures = torch.zeros((batch, 3, *size), dtype=DTYPE, device=DEVICE)
        self.pictures = self.pictures.to(memory_format=torch.channels_last)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # capture asks for a warm-up on another stream
            model(self.pictures)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        # Of this thread only: gvdecode's may be at work.
        with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
            self.scores = model(self.pictures)

    def __call__(self, pictures: Tensor) -> Tensor:
        count = len(pictures)
        self.pictures[:count].copy_(pictures)
        self.graph.replay()
        return self.scores[:count]


class Models:
    """Makes each model once, and its graphs, one a batch size."""

    def __init__(self) -> None:
        self.networks: dict[str, nn.Module] = {}
        self.graphs: dict[int, Replayed] = {}

    @torch.inference_mode()
    def get(self, kind: str, batch: int) -> nn.Module | Replayed:
        """Takes pictures (N, 3, H, W), gives scores (N, CLASSES), valid until the
        next call."""
        if kind not in self.networks:
            self.networks[kind] = network(kind)
        size = SIZE[kind]
        if size is None or DEVICE == "cpu":
            return self.networks[kind]
        if batch not in self.graphs:
            self.graphs[batch] = Replayed(self.networks[kind], batch, size)
        return self.graphs[batch]


class Sink:
    """The scores of all frames on the host; on a GPU the copies are not waited for."""

    def __init__(self, frames: int) -> None:
        pinned = DEVICE == "cuda"
        self.scores = torch.zeros((frames, CLASSES), dtype=DTYPE, pin_memory=pinned)
        self.count = 0

    def add(self, scores: Tensor) -> None:
        end = self.count + len(scores)
        if end > len(self.scores):
            raise ValueError(f"more than {len(self.scores)} frames")
        self.scores[self.count : end].copy_(scores, non_blocking=True)
        self.count = end


def wait() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()
