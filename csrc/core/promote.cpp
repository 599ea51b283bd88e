#include "core/promote.h"

#include <algorithm>

namespace tc {

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (a > b) std::swap(a, b);
  if (is_float(b)) {
    if (a == DType::float16 && b == DType::bfloat16) return DType::float32;
    return b;
  }
  if (a == DType::uint8 && b == DType::int8) return DType::int16;
  return b;
}

}  // namespace tc
