#!/bin/bash
# tidy.sh FILE.c...: clang-tidy with the flags of the build.
set -euo pipefail
cd "$(dirname "$0")/.."
includes=$(python3 -c 'import numpy, sysconfig
print("-isystem", sysconfig.get_path("include"), "-isystem", numpy.get_include())')
libav=$(pkg-config --cflags-only-I libavformat libavcodec libavutil libswscale ffnvcodec)
# Word splitting is meant: each of these is a list of flags.
# shellcheck disable=SC2046,SC2086
exec clang-tidy --quiet "$@" -- $(cat packaging/cflags) -Icsrc \
  -DPy_LIMITED_API=0x030B0000 $includes ${libav//-I/-isystem }
