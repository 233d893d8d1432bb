"""The first frame in a fresh process; run by bench_sequential.py.

    python first_frame.py cuda torch CLIP    # torch imported, its context up
    python first_frame.py cuda alone CLIP    # nothing but gvdecode
    python first_frame.py cpu alone CLIP

Prints the milliseconds from before `import gvdecode` to the first frame, and the
moment of the frame on the monotonic clock: the caller knows when it started the
interpreter. Imports nothing that it does not need: everything counts.
"""

import sys
from importlib import import_module
from time import monotonic
from typing import Any


def wait_for_device() -> None:
    """Waits for all work of the GPU's primary context, without torch."""
    import ctypes

    cuda, context = ctypes.CDLL("libcuda.so.1"), ctypes.c_void_p()
    status = cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0)
    status = status or cuda.cuCtxSetCurrent(context)
    status = status or cuda.cuCtxSynchronize()
    if status:
        raise RuntimeError(f"the driver reports error {status}")


def touch(frame: Any, device: str, torch: Any) -> None:
    """Returns once the pixels of the frame can be read."""
    if torch is not None:
        torch.from_dlpack(frame)
        torch.cuda.synchronize()
    elif device == "cuda":
        wait_for_device()
    else:
        frame.numpy()


def main() -> None:
    device, company, path = sys.argv[1:]
    torch: Any = None
    if company == "torch":
        torch = import_module("torch")
        torch.zeros(1, device="cuda")
        torch.cuda.synchronize()
    start = monotonic()
    import gvdecode

    with gvdecode.VideoDecoder(path, device=device, fallback="error") as video:
        frames = iter(video)  # kept: dropping it ends the reading
        touch(next(frames), device, torch)
        end = monotonic()
    print(f'{{"ms": {(end - start) * 1e3:.3f}, "at": {end:.6f}}}')


if __name__ == "__main__":
    main()
