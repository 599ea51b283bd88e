#!/usr/bin/env bash
# Everything that only a machine with an NVIDIA GPU can show, in less than ten minutes: builds the GPU code, runs the op
# table and the CUDA tests on the GPU, compares with the golden vectors, runs compute-sanitizer over a selection, and
# benchmarks against PyTorch. Needs nvcc, no network: Python packages are those of the interpreter it is started with.
#
# usage: scripts/gpu_check.sh [STEP…]      steps: build table cuda golden sanitizer bench (all of them by default)
#   OUT      where logs and results go (bench/results/gpu): summary.txt first
#   PYTHON   the interpreter (python3); needs numpy, rich, pytest, pytest-xdist, pytest-timeout, hypothesis,
#            scikit-build-core, pybind11, cmake and ninja, and torch for the comparison
#   WORK     build folder and virtual environment (a temporary folder); with it, later runs can leave out `build`
#   SECONDS_IN_ALL  time for all steps together (580); a step that is out of time counts as failed
# A failed step does not stop the next one. Exit status: 0 if all passed, else 1.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

case "${1:-}" in -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0"; exit 0 ;; esac
known="build table cuda golden sanitizer bench"
for step in "$@"; do
  [[ " $known " == *" $step "* ]] || { echo "gpu_check.sh: unknown step '$step', there are: $known" >&2; exit 2; }
done
wanted=" ${*:-$known} "
out=${OUT:-bench/results/gpu} python=${PYTHON:-python3} in_all=${SECONDS_IN_ALL:-580}
mkdir -p "$out" && out=$(cd "$out" && pwd)
if [ -z "${WORK:-}" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
else
  mkdir -p "$WORK" && work=$(cd "$WORK" && pwd)
fi
venv=$work/venv
export TENSORCORE_CUDA=gpu PYTHONUNBUFFERED=1 PATH=$PATH:/usr/local/cuda/bin
rows=() failed=0

step() {  # step NAME SECONDS COMMAND…: run with a time limit, output to $out/NAME.log, remember how it went
  local name=$1 limit=$2 start=$SECONDS left status verdict
  shift 2
  [[ "$wanted" == *" $name "* ]] || return 0
  left=$((in_all - SECONDS))
  [ "$left" -lt "$limit" ] && limit=$left
  echo "=== $name"
  if [ "$limit" -lt 5 ]; then
    status=124
  else
    timeout --kill-after=10 "$limit" bash -uo pipefail -c '"$@"' _ "$@" > "$out/$name.log" 2>&1
    status=$?
  fi
  case $status in
    0) verdict=passed ;;
    124 | 137) verdict="FAILED: out of time ($limit s)" failed=1 ;;
    *) verdict="FAILED: status $status" failed=1 ;;
  esac
  tail -n 12 "$out/$name.log" 2> /dev/null
  rows+=("$(printf '%-10s %4d s  %s' "$name" $((SECONDS - start)) "$verdict")")
}

facts() {
  echo "date      $(date -u +%FT%TZ)"
  echo "commit    $COMMIT"
  echo "gpu       $(nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader 2>&1 | head -4)"
  echo "processor $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2-), $(nproc) cores"
  echo "nvcc      $("${CUDACXX:-nvcc}" --version 2>&1 | sed -n 's/^Cuda compilation tools, //p')"
  "$python" -c "
import importlib.metadata as m, sys
print('python   ', sys.version.split()[0])
for name in ('torch', 'numpy', 'pybind11', 'scikit-build-core', 'pytest'):
    try: print(f'{name:9} {m.version(name)}')
    except m.PackageNotFoundError: print(f'{name:9} missing')"
}

build() {
  "$python" -m venv --system-site-packages "$venv" || return 1
  # Where $python is of a virtual environment itself, the new one sees the system's packages only: add its parent's.
  "$python" -c "import sysconfig; print(sysconfig.get_path('purelib')); print(sysconfig.get_path('platlib'))" \
    > "$("$venv/bin/python" -c "import sysconfig; print(sysconfig.get_path('purelib'))")/parent.pth"
  PATH="$venv/bin:$(dirname "$(command -v "$python")"):$PATH" CMAKE_BUILD_PARALLEL_LEVEL=$(nproc) \
    "$venv/bin/python" -m pip wheel -v --disable-pip-version-check --no-build-isolation --no-index --no-deps -w "$work/dist" \
    -Cbuild-dir="$work/build" -Cinstall.strip=false -Ccmake.define.TENSORCORE_CUDA_BUILD=ON \
    -Ccmake.define.TENSORCORE_SIMT_CHECK=ON . || return 1
  ls -l "$work"/dist/*.whl
  "$venv/bin/python" -m pip install --disable-pip-version-check --no-index --no-deps --force-reinstall "$work"/dist/*.whl || return 1
  cd / && "$venv/bin/python" -c "
import tensorcore as tc
assert tc.cuda.is_built() and tc.cuda.is_available(), tc._core.cuda_why()
print(tc.cuda.get_device_properties())
assert float(tc.asarray([1.0, 2.0]).to('cuda').sum()) == 3"
}

tests() { "$venv/bin/python" -m pytest -q -p no:cacheprovider --timeout 120 "$@"; }
table() { tests -n 8 tests/test_table.py -k cuda; }
cuda() { tests -n 4 tests/cuda tests/core/test_trig.py; }
golden() { tests tests/core/test_simt.py -k golden_on_hopper; }

sanitizer() {  # three tools side by side: they check, nobody times them
  local tool status=0 pids=() tools=(memcheck racecheck initcheck)
  local few="cuda and float32 and (softmax or matmul or cross_entropy or layer_norm or (sum and axis) or gelu or dropout)"
  local sanitizer
  sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2> /dev/null | head -1)
  [ -n "$sanitizer" ] || { echo "compute-sanitizer was not found"; return 1; }
  for tool in "${tools[@]}"; do
    "$sanitizer" --tool "$tool" --error-exitcode 99 --target-processes all --print-limit 20 "$venv/bin/python" -m pytest -q \
      -p no:cacheprovider --timeout 0 tests/test_table.py -k "test_forward and $few" > "$work/$tool.log" 2>&1 &
    pids+=($!)
  done
  for i in "${!tools[@]}"; do
    wait "${pids[$i]}" || { status=1; echo "${tools[$i]}: status $?"; }
    echo "--- ${tools[$i]}"
    tail -n 200 "$work/${tools[$i]}.log"
  done
  for tool in "${tools[@]}"; do echo "$tool: $(grep -h 'SUMMARY' "$work/$tool.log" | tail -1)"; done
  return $status
}

bench() {
  local vs=()
  "$venv/bin/python" -c "import torch" && vs=(--vs torch)
  cd "$work" && "$venv/bin/python" -m tensorcore bench --device cuda "${vs[@]}" --json "$out/bench.json"
}

export python venv work out
export -f build tests table cuda golden sanitizer bench
COMMIT=$(git describe --always --dirty 2> /dev/null || echo "${COMMIT:-unknown}")
export COMMIT
facts 2>&1 | tee "$out/summary.txt"
step build 240 build
step table 120 table
step cuda 60 cuda
step golden 60 golden
step sanitizer 100 sanitizer
step bench 200 bench
{ echo; printf '%s\n' "${rows[@]}"; printf '%-10s %4d s\n' "in all" "$SECONDS"; } | tee -a "$out/summary.txt"
exit $failed
