#include "ops/sort.h"

#include "core/promote.h"
#include "ops/copy.h"

namespace tc::ops {
namespace {

// The axis moved to the end, as a view, and back.
Array move_last(const Array& x, int axis) {
  Dims shape = x.shape(), strides = x.strides();
  const std::int64_t n = shape[axis], stride = strides[axis];
  shape.erase(axis), strides.erase(axis);
  shape.push_back(n), strides.push_back(stride);
  return x.view(shape, strides);
}
Array move_back(const Array& x, int axis) {
  Dims shape = x.shape(), strides = x.strides();
  const std::int64_t n = shape.back(), stride = strides.back();
  shape.pop_back(), strides.pop_back();
  shape.insert(axis, n), strides.insert(axis, stride);
  return x.view(shape, strides).contiguous();
}

void check_positions(const Array& positions, const char* op) {
  check_type(positions.dtype() == kDefaultInt, op, ": positions must be int64, got ", name_of(positions.dtype()));
}

std::tuple<Array, Array> selected(const Array& rows, const Array& positions, int axis) {
  return {move_back(gather_rows(rows, positions), axis), move_back(positions, axis)};
}

}  // namespace

std::tuple<Array, Array> sort(const Array& x, std::int64_t given, bool descending) {
  check_value(x.ndim() > 0, "sort: needs at least one axis, got a 0-d array");
  const int axis = normalize_axis(given, x.ndim(), "sort");
  const Array rows = move_last(x, axis).contiguous();
  Array positions = Array::empty(rows.shape(), kDefaultInt, x.device());
  if (x.size()) kernels::argsort(x.device(), rows, positions, descending);
  return selected(rows, positions, axis);
}

Array argsort(const Array& x, std::int64_t given, bool descending) {
  check_value(x.ndim() > 0, "argsort: needs at least one axis, got a 0-d array");
  const int axis = normalize_axis(given, x.ndim(), "argsort");
  const Array rows = move_last(x, axis).contiguous();
  Array positions = Array::empty(rows.shape(), kDefaultInt, x.device());
  if (x.size()) kernels::argsort(x.device(), rows, positions, descending);
  return move_back(positions, axis);
}

std::tuple<Array, Array> topk(const Array& x, std::int64_t k, std::int64_t given, bool largest) {
  check_value(x.ndim() > 0, "topk: needs at least one axis, got a 0-d array");
  const int axis = normalize_axis(given, x.ndim(), "topk");
  check_value(k >= 0 && k <= x.shape(axis), "topk: k must be between 0 and the axis' extent ", x.shape(axis), ", got ",
              k);
  const Array rows = move_last(x, axis).contiguous();
  Dims shape = rows.shape();
  shape[shape.size() - 1] = k;
  Array positions = Array::empty(shape, kDefaultInt, x.device());
  if (positions.size()) kernels::topk(x.device(), rows, positions, largest);
  return selected(rows, positions, axis);
}

Array searchsorted(const Array& sorted, const Array& values, bool right, const std::optional<Array>& sorter) {
  constexpr auto op = "searchsorted";
  check_value(sorted.ndim() == 1, op, ": x1 must be 1-d, got shape ", sorted.shape());
  check_same_device(sorted, values, op);
  const DType common = promote(sorted.dtype(), values.dtype()), loop = is_half(common) ? DType::float32 : common;
  Array keys = astype(sorted, loop, false).contiguous();
  if (sorter) {
    check_value(sorter->shape() == sorted.shape(), op, ": sorter must have x1's shape ", sorted.shape(), ", got ",
                sorter->shape());
    check_type(is_int(sorter->dtype()), op, ": sorter must be of an integer dtype, got ", name_of(sorter->dtype()));
    keys = gather_rows(keys, astype(*sorter, kDefaultInt, false));
  }
  Array y = Array::empty(values.shape(), kDefaultInt, values.device());
  if (y.size()) kernels::searchsorted(y.device(), keys, astype(values, loop, false).contiguous(), y, right);
  return y;
}

std::tuple<Array, Array, Array, Array> unique(const Array& x) {
  const Array flat = x.contiguous().view({x.size()}, {1});
  Array order = Array::empty({x.size()}, kDefaultInt, x.device());
  std::vector<Array> out;
  for (int i = 0; i < 3; ++i) out.push_back(Array::empty({x.size()}, kDefaultInt, x.device()));
  std::int64_t count = 0;
  if (x.size()) {
    kernels::argsort(x.device(), flat, order, false);
    kernels::unique(x.device(), flat, order, out, count);
  }
  const Array places = copy(out[0].view({count}, {1})), counts = copy(out[2].view({count}, {1}));
  return {gather_rows(flat, places), places, out[1].view(x.shape(), row_major_strides(x.shape())), counts};
}

Array gather_rows(const Array& x, const Array& positions) {
  check_positions(positions, "gather_rows");
  check_same_device(x, positions, "gather_rows");
  Array y = Array::empty(positions.shape(), x.dtype(), x.device());
  if (y.size()) kernels::gather_rows(x.device(), x.contiguous(), positions.contiguous(), y);
  return y;
}

Array scatter_rows(const Array& x, const Array& positions, std::int64_t n) {
  check_positions(positions, "scatter_rows");
  check_same_device(x, positions, "scatter_rows");
  check_value(x.shape() == positions.shape(), "scatter_rows: shapes must agree, got ", x.shape(), " and ",
              positions.shape());
  Dims shape = x.shape();
  shape[shape.size() - 1] = n;
  const DType loop = is_half(x.dtype()) ? DType::float32 : x.dtype();
  Array y = Array::empty(shape, loop, x.device());
  if (y.size()) kernels::scatter_rows(x.device(), astype(x, loop, false).contiguous(), positions.contiguous(), y);
  return astype(y, x.dtype(), false);
}

}  // namespace tc::ops
