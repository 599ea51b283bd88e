#include "ops/copy.h"

namespace tc::ops {

Array copy(const Array& x) {
  Array out = Array::empty(x.shape(), x.dtype(), x.device());
  if (x.size()) kernels::copy(x.device(), x, out);
  return out;
}

Array astype(const Array& x, DType dtype, bool copy) {
  if (!copy && x.dtype() == dtype) return x;
  Array out = empty_for_elementwise(x, x.shape(), dtype);
  if (x.size()) kernels::copy(x.device(), x, out);
  return out;
}

void check_same_device(const Array& a, const Array& b, const char* op) {
  check(a.device() == b.device(), ErrorKind::runtime, op, ": arrays must be on one device, got '",
        to_string(a.device()), "' and '", to_string(b.device()), "'");
}

void check_writable(const Array& x, const char* op) {
  check_value(!x.storage()->read_only, op, ": the array is read-only");
  for (int i = 0; i < x.ndim(); ++i)
    check_value(x.stride(i) != 0 || x.shape(i) <= 1, op,
                ": a broadcast array holds one element in several places, copy it before writing; got shape ",
                x.shape(), " with strides ", x.strides());
}

void assign(const Array& destination, const Array& source) {
  check_same_device(destination, source, "assign");
  check_writable(destination, "assign");
  Array from = source.broadcast_to(destination.shape(), "assign");
  if (destination.size()) {
    if (may_overlap(destination, from)) from = copy(from);
    Array target = destination;
    kernels::copy(target.device(), from, target);
  }
  destination.storage()->version.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace tc::ops
