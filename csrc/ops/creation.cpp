#include "ops/creation.h"

#include <cmath>
#include <limits>

#include "ops/copy.h"

namespace tc::ops {
namespace {

Array spaced(const char* op, const Spacing& spacing, std::int64_t count, DType dtype, Device device) {
  check_value(count >= 0, op, ": the number of elements must not be negative, got ", count);
  check_type(!is_bool(dtype) || count <= 2, op, ": dtype bool holds at most two elements, got ", count);
  checked_size(Dims{count}, dtype, op);
  Array out = Array::empty(Dims{count}, dtype, device);
  if (count) kernels::spaced(device, spacing, out);
  return out;
}

void check_fits(const char* op, std::int64_t value, DType dtype) {
  dispatch(Ints{}, dtype, [&]<class T>() {
    check(value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max(), ErrorKind::overflow, op,
          ": the integer ", value, " does not fit in ", name_of(dtype));
  });
}

void check_fits(const char* op, double value, DType dtype) {
  if (!is_int(dtype)) return;
  check_value(std::isfinite(value), op, ": ", value, " cannot be held by ", name_of(dtype));
  dispatch(Ints{}, dtype, [&]<class T>() {
    check(std::trunc(value) >= static_cast<double>(std::numeric_limits<T>::min()) &&
              std::trunc(value) < std::ldexp(1.0, std::numeric_limits<T>::digits),
          ErrorKind::overflow, op, ": ", value, " does not fit in ", name_of(dtype));
  });
}

}  // namespace

Array empty(const Dims& shape, DType dtype, Device device) {
  checked_size(shape, dtype, "empty");
  return Array::empty(shape, dtype, device);
}

Array full(const Dims& shape, const Array& value, DType dtype, Device device) {
  checked_size(shape, dtype, "full");
  Array out = Array::empty(shape, dtype, device);
  if (out.size()) kernels::copy(device, value.broadcast_to(shape, "full"), out);
  return out;
}

Array zeros(const Dims& shape, DType dtype, Device device) {
  const Array zero = Array::empty({}, DType::uint8);
  *zero.data<std::uint8_t>() = 0;
  return full(shape, zero, dtype, device);
}

Array arange_int(std::int64_t start, std::int64_t step, std::int64_t count, DType dtype, Device device) {
  if (is_int(dtype) && count > 0) {
    check_fits("arange", start, dtype);
    const auto end = static_cast<__int128>(start) + static_cast<__int128>(count - 1) * step;
    check(end >= INT64_MIN && end <= INT64_MAX, ErrorKind::overflow, "arange: the last element does not fit in int64");
    check_fits("arange", static_cast<std::int64_t>(end), dtype);
  }
  Spacing spacing;
  spacing.exact = true;
  spacing.start_int = start;
  spacing.range_int = step;
  return spaced("arange", spacing, count, dtype, device);
}

Array arange_float(double start, double step, std::int64_t count, DType dtype, Device device) {
  if (count > 0) {
    check_fits("arange", start, dtype);
    check_fits("arange", start + static_cast<double>(count - 1) * step, dtype);
  }
  Spacing spacing;
  spacing.start = start;
  spacing.step = step;
  return spaced("arange", spacing, count, dtype, device);
}

Array linspace_int(std::int64_t start, std::int64_t stop, std::int64_t count, bool endpoint, DType dtype,
                   Device device) {
  if (is_int(dtype) && count > 0) {
    check_fits("linspace", start, dtype);
    if (endpoint && count > 1) check_fits("linspace", stop, dtype);
  }
  Spacing spacing;
  spacing.exact = is_int(dtype);
  spacing.start_int = start;
  spacing.range_int = static_cast<__int128>(stop) - start;
  spacing.parts = std::max<std::int64_t>(1, endpoint ? count - 1 : count);
  if (spacing.exact) return spaced("linspace", spacing, count, dtype, device);
  return linspace_float(static_cast<double>(start), static_cast<double>(stop), count, endpoint, dtype, device);
}

Array linspace_float(double start, double stop, std::int64_t count, bool endpoint, DType dtype, Device device) {
  const std::int64_t parts = std::max<std::int64_t>(1, endpoint ? count - 1 : count);
  if (count > 0) check_fits("linspace", start, dtype);
  if (count > 1) check_fits("linspace", stop, dtype);
  Spacing spacing;
  spacing.start = start;
  // Halves first: the distance between two finite numbers may overflow.
  spacing.step = std::isfinite(stop - start) ? (stop - start) / static_cast<double>(parts)
                                             : (stop / 2 - start / 2) / static_cast<double>(parts) * 2;
  spacing.stop = stop;
  spacing.last = endpoint && count > 1 ? count - 1 : -1;
  spacing.floors = is_int(dtype);
  return spaced("linspace", spacing, count, dtype, device);
}

Array eye(std::int64_t rows, std::int64_t columns, std::int64_t k, DType dtype, Device device) {
  const Dims shape{rows, columns};
  checked_size(shape, dtype, "eye");
  Array out = zeros(shape, dtype, device);
  if (k <= -rows || k >= columns) return out;
  const std::int64_t row = k < 0 ? -k : 0, column = k > 0 ? k : 0;
  const std::int64_t length = std::min(rows - row, columns - column);
  const Array one = Array::empty({}, DType::uint8);
  *one.data<std::uint8_t>() = 1;
  Array diagonal = out.view(Dims{length}, Dims{columns + 1}, row * columns + column);
  kernels::copy(device, one.broadcast_to(Dims{length}, "eye"), diagonal);
  return out;
}

Array triangle(const Array& x, std::int64_t k, bool upper) {
  check_value(x.ndim() >= 2, upper ? "triu" : "tril", ": needs at least two axes, got shape ", x.shape());
  Array out = copy(x);
  if (out.size()) kernels::clear_triangle(out.device(), out, k, upper);
  return out;
}

}  // namespace tc::ops
