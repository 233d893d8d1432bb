"""`python -m gvdecode info`, `probe FILE` and `bench FILE`."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from gvdecode import Error, VideoDecoder, __version__, _core, log

GIB = 1 << 30


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; the exit status is 0, 1 after an error, 2 for bad usage."""
    parser = argparse.ArgumentParser(prog="python -m gvdecode", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("info", help="what this machine decodes with")
    probe = commands.add_parser("probe", help="what a file holds, and what decodes it")
    probe.add_argument("file", help="path or URL of a video")
    probe.add_argument("--device", default="auto", help='"auto", "cpu", "cuda:0" ...')
    bench = commands.add_parser("bench", help="how fast a file is decoded here")
    bench.add_argument("file", help="path or URL of a video")
    bench.add_argument("--device", default="auto", help='"auto", "cpu", "cuda:0" ...')
    bench.add_argument("--seconds", type=float, default=10, help="about, in all")
    options = parser.parse_args(argv)
    try:
        run(options)
        print(end="", flush=True)
    except (Error, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # nobody takes what is printed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # `| head`
            print(f"error: standard output: {error}", file=sys.stderr)
        return 1
    return 0


def run(options: argparse.Namespace) -> None:
    if options.command == "info":
        show_info()
    elif options.command == "bench":
        show_speed(options.file, options.device, options.seconds)
    else:
        show_file(options.file, options.device)


def line(name: str, text: object) -> None:
    print(f"{name:<12} {text}")


def show_info() -> None:
    line("gvdecode", f"{__version__}, Python {platform.python_version()}")
    for name in ("numpy", "torch"):
        line(name, installed(name))
    line("FFmpeg", _core.libav_version())
    for path in mapped_libraries(r"libav(codec|format)"):
        line("", path)
    show_gpus()
    log.drain()


def installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed" + (", and not needed" if name == "torch" else "")


def mapped_libraries(pattern: str) -> list[str]:
    """The shared libraries that this process has loaded, by name."""
    try:
        text = Path("/proc/self/maps").read_text()
    except OSError:
        return []
    paths = re.findall(r"^\S+ \S+ \S+ \S+ \S+ +(/.*)$", text, re.MULTILINE)
    return sorted({path for path in paths if re.search(pattern, Path(path).name)})


def show_gpus() -> None:
    version = _core.cuda_driver_version()
    count, reason = _core.cuda_device_count()
    if version:
        line("driver", f"CUDA {version // 1000}.{version % 1000 // 10}")
    else:
        line("driver", "none")
    if count == 0:
        line("GPU", f"none: {reason}" if reason else "none")
        line("", gpu_advice(os.path.exists))
        line("", 'Meanwhile device="auto" decodes on the CPU.')
    for index in range(count):
        try:
            show_gpu(index)
        except Error as error:
            line(f"GPU {index}", f"unusable: {error}")


def gpu_advice(exists: Callable[[str], bool]) -> str:
    """What to do where no GPU can be used."""
    if exists("/dev/nvidiactl"):
        return (
            "The kernel driver is there but its libraries are not: in a container set "
            "NVIDIA_DRIVER_CAPABILITIES=compute,utility,video, else install "
            "libcuda.so.1 and libnvcuvid.so.1 of the same version."
        )
    return (
        "With an NVIDIA GPU: install NVIDIA's driver, 525 or later; "
        "in a container start it with --gpus all."
    )


def show_gpu(index: int) -> None:
    gpu = _core.cuda_describe(index)
    major, minor = gpu["compute_capability"]
    line(
        f"GPU {index}",
        f"{gpu['name']}, compute capability {major}.{minor}, "
        f"{gpu['total_bytes'] / GIB:.1f} GiB, {gpu['free_bytes'] / GIB:.1f} free",
    )
    if not gpu["codecs"]:
        line("", "NVDEC decodes nothing: is libnvcuvid.so.1 installed?")
        return
    print(f"  {'codec':<8} {'chroma':<7} {'bits':>4}  {'largest':<12} engines")
    for codec in gpu["codecs"]:
        size = f"{codec['max_width']}x{codec['max_height']}"
        print(
            f"  {codec['codec']:<8} {codec['chroma']:<7} {codec['bit_depth']:>4}  "
            f"{size:<12} {codec['engines'] or '?'}"
        )


def show_file(name: str, device: str) -> None:
    with VideoDecoder(name, device=device, fallback="silent") as video:
        line("file", name)
        media = video._reader.media
        if not media["seekable"]:  # it is not read twice for what else there is
            show_stream(video, "")
            return
        for stream in video._reader.streams():
            index = stream["stream_index"]
            if stream["kind"] != "video":
                line(f"stream {index}", f"{stream['kind']}, {stream['codec']}")
            elif index == media["stream_index"]:
                show_stream(video, "  (the default)")
            else:
                with VideoDecoder(
                    name, device=device, stream_index=index, fallback="silent"
                ) as other:
                    show_stream(other, "")


def show_stream(video: VideoDecoder, mark: str) -> None:
    meta = video.metadata
    line(f"stream {meta.stream_index}", f"{meta.codec}, {meta.pixel_format}{mark}")
    line("  size", f"{meta.width}x{meta.height}{turned(meta.rotation)}")
    line("  frame rate", number(meta.average_fps_from_header, "fps"))
    line("  duration", number(meta.duration_seconds_from_header, "s"))
    line("  frames", f"{meta.num_frames_from_header or 'not told'} by the header")
    color = (meta.color_space, meta.color_range)
    line("  colour", ", ".join(c for c in color if c) or "not told")
    where = {"nvdec": f"NVDEC, {video.device}", "cpu": "the CPU"}
    line("  decoded by", where.get(video.backend, video.backend))
    if video.fallback_reason:
        line("", f"not by NVDEC: {video.fallback_reason}")


def show_speed(name: str, device: str, seconds: float) -> None:
    from gvdecode import bench

    if not 0 < seconds < 3600:
        raise ValueError(f"--seconds must be above 0 and below 3600, got {seconds}")
    show_file(name, device)
    print()
    for what, figure, note in bench.measure(name, device, seconds):
        print(f"{what:<20} {figure:>12}  {note}".rstrip(), flush=True)


def turned(degrees: int | None) -> str:
    return f", turned by {degrees} degrees" if degrees else ""


def number(value: float | None, unit: str) -> str:
    return "not told by the header" if value is None else f"{value:.6g} {unit}"
