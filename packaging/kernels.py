"""Compile csrc/cuda/kernels.cu with NVRTC and embed the result in a C file.

setup.py calls `build_kernels`. NVRTC comes from PyPI as a build requirement, so
neither a CUDA toolkit nor a host compiler for CUDA is needed. It is 12.9
because cubins of 13.x are only promised to load on drivers from 580 on, those
of 12.x on drivers from 525 on.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
from pathlib import Path

NVRTC_PACKAGE = "nvidia-cuda-nvrtc-cu12==12.9.86"
CUBIN_ARCHES = (60, 70, 75, 80, 86, 89, 90, 100, 120)
PTX_ARCH = 75
# The lowest version that has sm_75: older drivers refuse what NVRTC writes
# (8.8), although nothing in the kernels needs it.
PTX_VERSION = "6.3"
# No fused multiply-add: the CPU has none in the same places.
OPTIONS = ("--std=c++17", "--fmad=false")

HEADER = """\
// Written by packaging/kernels.py. Do not edit.
#include "cuda/kernel_image.h"
"""
IMAGE = """
__asm__(".pushsection .rodata\\n"
        ".balign 16\\n"
        ".globl {symbol}\\n"
        ".hidden {symbol}\\n"
        "{symbol}:\\n"
        ".incbin \\"{path}\\"\\n"
        ".popsection\\n");
extern const unsigned char {symbol}[] __attribute__((visibility("hidden")));
"""


class KernelError(RuntimeError):
    """The kernels could not be compiled; the text says what to do."""


def find_nvrtc() -> Path:
    """Return the path of libnvrtc in the installed NVRTC package."""
    try:
        spec = importlib.util.find_spec("nvidia.cuda_nvrtc")
    except ModuleNotFoundError:
        spec = None
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "lib" / "libnvrtc.so.12"
        if path.exists():
            return path
    raise KernelError(
        f"NVRTC was not found: pip install {NVRTC_PACKAGE} "
        "(pip does so itself unless build isolation is off)"
    )


class Nvrtc:
    """The few NVRTC calls that are needed."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL(str(find_nvrtc()))
        self._lib.nvrtcGetErrorString.restype = ctypes.c_char_p

    def _call(self, name: str, *args: object) -> None:
        code = getattr(self._lib, name)(*args)
        if code:
            text = self._lib.nvrtcGetErrorString(code).decode()
            raise KernelError(f"{name} failed: {text}")

    def _output(self, program: ctypes.c_void_p, what: str) -> bytes:
        size = ctypes.c_size_t()
        self._call(f"nvrtcGet{what}Size", program, ctypes.byref(size))
        data = ctypes.create_string_buffer(size.value)
        self._call(f"nvrtcGet{what}", program, data)
        return data.raw

    def compile(self, source: Path, target: str, options: list[str]) -> bytes:
        """Return the cubin for a target sm_NN, the PTX for compute_NN."""
        options = [f"--gpu-architecture={target}", *OPTIONS, *options]
        argv = (ctypes.c_char_p * len(options))(*map(str.encode, options))
        program = ctypes.c_void_p()
        text, name = source.read_bytes(), source.name.encode()
        self._call(
            "nvrtcCreateProgram", ctypes.byref(program), text, name, 0, None, None
        )
        try:
            self._call("nvrtcCompileProgram", program, len(options), argv)
            what = "CUBIN" if target.startswith("sm_") else "PTX"
            return self._output(program, what)
        except KernelError as error:
            log = self._output(program, "ProgramLog").rstrip(b"\0\n").decode()
            raise KernelError(f"{source} for {target}: {error}\n{log}") from None
        finally:
            self._lib.nvrtcDestroyProgram(ctypes.byref(program))


def lower_ptx_version(ptx: bytes) -> bytes:
    """Rewrite the .version line; the text stays NUL-terminated.

    What that version does not know is a hint of which bytes of a load are used.
    """
    ptx = re.sub(rb'^\s*\.pragma "used_bytes_mask [^"]*";\n', b"", ptx, flags=re.M)
    line = f".version {PTX_VERSION}".encode()
    text, count = re.subn(rb"^\.version \d+\.\d+", line, ptx, flags=re.MULTILINE)
    if count != 1:
        raise KernelError(f"{count} .version lines in the PTX, expected 1")
    return text.rstrip(b"\0") + b"\0"


def c_string(path: Path) -> str:
    """Escape a path for the assembler's string within a C string."""
    return re.sub(r'([\\"])', r"\\\\\\\1", str(path))


def build_kernels(csrc: Path, out_dir: Path) -> Path:
    """Compile the kernels into out_dir and return the C file that embeds them.

    The C file is to be compiled with csrc as an include directory, before
    out_dir goes away. Raises KernelError with NVRTC's log.
    """
    out_dir = out_dir.resolve()
    out_dir.mkdir(parents=True, exist_ok=True)
    source, options = csrc / "cuda" / "kernels.cu", [f"--include-path={csrc}"]
    nvrtc = Nvrtc()
    images: list[tuple[int, Path, bytes]] = []
    for arch in CUBIN_ARCHES:
        cubin = nvrtc.compile(source, f"sm_{arch}", options)
        images.append((arch, out_dir / f"kernels_sm_{arch}.cubin", cubin))
    ptx = lower_ptx_version(nvrtc.compile(source, f"compute_{PTX_ARCH}", options))
    images.append((0, out_dir / f"kernels_compute_{PTX_ARCH}.ptx", ptx))

    code, table = HEADER, ""
    for arch, path, data in images:
        path.write_bytes(data)
        symbol = f"gvd_kernels_{arch or 'ptx'}"
        code += IMAGE.format(symbol=symbol, path=c_string(path))
        table += f"    {{{arch}, {symbol}, {len(data)}}},\n"
    code += f"\nconst struct gvd_kernel_image gvd_kernel_images[] = {{\n{table}}};\n"
    code += f"const int gvd_kernel_image_count = {len(images)};\n"
    target = out_dir / "kernels_image.c"
    target.write_text(code)
    return target
