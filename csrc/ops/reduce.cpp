#include "ops/reduce.h"

#include <cmath>
#include <limits>

#include "core/promote.h"
#include "ops/copy.h"

namespace tc::ops {
namespace {

// Where the results of a reduction go: a row-major array, and the same memory as the kernels want to see it.
class Target {
 public:
  Target(const char* op, const Array& x, const Axes& axes, bool keepdims, DType dtype) : terms(1) {
    bool reduced[kMaxNdim] = {};
    if (!axes)
      std::fill_n(reduced, x.ndim(), true);
    else
      for (std::int64_t given : *axes) {
        const int axis = normalize_axis(given, x.ndim(), op);
        check_value(!reduced[axis], op, ": axes must differ, got ", *axes);
        reduced[axis] = true;
      }
    Dims shape, strides = Dims::filled(x.ndim(), 0);
    for (int i = 0; i < x.ndim(); ++i) {
      if (reduced[i]) terms *= x.shape(i);
      if (!reduced[i])
        shape.push_back(x.shape(i));
      else if (keepdims)
        shape.push_back(1);
    }
    result = Array::empty(shape, dtype, x.device());
    std::int64_t step = 1;
    for (int i = x.ndim() - 1; i >= 0; --i)
      if (!reduced[i]) {
        strides[i] = step;
        step *= x.shape(i);
      }
    seen = result.view(x.shape(), strides);
  }

  // Nothing for a kernel to do? Then every result, if there is one, is `identity`.
  bool is_trivial(double identity) {
    if (result.size() && terms) return false;
    fill(result, identity);
    return true;
  }
  Array result, seen;
  std::int64_t terms;
};

DType sum_dtype(DType x, std::optional<DType> given) { return given ? *given : is_float(x) ? x : kDefaultInt; }

void check_not_bool(DType dtype, const char* op) {
  check_type(!is_bool(dtype), op, ": the result cannot be of dtype bool, use any or all");
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Array variance(const char* op, const Array& x, const Axes& axes, double correction, bool keepdims, bool root) {
  Target y(op, x, axes, keepdims, float_of(x.dtype()));
  check_value(std::isfinite(correction), op, ": correction must be finite, got ", correction);
  if (!y.is_trivial(kNan)) kernels::var(x.device(), x, y.seen, correction, root);
  return y.result;
}

Array extremum(const Kernel<void(const Array&, Array&)>& kernel, const Array& x, const Axes& axes, bool keepdims) {
  Target y(kernel.name, x, axes, keepdims, x.dtype());
  check_value(y.terms > 0 || !y.result.size(), kernel.name, ": no elements to reduce, got shape ", x.shape());
  if (!y.is_trivial(0)) kernel(x.device(), x, y.seen);
  return y.result;
}

Array position(const Kernel<void(const Array&, Array&)>& kernel, const Array& x, std::optional<std::int64_t> axis,
               bool keepdims) {
  if (!axis) {
    const Array flat = x.contiguous().view({x.size()}, {1});
    const Array at = position(kernel, flat, 0, false);
    const Dims ones = Dims::filled(keepdims ? x.ndim() : 0, 1);
    return at.view(ones, row_major_strides(ones));
  }
  Target y(kernel.name, x, Dims{*axis}, keepdims, kDefaultInt);
  check_value(y.terms > 0 || !y.result.size(), kernel.name, ": no elements to search, got shape ", x.shape());
  if (!y.is_trivial(0)) kernel(x.device(), x, y.seen);
  return y.result;
}

}  // namespace

Array sum(const Array& x, const Axes& axes, std::optional<DType> dtype, bool keepdims) {
  Target y("sum", x, axes, keepdims, sum_dtype(x.dtype(), dtype));
  check_not_bool(y.result.dtype(), "sum");
  if (y.is_trivial(0)) return y.result;
  if (is_bool(x.dtype()) && y.result.dtype() == kDefaultInt)
    kernels::count_nonzero(x.device(), x, y.seen);
  else
    kernels::sum(x.device(), x, y.seen, 1);
  return y.result;
}

Array prod(const Array& x, const Axes& axes, std::optional<DType> dtype, bool keepdims) {
  Target y("prod", x, axes, keepdims, sum_dtype(x.dtype(), dtype));
  check_not_bool(y.result.dtype(), "prod");
  if (!y.is_trivial(1)) kernels::prod(x.device(), x, y.seen);
  return y.result;
}

Array mean(const Array& x, const Axes& axes, bool keepdims) {
  Target y("mean", x, axes, keepdims, float_of(x.dtype()));
  if (!y.is_trivial(kNan)) kernels::sum(x.device(), x, y.seen, static_cast<double>(y.terms));
  return y.result;
}

Array var(const Array& x, const Axes& axes, double correction, bool keepdims) {
  return variance("var", x, axes, correction, keepdims, false);
}
Array std_(const Array& x, const Axes& axes, double correction, bool keepdims) {
  return variance("std", x, axes, correction, keepdims, true);
}

Array logsumexp(const Array& x, const Axes& axes, bool keepdims) {
  Target y("logsumexp", x, axes, keepdims, float_of(x.dtype()));
  if (!y.is_trivial(-std::numeric_limits<double>::infinity())) kernels::logsumexp(x.device(), x, y.seen);
  return y.result;
}

Array max(const Array& x, const Axes& axes, bool keepdims) { return extremum(kernels::max, x, axes, keepdims); }
Array min(const Array& x, const Axes& axes, bool keepdims) { return extremum(kernels::min, x, axes, keepdims); }

Array any(const Array& x, const Axes& axes, bool keepdims) {
  Target y("any", x, axes, keepdims, DType::boolean);
  if (!y.is_trivial(0)) kernels::max(x.device(), x, y.seen);
  return y.result;
}
Array all(const Array& x, const Axes& axes, bool keepdims) {
  Target y("all", x, axes, keepdims, DType::boolean);
  if (!y.is_trivial(1)) kernels::min(x.device(), x, y.seen);
  return y.result;
}

Array count_nonzero(const Array& x, const Axes& axes, bool keepdims) {
  Target y("count_nonzero", x, axes, keepdims, kDefaultInt);
  if (!y.is_trivial(0)) kernels::count_nonzero(x.device(), x, y.seen);
  return y.result;
}

Array argmax(const Array& x, std::optional<std::int64_t> axis, bool keepdims) {
  return position(kernels::argmax, x, axis, keepdims);
}
Array argmin(const Array& x, std::optional<std::int64_t> axis, bool keepdims) {
  return position(kernels::argmin, x, axis, keepdims);
}

}  // namespace tc::ops
