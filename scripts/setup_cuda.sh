#!/usr/bin/env bash
# Installs nvcc and the CUDA runtime's headers and library from PyPI into a Python environment, about 270 MB, so that
# GPU code can be built without conda and without root. Building finds it there by itself.
#
# usage: scripts/setup_cuda.sh [VERSION]      VERSION 13.0 by default; PYTHON names the environment's interpreter
set -euo pipefail

case "${1:-}" in -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
version=${1:-13.0} python=${PYTHON:-python3}
[[ $version =~ ^1[3-9]\.[0-9]+$ ]] || { echo "setup_cuda.sh: VERSION must be like 13.0, got '$version'" >&2; exit 2; }

"$python" -m pip install -q --disable-pip-version-check "cuda-toolkit[nvcc,cudart,cccl]==$version.*"
home=$("$python" -c "import sysconfig; print(sysconfig.get_path('purelib'))")/nvidia/cu${version%%.*}
[ -x "$home/bin/nvcc" ] || { echo "setup_cuda.sh: pip installed no $home/bin/nvcc" >&2; exit 1; }

# Two things that nvcc and CMake look for and the wheels lack: the folder lib64, and libcudart.so without a number.
[ -e "$home/lib64" ] || ln -s lib "$home/lib64"
[ -e "$home/lib/libcudart.so" ] || ln -s "libcudart.so.${version%%.*}" "$home/lib/libcudart.so"

# Does it compile a kernel and link it?
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '__global__ void k() {}\nint main() { k<<<1, 1>>>(); return 0; }\n' > "$work/a.cu"
"$home/bin/nvcc" -gencode arch=compute_80,code=sm_80 "$work/a.cu" -o "$work/a"

"$home/bin/nvcc" --version | sed -n 's/^Cuda compilation tools, //p'
echo "installed. Outside this environment: export CUDACXX=$home/bin/nvcc"
