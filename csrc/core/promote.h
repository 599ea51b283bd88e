// Type promotion: the array API standard's table within a kind; across kinds the wider kind wins (bool < integer <
// float), an integer leaving the floating dtype as it is. float16 with bfloat16 gives float32.
#pragma once
#include "core/dtype.h"

namespace tc {

DType promote(DType a, DType b);
inline constexpr DType kDefaultFloat = DType::float32;
inline constexpr DType kDefaultInt = DType::int64;
inline DType float_of(DType d) {
  return is_float(d) ? d : kDefaultFloat;
}  // what exp, divide, mean … compute integers in

}  // namespace tc
