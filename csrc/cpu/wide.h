// Half arrays as float ones, for kernels that compute in float: converted on the way in and out.
#pragma once
#include "ops/copy.h"

namespace tc::cpu {
namespace {

inline DType wide_dtype(DType d) { return is_half(d) ? DType::float32 : d; }
inline Array wide(const Array& x) { return ops::astype(x, wide_dtype(x.dtype()), false); }

// Where to write a result: its own memory, or a float array that `finish` converts.
struct WideResult {
  explicit WideResult(Array& result)
      : result(result), array(is_half(result.dtype()) ? Array::empty(result.shape(), DType::float32) : result) {}
  void finish() {
    if (is_half(result.dtype())) kernels::copy(result.device(), array, result);
  }
  Array& result;
  Array array;
};

}  // namespace
}  // namespace tc::cpu
