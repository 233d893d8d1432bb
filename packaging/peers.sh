#!/bin/bash
# peers.sh: what the steps `peers`, `peerscold` and `peerscpu` of gpu.sh need beside
# the project, for a machine without a network (Python 3.12, x86-64, torch for CUDA 13).
#
#   peers.sh wheels DIR           the peers' wheels, from PyPI
#   peers.sh ffmpeg DIR TARBALL   FFmpeg's shared libraries, which torchcodec and SPDL
#                                 look for; TARBALL as build_ffmpeg.sh fetches it
#   peers.sh carry DIR CLIPS CEILING WHEEL [PREFIX]
#                                 lays it all out in folders of less than 60 MiB that
#                                 become one DATA folder there: PREFIX1 to PREFIX9,
#                                 of which 5 to 9 are DALI, 240 MiB in pieces
#
# StreamReader is not among them: torchaudio 2.8 does not load with that torch.
set -euo pipefail

# download DIR WHEEL...
download() {
  pip download -q --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
    --platform manylinux_2_17_x86_64 -d "$@"
}

fetch_wheels() {
  download "$1" torchcodec==0.17.0 pynvvideocodec==2.2.4 spdl==0.8.0 spdl_core==0.8.0 \
    spdl_io==0.8.0 decord2==3.4.0 av==19.0.2 pytest-benchmark==5.3.1 py-cpuinfo==9.0.0
  download "$1/dali" nvidia-dali-cuda130==2.4.0 nvidia-libnvcomp-cu13==5.3.0.16 \
    nvidia-nvimgcodec-cu13==0.9.0.20 astunparse==1.6.3 gast==0.7.0 six==1.17.0 \
    optree nvtx makefun libcst pyyaml packaging wheel
}

# Decoders of the benchmark's clips; the names and symbol versions stay FFmpeg's own.
build_ffmpeg() {
  local work
  work=$(mktemp -d)
  tar xf "$2" -C "$work" --strip-components=1
  (cd "$work" && ./configure --prefix="$work/prefix" --enable-shared --disable-static \
    --disable-programs --disable-doc --disable-autodetect --disable-network \
    --disable-postproc --disable-encoders --disable-muxers --disable-decoders \
    --disable-demuxers --disable-indevs --disable-outdevs \
    --enable-decoder=h264,hevc,aac --enable-demuxer=mov,h264,hevc &&
    make -j"$(nproc)" && make install) >"$work/log" 2>&1 || { tail "$work/log" && exit 1; }
  mkdir -p "$1/ffmpeg"
  local lib
  for lib in "$work"/prefix/lib/*.so.*.*.*; do
    strip --strip-unneeded "$lib"
    cp "$lib" "$1/ffmpeg/$(readelf -d "$lib" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')"
  done
  rm -rf "$work"
}

carry() {
  local dir=$1 clips=$2 prefix=${5:-.carry-peers}
  rm -rf "$prefix"[1-9]
  mkdir -p "$prefix"1/{wheel,clips,pip} "$prefix"{2,3,4}/{clips,pip}
  cp "$4" "$prefix"1/wheel/
  cp "$3" "$prefix"1/ceiling
  cp -r "$dir/ffmpeg" "$prefix"1/
  cp "$dir"/{torchcodec,spdl,pytest_benchmark,py_cpuinfo}*.whl "$prefix"1/pip/
  cp "$clips"/short_*p.mp4 "$prefix"1/clips/
  cp "$dir"/pynvvideocodec-*.whl "$prefix"2/pip/
  cp "$clips"/h264_gop30.mp4 "$prefix"2/clips/
  cp "$clips"/{hevc_gop30,h264_gop250}.mp4 "$prefix"3/clips/
  cp "$dir"/av-*.whl "$prefix"4/pip/
  cp "$dir"/decord2-*.whl "$prefix"3/pip/
  tar cf "$dir/dali.tar" -C "$dir" dali
  split -n 5 -d -a 1 "$dir/dali.tar" "$dir/dali.tar."
  local piece
  for piece in 0 1 2 3 4; do
    mkdir "$prefix$((piece + 5))"
    mv "$dir/dali.tar.$piece" "$prefix$((piece + 5))/"
  done
  rm "$dir/dali.tar"
  du -sh "$prefix"[1-9]
}

case ${1:-} in
wheels) fetch_wheels "$2" ;;
ffmpeg) build_ffmpeg "$2" "$3" ;;
carry) shift && carry "$@" ;;
*) sed -n '2,/^set/s/^# \?//p' "$0" && exit 1 ;;
esac
