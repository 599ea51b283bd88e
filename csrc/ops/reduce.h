// Reductions over any axes: statistics, truth values, positions of extremes.
// `axes` none means all. NaN is an extreme; an integer sum or product is an int64 that wraps around.
#pragma once
#include <optional>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

namespace kernels {
// y = x folded over the axes where y's strides are zero; y has x's shape, seen with those zero strides. Neither is
// empty. x is read as y's dtype (half types in float; integers, in sum and prod, as int64).
constinit inline Kernel<void(const Array& x, Array& y, double divisor)> sum{"sum"};  // sum / divisor for floats
constinit inline Kernel<void(const Array& x, Array& y)> prod{"prod"};
constinit inline Kernel<void(const Array& x, Array& y)> max{"max"};                      // of bool: any
constinit inline Kernel<void(const Array& x, Array& y)> min{"min"};                      // of bool: all
constinit inline Kernel<void(const Array& x, Array& y)> count_nonzero{"count_nonzero"};  // y is int64
// sum((x - mean)^2) / max(0, n - correction), and its square root if `root`. y is floating-point.
constinit inline Kernel<void(const Array& x, Array& y, double correction, bool root)> var{"var"};
constinit inline Kernel<void(const Array& x, Array& y)> logsumexp{"logsumexp"};  // y is floating-point
// The first position of the extreme along the one reduced axis. y is int64.
constinit inline Kernel<void(const Array& x, Array& y)> argmax{"argmax"};
constinit inline Kernel<void(const Array& x, Array& y)> argmin{"argmin"};
}  // namespace kernels

namespace ops {
using Axes = std::optional<Dims>;
Array sum(const Array& x, const Axes& axes, std::optional<DType> dtype, bool keepdims);
Array prod(const Array& x, const Axes& axes, std::optional<DType> dtype, bool keepdims);
Array mean(const Array& x, const Axes& axes, bool keepdims);
Array var(const Array& x, const Axes& axes, double correction, bool keepdims);
Array std_(const Array& x, const Axes& axes, double correction, bool keepdims);
Array logsumexp(const Array& x, const Axes& axes, bool keepdims);
Array max(const Array& x, const Axes& axes, bool keepdims);
Array min(const Array& x, const Axes& axes, bool keepdims);
Array any(const Array& x, const Axes& axes, bool keepdims);
Array all(const Array& x, const Axes& axes, bool keepdims);
Array count_nonzero(const Array& x, const Axes& axes, bool keepdims);
Array argmax(const Array& x, std::optional<std::int64_t> axis, bool keepdims);
Array argmin(const Array& x, std::optional<std::int64_t> axis, bool keepdims);
}  // namespace ops

}  // namespace tc
