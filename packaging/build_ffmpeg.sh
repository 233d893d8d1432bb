#!/bin/bash
# build_ffmpeg.sh WORKDIR: the FFmpeg that goes into the wheel -> WORKDIR/prefix
#
# FFmpeg and dav1d from Debian's source packages of $SUITE, LGPL, shared, with
# demuxers, parsers, bitstream filters and video decoders only. About 4 minutes
# on two cores. Needs apt with debian.sources, gcc, nasm, meson, ninja,
# pkg-config, zlib1g-dev, libmbedtls-dev, dpkg-dev.
set -euo pipefail

SUITE=trixie
work=$(realpath -m "$1")
prefix=$work/prefix
jobs=${JOBS:-$(nproc)}
mkdir -p "$work"/{lists/partial,src,static}
cd "$work"

exec 3>&1 # for words and failures, while stdout goes to a log
say() { echo "build_ffmpeg: $*" >&3; }
trap '[ $? = 0 ] || tail -n 30 "$work"/*.log >&3' EXIT

# apt with lists of its own, so that the machine's sources stay as they are.
fetch_sources() {
  say "sources from $SUITE"
  sed -e '/^$/,$d' -e '/^#/d' -e 's/^Types:.*/Types: deb deb-src/' \
    -e "s/^Suites:.*/Suites: $SUITE/" \
    /etc/apt/sources.list.d/debian.sources >suite.sources
  local apt=(apt-get -qq
    -o Dir::Etc::sourcelist="$work/suite.sources"
    -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::Lists="$work/lists"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    -o APT::Sandbox::User=root)
  "${apt[@]}" update
  cd src
  rm -rf -- *
  "${apt[@]}" source --download-only ffmpeg dav1d
  local dsc
  for dsc in *.dsc; do # with Debian's patches applied
    dpkg-source --no-check -x "$dsc" "${dsc%%_*}" >/dev/null
  done
  cd "$work"
}

build_dav1d() {
  say "dav1d (dav1d.log)"
  meson setup src/dav1d/build src/dav1d --prefix="$prefix" --libdir=lib \
    --buildtype=release --default-library=static -Db_staticpic=true \
    -Denable_tools=false -Denable_tests=false -Dc_args=-fvisibility=hidden
  ninja -C src/dav1d/build -j"$jobs" install
}

# What FFmpeg is to take in as archives lies alone in one folder: beside a .so
# the linker would prefer that.
collect_archives() {
  local name
  for name in mbedtls mbedx509 mbedcrypto; do
    ln -sf "$(gcc -print-file-name=lib$name.a)" static/
  done
  # hypot@GLIBC_2.35 would be the only symbol above manylinux_2_34.
  cat >static/compat.c <<'C'
extern double hypot_old(double, double);
__asm__(".symver hypot_old,hypot@GLIBC_2.2.5");
__attribute__((visibility("hidden"))) double __wrap_hypot(double x, double y)
{
    return hypot_old(x, y);
}
C
  gcc -O2 -fPIC -c static/compat.c -o static/compat.o
  rm -f static/libgvdcompat.a
  ar rcs static/libgvdcompat.a static/compat.o
}

build_ffmpeg() {
  say "FFmpeg (ffmpeg.log)"
  cd src/ffmpeg
  # Symbol versions with a name of our own. Without them another FFmpeg in the
  # process takes over every one of our calls, whatever the files are called.
  sed -i 's/^LIB\([A-Z]*\)_MAJOR/GVD_\1_MAJOR/' lib*/lib*.v
  local video
  video=$(sed -n '1,/^\/\* audio codecs \*\//s/^extern const FFCodec ff_\(.*\)_decoder;.*/\1/p' \
    libavcodec/allcodecs.c | grep -v v4l2m2m | paste -sd,)
  # The audio decoders let MPEG-TS be probed without reading far.
  local audio=aac,aac_latm,ac3,eac3,mp2float,mp3float
  local protocols=file,fd,pipe,data,http,https,tls,httpproxy,tcp,udp,rtp
  protocols+=,crypto,cache,concat,subfile
  PKG_CONFIG_PATH=$prefix/lib/pkgconfig ./configure --prefix="$prefix" \
    --build-suffix=_gvd --enable-shared --disable-static --enable-pic \
    --disable-programs --disable-doc --disable-debug --disable-autodetect \
    --disable-avdevice --disable-avfilter --disable-postproc \
    --disable-swresample --disable-encoders --disable-muxers \
    --disable-hwaccels --disable-decoders --disable-protocols \
    --enable-decoder="$video,libdav1d,$audio" --enable-protocol="$protocols" \
    --enable-zlib --enable-libdav1d --enable-version3 --enable-mbedtls \
    --pkg-config-flags=--static --extra-libs='-lgvdcompat -lm' \
    --extra-ldflags="-L$work/static -Wl,--exclude-libs,ALL -Wl,--wrap=hypot"
  make -j"$jobs"
  make install
  strip --strip-unneeded "$prefix"/lib/*.so.*.*.*
  cd "$work"
}

# The exact versions, for NOTICE (wheel.sh compares).
write_versions() {
  {
    sed -n 's/^Source: //p;s/^Version: //p' src/ffmpeg_*.dsc | paste -sd' '
    sed -n 's/^Source: //p;s/^Version: //p' src/dav1d_*.dsc | paste -sd' '
    dpkg-query -W -f 'mbedtls ${source:Version}\n' libmbedtls-dev
  } >"$prefix/versions"
}

fetch_sources
build_dav1d >dav1d.log 2>&1
collect_archives
build_ffmpeg >ffmpeg.log 2>&1
write_versions
say "done: $prefix"
