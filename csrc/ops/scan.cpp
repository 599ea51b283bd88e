#include "ops/scan.h"

#include "core/promote.h"
#include "ops/copy.h"

namespace tc::ops {
namespace {

using kernels::ScanShape;

DType loop_dtype(DType d) { return is_half(d) ? DType::float32 : is_float(d) ? d : DType::int64; }

ScanShape scan_shape(const Array& x, int axis, bool initial, bool reverse) {
  ScanShape s{1, x.shape(axis), 1, initial, reverse};
  for (int i = 0; i < axis; ++i) s.outer *= x.shape(i);
  for (int i = axis + 1; i < x.ndim(); ++i) s.inner *= x.shape(i);
  return s;
}

Array scan(const Kernel<void(const Array&, Array&, const ScanShape&)>& kernel, const Array& x,
           std::optional<std::int64_t> given, std::optional<DType> dtype, bool initial, bool reverse) {
  check_value(x.ndim() > 0, kernel.name, ": needs at least one axis, got a 0-d array");
  check_value(given || x.ndim() == 1, kernel.name, ": axis must be given for an array of several axes, got shape ",
              x.shape());
  const int axis = normalize_axis(given.value_or(0), x.ndim(), kernel.name);
  const DType result = dtype ? *dtype : is_float(x.dtype()) ? x.dtype() : kDefaultInt;
  check_type(!is_bool(result), kernel.name, ": the result cannot be of dtype bool");
  Dims shape = x.shape();
  shape[axis] += initial ? 1 : 0;
  checked_size(shape, result, kernel.name);
  Array y = Array::empty(shape, loop_dtype(result), x.device());
  if (y.size())
    kernel(x.device(), astype(x, loop_dtype(result), false).contiguous(), y, scan_shape(x, axis, initial, reverse));
  return astype(y, result, false);
}

}  // namespace

Array cumulative_sum(const Array& x, std::optional<std::int64_t> axis, std::optional<DType> dtype, bool initial,
                     bool reverse) {
  return scan(kernels::cumulative_sum, x, axis, dtype, initial, reverse);
}
Array cumulative_prod(const Array& x, std::optional<std::int64_t> axis, std::optional<DType> dtype, bool initial,
                      bool reverse) {
  return scan(kernels::cumulative_prod, x, axis, dtype, initial, reverse);
}

Array linear_recurrence(const Array& a, const Array& b, std::int64_t given, std::int64_t kind, bool reverse) {
  constexpr auto op = "linear_recurrence";
  check_same_device(a, b, op);
  check_value(a.shape() == b.shape(), op, ": shapes must agree, got ", a.shape(), " and ", b.shape());
  check_type(is_float(a.dtype()) && a.dtype() == b.dtype(), op, ": needs one floating-point dtype, got ",
             name_of(a.dtype()), " and ", name_of(b.dtype()));
  check_value(kind >= 0 && kind <= 2, op, ": kind must be 0, 1 or 2, got ", kind);
  const int axis = normalize_axis(given, a.ndim(), op);
  const DType loop = loop_dtype(a.dtype());
  Array y = Array::empty(a.shape(), loop, a.device());
  if (y.size())
    kernels::linear_recurrence(a.device(), astype(a, loop, false).contiguous(), astype(b, loop, false).contiguous(), y,
                               scan_shape(a, axis, false, reverse), static_cast<Recurrence>(kind));
  return astype(y, a.dtype(), false);
}

}  // namespace tc::ops
