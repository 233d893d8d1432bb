"""Builds gvdecode._core from csrc/. What is constant stands in pyproject.toml.

Environment:
  GVD_FFMPEG_SUFFIX=_gvd  link libavcodec_gvd ... (packaging/build_ffmpeg.sh)
  GVD_NO_CUDA=1           leave the GPU out: no NVRTC, no ffnvcodec headers
  GVD_WERROR=1            warnings are errors
  GVD_SANITIZE=address,undefined
  GVD_DRIVER_FAULTS=1     for tests/test_driver_faults.py: calls of the driver can fail
"""

import importlib.util
import os
import shlex
import subprocess
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
ENV = os.environ.get
CUDA = ENV("GVD_NO_CUDA", "0") in ("", "0")
LIBAV = ["libavformat", "libavcodec", "libavutil", "libswscale"]
APT = (
    "apt-get install pkg-config libavformat-dev libavcodec-dev libavutil-dev "
    "libswscale-dev libffmpeg-nvenc-dev"
)
# The headers of the free-threaded build refuse the limited API, and pip there
# takes no abi3 wheel: it gets one of its own.
ABI3 = not sysconfig.get_config_var("Py_GIL_DISABLED")


def pkg_config(*args: str) -> list[str]:
    packages = [name + ENV("GVD_FFMPEG_SUFFIX", "") for name in LIBAV]
    packages += ["ffnvcodec"] if CUDA else []
    command = ["pkg-config", *args, *packages]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise SystemExit(f"gvdecode: pkg-config is missing. On Debian: {APT}") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(
            f"gvdecode: `{shlex.join(command)}` failed:\n{error.stderr}"
            f"FFmpeg's headers are needed, 5.1 or later. On Debian: {APT}"
        ) from None
    return shlex.split(done.stdout)


def sources() -> list[str]:
    found = [*ROOT.glob("csrc/*.c"), *ROOT.glob("csrc/cpu/*.c")]
    found += ROOT.glob("csrc/python/*.c")
    stub = ROOT / "csrc/cuda/stub.c"
    found += [f for f in ROOT.glob("csrc/cuda/*.c") if (f == stub) != CUDA]
    return sorted(str(f.relative_to(ROOT)) for f in found)


def kernels_image() -> Path:
    """Compiles kernels.cu; returns the C file that embeds the result."""
    # By its path: a plain import would find PyPI's `packaging`.
    path = ROOT / "packaging/kernels.py"
    spec = importlib.util.spec_from_file_location("gvd_kernels", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build_kernels(ROOT / "csrc", ROOT / "build/kernels")


class BuildExt(build_ext):
    def build_extension(self, ext):
        # Theirs as system headers: our warnings are about our code.
        system = [sysconfig.get_path("include"), numpy.get_include()]
        system += [flag[2:] for flag in pkg_config("--cflags-only-I")]
        for folder in system:
            ext.extra_compile_args += ["-isystem", folder]
        ext.extra_link_args += pkg_config("--libs")
        if CUDA:
            ext.sources.append(str(kernels_image().relative_to(ROOT)))
        one_by_one = self.compiler.compile

        def in_parallel(files, **kwargs):
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                jobs = [pool.submit(one_by_one, [f], **kwargs) for f in files]
            return [obj for job in jobs for obj in job.result()]

        self.compiler.compile = in_parallel
        super().build_extension(ext)


cflags = [*(ROOT / "packaging/cflags").read_text().split(), "-O2"]
ldflags = ["-pthread", "-Wl,--exclude-libs,ALL", "-ldl", "-lpthread", "-lm"]
if ENV("GVD_WERROR") == "1":
    cflags.append("-Werror")
if ENV("GVD_SANITIZE"):
    sanitize = [f"-fsanitize={ENV('GVD_SANITIZE')}", "-fno-sanitize-recover=all"]
    cflags += [*sanitize, "-O1", "-g", "-fno-omit-frame-pointer", "-UNDEBUG"]
    ldflags += sanitize
if ENV("GVD_DRIVER_FAULTS") == "1":
    cflags.append("-DGVD_DRIVER_FAULTS")

setup(
    ext_modules=[
        Extension(
            "gvdecode._core",
            sources=sources(),
            depends=sorted(str(f.relative_to(ROOT)) for f in ROOT.glob("csrc/**/*.*")),
            include_dirs=["csrc"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")] if ABI3 else [],
            extra_compile_args=cflags,
            extra_link_args=ldflags,
            py_limited_api=ABI3,
        )
    ],
    cmdclass={"build_ext": BuildExt},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if ABI3 else {},
)
