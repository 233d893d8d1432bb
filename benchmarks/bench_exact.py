"""Are the frames right? Every row of `exact`.

    python bench_exact.py CLIP_OR_FOLDER... --references DIR

Every decoded frame, on the CPU and where there is a GPU on that too, is compared
with what `references.py` took from libavcodec: how many there are, in which
order, when each is shown, its size, its format and the MD5 of its planes. And the
RGB of the CPU is compared with that of the GPU, byte for byte. A file that both
refuse is equal: no frames.
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
from typing import Any, Literal

import numpy
from references import Picture, Reference, clips_in, read_reference
from results import DEFAULT_OUT, Results, cores, gpu

import gvdecode
from gvdecode import _core

BATCH = 32
AHEAD = 64  # frames that wait for their MD5

# Files whose frames are known to differ, and why: their rows say so, and they do
# not count as a failure. "NAME" is for both devices, "NAME cuda" for one.
KNOWN: dict[str, str] = {
    "f_unpaired_key.mp4": "an IDR field without its other one: libavcodec shows none "
    "of the frames behind it when it comes from the GOP before, and all of them when "
    "it begins there, as a GOP job does",
    "d_no_p_hevc.mp4 cuda": "a picture that others refer to is missing, and NVDEC "
    "conceals that without telling",
}


def host_array(plane: Any, device: str) -> Any:
    """The plane as a contiguous NumPy array."""
    if device == "cuda":
        import torch

        return torch.from_dlpack(plane).contiguous().cpu().numpy()
    return numpy.ascontiguousarray(numpy.from_dlpack(plane))


def picture(frame: Any, planes: list[Any]) -> Picture:
    digest = hashlib.md5(usedforsecurity=False)
    for plane in planes:
        digest.update(plane)
    size = frame.width, frame.height
    return Picture(frame.pts, *size, frame.pixel_format, digest.hexdigest())


def native_pictures(video: Any, device: str) -> Iterator[Picture]:
    """Every frame, in order; hashed beside the decoding."""
    waiting: deque[Future[Picture]] = deque()
    with ThreadPoolExecutor(cores()) as pool:
        for frame in video:
            planes = [host_array(plane, device) for plane in frame.planes]
            waiting.append(pool.submit(picture, frame, planes))
            if len(waiting) == AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def rgb_pictures(video: Any) -> Iterator[Picture]:
    """Every frame without its pixels, where these are no planes of YUV."""
    for frame in video:
        yield Picture(frame.pts, frame.width, frame.height, "", "")


def fallback_note(video: Any, device: str) -> str:
    """Says it where the GPU was asked for and the CPU decoded; call it at the end."""
    if device == "cpu":
        return ""
    if video.backend != "nvdec":
        return f"decoded on the CPU: {video.fallback_reason}"
    count = video.stats.fallback_frames
    return f"{count} frames decoded on the CPU" if count else ""


def decode(
    clip: Path, device: str, planar: bool, limit: int
) -> tuple[list[Picture], str]:
    """The clip's frames, `limit` at most, and what to note about them."""
    form: Literal["native", "rgb24"] = "native" if planar else "rgb24"
    try:
        with gvdecode.VideoDecoder(
            str(clip), device=device, pixel_format=form, fallback="silent"
        ) as video:
            frames = native_pictures(video, device) if planar else rgb_pictures(video)
            found = list(islice(frames, limit))
            return found, fallback_note(video, device)
    except gvdecode.Error as error:
        return [], f"{type(error).__name__}: {error}"


def first_difference(found: list[Picture], wanted: list[Picture]) -> str:
    """In words; nothing where there is none."""
    for number, (a, b) in enumerate(zip_longest(found, wanted)):
        if a is None or b is None:
            return f"{len(found)} frames, not {len(wanted)}"
        if a != b:
            names = [n for n, x, y in zip(a._fields, a, b, strict=True) if x != y]
            values = [f"{n} {getattr(a, n)}, not {getattr(b, n)}" for n in names]
            return f"first in frame {number}: {', '.join(values)}"
    return ""


def compare(results: Results, clip: Path, reference: Reference, device: str) -> int:
    """Adds the clip's row; the number of differing frames that nobody knows of."""
    wanted = reference.expected()
    if not reference.planar:
        wanted = [one._replace(pixel_format="", md5="") for one in wanted]
    # One more than there should be is an error too.
    found, note = decode(clip, device, reference.planar, len(wanted) + 1)
    bad = sum(a != b for a, b in zip_longest(found, wanted))
    notes = [note, first_difference(found, wanted)]
    if not reference.planar:
        form = reference.pictures[0].pixel_format
        notes.append(f"{form} is no planar YUV: number, times and sizes only")
    known = KNOWN.get(clip.name) or KNOWN.get(f"{clip.name} {device}", "")
    if bad and known:
        notes.append(f"known: {known}")
    text = "; ".join(filter(None, notes))
    results.add(clip.name, device, "differing frames", [bad], n=len(wanted), note=text)
    return 0 if known else bad


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
    case, bad, unknown, compared, on_cpu = "cpu against gpu", 0, 0, 0, 0
    notes = []
    for clip in clips:
        try:
            wrong, count, note = rgb_difference(clip)
        except (gvdecode.Error, ValueError) as error:
            results.leave_out(case, f"{clip.name} ({error})")
            continue
        bad, compared = bad + wrong, compared + count
        if wrong:
            notes.append(f"{clip.name}: {wrong} bytes differ")
            unknown += 0 if f"{clip.name} cuda" in KNOWN else wrong
        if note.startswith("decoded on the CPU"):
            on_cpu += 1
        elif note:
            notes.append(f"{clip.name} {note}")
    if compared:
        head = f"{len(clips)} clips, {on_cpu} of them decoded on the CPU for both"
        note = "; ".join([head, *notes])
        results.add(case, "rgb", "differing bytes", [bad], n=compared, note=note)
    return unknown


def usable_devices(asked: str) -> list[str]:
    """cpu, and cuda where there is a GPU and torch to read its frames with."""
    has_gpu = bool(gpu()[0]) and importlib.util.find_spec("torch") is not None
    found = ["cpu", "cuda"] if has_gpu else ["cpu"]
    return [device for device in found if asked in (device, "all")]


def compare_all(results: Results, options: argparse.Namespace) -> int:
    """All rows; the number of differences that nobody knows of."""
    devices, bad, with_frames = usable_devices(options.device), 0, []
    for clip in clips_in(options.clips):
        path = options.references / f"{clip.name}.ref"
        if not path.exists():
            results.leave_out(clip.name, "no reference")
            continue
        reference = read_reference(path)
        if reference.libav != _core.libav_version():
            raise SystemExit(
                f"{path} was made by libav {reference.libav}, "
                f"gvdecode has {_core.libav_version()}"
            )
        bad += sum(compare(results, clip, reference, device) for device in devices)
        if reference.pictures:
            with_frames.append(clip)
    if "cuda" in devices:
        bad += compare_devices(results, with_frames)
    return bad


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+", help="files or folders")
    parser.add_argument("--references", type=Path, required=True, help="a folder")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    parser.add_argument("--device", choices=("all", "cpu", "cuda"), default="all")
    options = parser.parse_args()
    results = Results("exact")
    bad = compare_all(results, options)
    if not results.rows:
        print("nothing could be compared", file=sys.stderr)
        return 1
    for listing in (path / "not_made.txt" for path in options.clips):
        for line in listing.read_text().splitlines() if listing.exists() else ():
            results.leave_out(*line.split(": ", 1))
    path = results.write(options.out)
    rows = [row for row in results.rows if row.median]
    for row in rows:
        print(f"differs: {row.case}, {row.subject}: {row.median:g}; {row.note}")
    print(f"{len(results.rows)} rows, {len(rows)} differ; written: {path}")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
