// Softmax and log-softmax along one axis, and the gradients of both.
#pragma once
#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {
namespace kernels {
// Along the last axis of contiguous arrays of one floating dtype; the other axes are rows.
constinit inline Kernel<void(const Array& x, Array& y, bool log)> softmax{"softmax"};
// gx from the gradient g of the output and the output y.
constinit inline Kernel<void(const Array& g, const Array& y, Array& gx, bool log)> softmax_backward{"softmax_backward"};
}  // namespace kernels
namespace ops {
Array softmax(const Array& x, std::int64_t axis, bool log);
Array softmax_backward(const Array& g, const Array& y, std::int64_t axis, bool log);
}  // namespace ops
}  // namespace tc
