"""Tries an installed gvdecode: alone and beside PyAV and OpenCV, on the CPU.

    python packaging/smoke.py [--wheel]

Every case is a process of its own, since what was loaded first matters.
--wheel: FFmpeg must be the one inside the wheel, the licences must be there.
"""

import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ME = Path(__file__).resolve()
CLIP = ME.parents[1] / "examples/media/04_coffee.mp4"
FRAMES, HEIGHT, WIDTH = 287, 720, 1280
ORDERS = ["gvdecode", "gvdecode av cv2", "av cv2 gvdecode"]


def decode_gvdecode() -> int:
    import gvdecode

    count = 0
    with gvdecode.VideoDecoder(str(CLIP), device="cpu") as video:
        for batch in video.batches(32):
            array = batch.numpy()
            assert array.shape[1:] == (3, HEIGHT, WIDTH), array.shape
            assert array.any()
            count += len(array)
    return count


def decode_av() -> int:
    import av

    with av.open(str(CLIP)) as container:
        return sum(1 for _ in container.decode(video=0))


def decode_cv2() -> int:
    import cv2

    video = cv2.VideoCapture(str(CLIP))
    count = 0
    while video.read()[0]:
        count += 1
    return count


def check_own_ffmpeg() -> None:
    """Our FFmpeg is loaded, and it is the one beside the package."""
    maps = Path("/proc/self/maps").read_text()
    ours = set(re.findall(r"/\S*/lib(?:av|sw)\w+_gvd\S*", maps))
    assert len(ours) >= 3, ours
    assert all("/gvdecode.libs/" in path for path in ours), ours


def case(order: str, wheel: bool) -> None:
    for name in order.split():
        __import__(name)
    for name in order.split():
        count = globals()[f"decode_{name}"]()
        assert count == FRAMES, f"{name}: {count} frames instead of {FRAMES}"
    if wheel:
        check_own_ffmpeg()


def check_licences(files: Iterable[Path]) -> None:
    """The wheel's NOTICE names each of its libraries, and has the texts it names."""
    files = list(files)
    texts = {file.name: file for file in files if "licenses" in file.parts}
    notice = texts["NOTICE"].read_text()
    libraries = {re.split(r"[-.]", f.name)[0] for f in files if ".so" in f.name}
    unnamed = libraries - set(re.findall(r"\w+", notice))
    assert libraries and not unnamed, f"NOTICE does not name {sorted(unnamed)}"
    missing = named_texts(notice) - set(texts)
    assert not missing, f"not in the wheel: {sorted(missing)}"


def named_texts(notice: str) -> set[str]:
    return {"LICENSE", *re.findall(r"[\w.-]+\.(?:txt|md)\b", notice)}


def main(arguments: list[str]) -> None:
    wheel = "--wheel" in arguments
    if "--case" in arguments:
        case(arguments[arguments.index("--case") + 1], wheel)
        return
    if wheel:
        assert "LD_LIBRARY_PATH" not in os.environ
        check_licences(importlib.metadata.files("gvdecode") or [])
    for order in ORDERS:
        command = [sys.executable, str(ME), *arguments, "--case", order]
        # Not from the source tree: a `gvdecode` folder there would win.
        done = subprocess.run(command, cwd="/", capture_output=True, text=True)
        if done.returncode or done.stderr:
            sys.exit(f"{order}: exit {done.returncode}\n{done.stderr}")
        print(f"{order}: {FRAMES} frames each")


if __name__ == "__main__":
    main(sys.argv[1:])
