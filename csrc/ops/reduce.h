// Reductions over any axes.
#pragma once
#include <optional>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {
namespace kernels {
// y[i] = sum of x over the axes where y's strides are zero. y has x's shape, seen with those zero strides, and starts at 0.
constinit inline Kernel<void(const Array& x, Array& y)> sum{"sum"};
}  // namespace kernels
namespace ops {
Array sum(const Array& x, const std::optional<Dims>& axes, std::optional<DType> dtype, bool keepdims);
}
}  // namespace tc
