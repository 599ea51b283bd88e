#!/usr/bin/env bash
# Runs the public test suite of the Python array API standard against tensorcore and prints the counts.
#
# usage: scripts/array_api_suite.sh SUITE STANDARD [EXAMPLES [PYTEST ARGUMENTS]]
#   SUITE     a clone of data-apis/array-api-tests
#   STANDARD  a clone of data-apis/array-api, whose stubs the suite reads
#   EXAMPLES  per property (100 by default)
# Needs hypothesis, ndindex, numpy and pytest beside tensorcore. PYTHON names the interpreter. What is expected to fail,
# and why, is in tests/array_api/xfails.txt; a failure outside it ends with exit code 1.
set -euo pipefail

if [ $# -lt 2 ]; then
  sed -n '2,10s/^# \{0,1\}//p' "$0"
  exit 2
fi
suite=$(cd "$1" && pwd) standard=$(cd "$2" && pwd) examples=${3:-100}
shift $(($# < 3 ? $# : 3))
python=${PYTHON:-python}
root=$(cd "$(dirname "$0")/.." && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone -q "$suite" "$work/suite"
git -C "$work/suite" checkout -q 55fcc60 # of 2026-04-03
rm -rf "$work/suite/array-api"
git clone -q "$standard" "$work/suite/array-api"
git -C "$work/suite/array-api" checkout -q 5f847a38
cd "$work/suite"
# A library without complex dtypes cannot be collected otherwise: the widest one has no candidates.
sed -i '/^widest_complex_dtype = max(/,/^)/ s/key=lambda x: x\[1\]/&, default=(None, 0)/' array_api_tests/dtype_helpers.py
sed -i 's/dh\.widest_complex_dtype/(dh.widest_complex_dtype or dh.widest_real_dtype)/' array_api_tests/test_signatures.py

# The suite takes 32 axes for granted (and means to ask for the true limit one day).
sed -i 's/^MAX_DIMS = .*/MAX_DIMS = 16/' array_api_tests/hypothesis_helpers.py

# test_has_names asks for the extensions even where they are disabled.
ARRAY_API_TESTS_MODULE=tensorcore \
ARRAY_API_TESTS_SKIP_DTYPES=complex64,complex128,uint16,uint32,uint64 \
  "$python" -m pytest array_api_tests/ -q -p no:cacheprovider --max-examples "$examples" --disable-deadline --derandomize \
  --disable-extension fft linalg -k "not imag and not conj and not (test_has_names and (fft or linalg))" \
  --xfails-file "$root/tests/array_api/xfails.txt" "$@"
