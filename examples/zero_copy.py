"""The same with gvdecode: on a GPU the frames never leave its memory.

    python examples/zero_copy.py [FILE]

conventional.py is the other half of the pair. Without a GPU this decodes on
every CPU core, and the tensors are the decoder's own host memory.
"""

from __future__ import annotations

import sys
from time import perf_counter

import gvdecode

try:
    import torch
except ImportError as error:
    sys.exit(f"{error}. This example needs torch and torchvision.")

from model import BATCH, DEVICE, Classifier, parse_path


def main() -> None:
    path = parse_path(__doc__)
    classify = Classifier()
    start = perf_counter()
    with gvdecode.VideoDecoder(path, device=DEVICE) as video:
        for batch in video.batches(BATCH):
            classify(torch.from_dlpack(batch))
        backend = video.backend
    classes = classify.result()
    seconds = perf_counter() - start
    print(
        f"gvdecode ({backend}), model on {DEVICE}: "
        f"{len(classes)} frames, {seconds:.2f} seconds"
    )


if __name__ == "__main__":
    main()
