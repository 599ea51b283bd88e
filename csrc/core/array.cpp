#include "core/array.h"

#include <utility>

#include "ops/copy.h"

namespace tc {

std::int64_t checked_size(const Dims& shape, DType dtype, const char* op) {
  std::int64_t size = 1, bytes = 0;
  bool overflow = false, zero = false;
  for (std::int64_t extent : shape) {
    check_value(extent >= 0, op, ": extents must not be negative, got shape ", shape);
    zero |= extent == 0;
    overflow |= __builtin_mul_overflow(size, std::max<std::int64_t>(extent, 1), &size);
  }
  overflow |= __builtin_mul_overflow(size, static_cast<std::int64_t>(itemsize(dtype)), &bytes);
  check_value(!overflow, op, ": the array is too large to address, got shape ", shape);
  return zero ? 0 : size;
}

Dims row_major_strides(const Dims& shape) {
  Dims strides = shape;
  std::int64_t step = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    strides[i] = step;
    step *= std::max<std::int64_t>(shape[i], 1);
  }
  return strides;
}

Array::Array(StorageRef storage, std::byte* data, DType dtype, const Dims& shape, const Dims& strides)
    : storage_(std::move(storage)), data_(data), dtype_(dtype), shape_(shape), strides_(strides) {
  size_ = 1;
  for (std::int64_t extent : shape) size_ *= extent;
}

Array Array::empty(const Dims& shape, DType dtype, Device device) {
  const std::int64_t size = checked_size(shape, dtype, "empty");
  StorageRef storage(new_storage(static_cast<std::size_t>(size) * itemsize(dtype), device));
  auto* data = static_cast<std::byte*>(storage->data);
  return Array(std::move(storage), data, dtype, shape, row_major_strides(shape));
}

bool Array::is_contiguous() const {
  if (size_ == 0) return true;
  std::int64_t step = 1;
  for (int i = ndim() - 1; i >= 0; --i) {
    if (shape_[i] != 1 && strides_[i] != step) return false;
    step *= shape_[i];
  }
  return true;
}

Array Array::view(const Dims& shape, const Dims& strides, std::int64_t offset) const {
  return Array(storage_, data_ + offset * static_cast<std::int64_t>(itemsize(dtype_)), dtype_, shape, strides);
}

Array Array::broadcast_to(const Dims& shape, const char* op) const {
  const int added = shape.size() - ndim();
  bool ok = added >= 0;
  Dims strides = Dims::filled(shape.size(), 0);
  for (int i = 0; ok && i < ndim(); ++i) {
    if (shape_[i] == shape[i + added])
      strides[i + added] = strides_[i];
    else
      ok = shape_[i] == 1;
  }
  check_value(ok, op, ": shape ", shape_, " does not broadcast to ", shape);
  checked_size(shape, dtype_, op);
  return view(shape, strides);
}

Array Array::contiguous() const { return is_contiguous() ? *this : ops::copy(*this); }

Dims broadcast_shapes(const Dims& a, const Dims& b, const char* op) {
  if (a == b) return a;
  const int n = std::max(a.size(), b.size());
  Dims out = Dims::filled(n, 1);
  for (int i = 0; i < n; ++i) {
    const int ia = i - (n - a.size()), ib = i - (n - b.size());
    const std::int64_t ea = ia < 0 ? 1 : a[ia], eb = ib < 0 ? 1 : b[ib];
    check_value(ea == eb || ea == 1 || eb == 1, op, ": shapes must broadcast, got ", a, " and ", b);
    out[i] = ea == 1 ? eb : ea;
  }
  return out;
}

int normalize_axis(std::int64_t axis, int ndim, const char* op) {
  check_index(axis >= -ndim && axis < ndim, op, ": axis must lie in [", -ndim, ", ", ndim, "), got ", axis);
  return static_cast<int>(axis < 0 ? axis + ndim : axis);
}

namespace {
// First byte and one past the last byte an array's elements occupy.
std::pair<const std::byte*, const std::byte*> extent_of(const Array& a) {
  const std::byte *low = a.raw(), *high = a.raw();
  const auto item = static_cast<std::int64_t>(itemsize(a.dtype()));
  for (int i = 0; i < a.ndim(); ++i) {
    const std::int64_t reach = (a.shape(i) - 1) * a.stride(i) * item;
    (reach < 0 ? low : high) += reach;
  }
  return {low, high + item};
}
}  // namespace

bool may_overlap(const Array& a, const Array& b) {
  if (a.size() == 0 || b.size() == 0) return false;
  const auto [a_low, a_high] = extent_of(a);
  const auto [b_low, b_high] = extent_of(b);
  return a_low < b_high && b_low < a_high;
}

Array empty_for_elementwise(const Array& like, const Dims& shape, DType dtype) {
  if (like.shape() == shape && like.ndim() > 1 && !like.is_contiguous()) {
    // Axes from the largest stride to the smallest; the result follows when they tile memory without gap or overlap.
    int order[kMaxNdim];
    for (int i = 0; i < like.ndim(); ++i) order[i] = i;
    std::stable_sort(order, order + like.ndim(), [&](int a, int b) { return like.stride(a) > like.stride(b); });
    Dims strides = like.strides();
    std::int64_t step = 1;
    bool dense = true;
    for (int i = like.ndim() - 1; i >= 0; --i) {
      const int axis = order[i];
      dense &= like.shape(axis) == 1 || like.stride(axis) == step;
      strides[axis] = step;
      step *= like.shape(axis);
    }
    if (dense) {
      const Array flat = Array::empty(shape, dtype, like.device());
      return flat.view(shape, strides);
    }
  }
  return Array::empty(shape, dtype, like.device());
}

}  // namespace tc
