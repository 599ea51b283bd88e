#!/usr/bin/env bash
# Builds the extension with AddressSanitizer and UBSan and runs the tests on it. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check -Ccmake.define.TENSORCORE_SANITIZE=address,undefined \
  -Ccmake.define.TENSORCORE_ISA="${TENSORCORE_SANITIZE_ISA:-avx2}" -Cinstall.strip=false ".[test]"
# The interpreter is not instrumented: the runtime is loaded ahead of it, and its own leaks are not ours to report.
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so) $(gcc -print-file-name=libstdc++.so)"
export LD_PRELOAD
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TENSORCORE_SANITIZED=1
"$work/venv/bin/python" -m pytest -q -n 2 --timeout 1200 "${@:-tests}"
