"""Are the pixels right? Every row of `exact`.

    python bench_exact.py CLIP_OR_FOLDER... --references DIR

Every decoded frame, on the CPU and where there is a GPU on that too, is compared
with the MD5s that `references.py` took from ffmpeg; and the RGB of the CPU with
that of the GPU, byte for byte. A clip that gvdecode refuses is no row.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import numpy
from references import clips_in, read_reference
from results import DEFAULT_OUT, Results, cores, gpu

import gvdecode

BATCH = 32
AHEAD = 64  # frames that wait for their MD5


def host_array(plane: Any, device: str) -> Any:
    """The plane as a contiguous NumPy array."""
    if device == "cuda":
        import torch

        return torch.from_dlpack(plane).contiguous().cpu().numpy()
    return numpy.ascontiguousarray(numpy.from_dlpack(plane))


def md5(planes: list[Any]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for plane in planes:
        digest.update(plane)
    return digest.hexdigest()


def native_md5s(video: Any, device: str) -> Iterator[str]:
    """The MD5 of every frame's planes, in order; hashed beside the decoding."""
    waiting: deque[Future[str]] = deque()
    with ThreadPoolExecutor(cores()) as pool:
        for frame in video:
            planes = [host_array(plane, device) for plane in frame.planes]
            waiting.append(pool.submit(md5, planes))
            if len(waiting) == AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def differing(found: list[str], wanted: list[str]) -> int:
    """Frames that are wrong, missing or too many."""
    return sum(a != b for a, b in zip_longest(found, wanted))


def fallback_note(video: Any, device: str) -> str:
    """Says it where the GPU was asked for and the CPU decoded; call it at the end."""
    if device == "cpu":
        return ""
    if video.backend != "nvdec":
        return f"decoded on the CPU: {video.fallback_reason}"
    count = video.stats.fallback_frames
    return f"{count} frames decoded on the CPU" if count else ""


def compare_native(results: Results, clip: Path, wanted: list[str], device: str) -> int:
    """Adds the clip's row and returns the number of differing frames."""
    limit = len(wanted) + 1  # one more than there should be is an error too
    try:
        with gvdecode.VideoDecoder(
            str(clip), device=device, pixel_format="native", fallback="silent"
        ) as video:
            found = list(islice(native_md5s(video, device), limit))
            note = fallback_note(video, device)
    except gvdecode.UnsupportedError as error:
        results.leave_out(clip.name, f"{device} ({error})")
        return 0
    except gvdecode.Error as error:
        found, note = [], f"{type(error).__name__}: {error}"
    bad = differing(found, wanted)
    if len(found) != len(wanted):
        note = "; ".join(filter(None, (note, f"{len(found)} frames")))
    results.add(clip.name, device, "differing frames", [bad], n=len(wanted), note=note)
    return bad


def rgb_difference(clip: Path) -> tuple[int, int, str]:
    """Bytes that differ, bytes compared, and why it was not the GPU that decoded."""
    import torch

    path, bytes_compared = str(clip), 0
    bad = torch.zeros((), dtype=torch.int64, device="cuda")
    with (
        gvdecode.VideoDecoder(path, device="cpu") as host,
        gvdecode.VideoDecoder(path, device="cuda", fallback="silent") as video,
    ):
        for left, right in zip_longest(host.batches(BATCH), video.batches(BATCH)):
            if left is None or right is None or left.shape != right.shape:
                raise ValueError("the devices give different frames")
            pixels = torch.from_dlpack(right)
            expected = torch.from_numpy(left.numpy()).to("cuda")
            bad += (pixels != expected).sum()
            bytes_compared += pixels.numel()
        return int(bad), bytes_compared, fallback_note(video, "cuda")


def compare_devices(results: Results, clips: list[Path]) -> int:
    case, bad, compared, notes = "cpu against gpu", 0, 0, []
    for clip in clips:
        try:
            wrong, count, note = rgb_difference(clip)
        except (gvdecode.Error, ValueError) as error:
            results.leave_out(case, f"{clip.name} ({error})")
            continue
        bad, compared = bad + wrong, compared + count
        if wrong:
            notes.append(f"{clip.name}: {wrong} bytes differ")
        if note:
            notes.append(f"{clip.name} {note}")
    if compared:
        note = "; ".join([f"{len(clips)} clips", *notes])
        results.add(case, "rgb", "differing bytes", [bad], n=compared, note=note)
    return bad


def usable_devices(asked: str) -> list[str]:
    """cpu, and cuda where there is a GPU and torch to read its frames with."""
    has_gpu = bool(gpu()[0]) and importlib.util.find_spec("torch") is not None
    found = ["cpu", "cuda"] if has_gpu else ["cpu"]
    return [device for device in found if asked in (device, "all")]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+", help="files or folders")
    parser.add_argument("--references", type=Path, required=True, help="folder of MD5s")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--device", choices=("all", "cpu", "cuda"), default="all")
    options = parser.parse_args()
    results, bad, compared = Results("exact"), 0, []
    devices = usable_devices(options.device)
    for clip in clips_in(options.clips):
        reference = options.references / f"{clip.name}.md5"
        if not reference.exists():
            results.leave_out(clip.name, "no reference")
            continue
        wanted = read_reference(reference)
        bad += sum(compare_native(results, clip, wanted, name) for name in devices)
        compared.append(clip)
    if "cuda" in devices:
        bad += compare_devices(results, compared)
    if not results.rows:
        print("nothing could be compared", file=sys.stderr)
        return 1
    path = results.write(options.out)
    print(f"\n{results.table()}\n\nwritten: {path}")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
