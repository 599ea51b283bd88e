#include "ops/softmax.h"

#include "core/promote.h"
#include "ops/copy.h"

namespace tc::ops {
namespace {

// x with `axis` moved to the end (its own inverse once the swap is known): a view.
Array swap_with_last(const Array& x, int axis) {
  Dims shape = x.shape(), strides = x.strides();
  std::swap(shape[axis], shape[x.ndim() - 1]);
  std::swap(strides[axis], strides[x.ndim() - 1]);
  return x.view(shape, strides);
}

}  // namespace

Array softmax(const Array& x, std::int64_t given, bool log) {
  const char* op = log ? "log_softmax" : "softmax";
  check_type(is_float(x.dtype()), op, ": x must be floating-point, got ", name_of(x.dtype()));
  if (x.ndim() == 0) {
    normalize_axis(given, 1, op);
    return softmax(x.view({1}, {1}), 0, log).view({}, {});
  }
  const int axis = normalize_axis(given, x.ndim(), op);
  const Array rows = swap_with_last(x, axis).contiguous();
  Array y = Array::empty(rows.shape(), x.dtype(), x.device());
  if (y.size()) kernels::softmax(x.device(), rows, y, log);
  return swap_with_last(y, axis);
}

Array softmax_backward(const Array& g, const Array& y, std::int64_t given, bool log) {
  const char* op = log ? "log_softmax_backward" : "softmax_backward";
  check_value(g.shape() == y.shape(), op, ": shapes must match, got ", g.shape(), " and ", y.shape());
  check_type(is_float(y.dtype()), op, ": y must be floating-point, got ", name_of(y.dtype()));
  check_same_device(g, y, op);
  if (y.ndim() == 0) {
    normalize_axis(given, 1, op);
    return softmax_backward(g.view({1}, {1}), y.view({1}, {1}), 0, log).view({}, {});
  }
  const int axis = normalize_axis(given, y.ndim(), op);
  const Array rows = swap_with_last(y, axis).contiguous();
  const Array gradient = swap_with_last(astype(g, y.dtype(), false), axis).contiguous();
  Array gx = Array::empty(rows.shape(), y.dtype(), y.device());
  if (gx.size()) kernels::softmax_backward(y.device(), gradient, rows, gx, log);
  return swap_with_last(gx, axis);
}

}  // namespace tc::ops
