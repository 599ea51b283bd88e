// New arrays.
#pragma once
#include "core/array.h"

namespace tc::ops {
Array empty(const Dims& shape, DType dtype, Device device);
// Every element `value`, a 0-d array, converted to `dtype`.
Array full(const Dims& shape, const Array& value, DType dtype, Device device);
}  // namespace tc::ops
