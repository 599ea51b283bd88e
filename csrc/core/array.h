// Array: what a tensor is without autograd. A shared Storage seen through dtype, shape and strides (in elements; zero
// when broadcast, negative when flipped). Copying an Array shares its memory.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/device.h"
#include "core/dims.h"
#include "core/dtype.h"
#include "core/storage.h"

namespace tc {

class Array {
 public:
  Array() = default;  // holds nothing: assign before use

  // Row-major, not initialised.
  static Array empty(const Dims& shape, DType dtype, Device device = {});
  // A view of existing storage. `data` points at element (0, …, 0).
  Array(StorageRef storage, std::byte* data, DType dtype, const Dims& shape, const Dims& strides);

  DType dtype() const { return dtype_; }
  Device device() const { return storage_->device; }
  const Dims& shape() const { return shape_; }
  const Dims& strides() const { return strides_; }
  std::int64_t shape(int axis) const { return shape_[axis < 0 ? axis + ndim() : axis]; }
  std::int64_t stride(int axis) const { return strides_[axis < 0 ? axis + ndim() : axis]; }
  int ndim() const { return shape_.size(); }
  std::int64_t size() const { return size_; }
  std::size_t nbytes() const { return static_cast<std::size_t>(size_) * itemsize(dtype_); }
  std::byte* raw() const { return data_; }
  template <class T>
  T* data() const {
    return reinterpret_cast<T*>(data_);
  }
  const StorageRef& storage() const { return storage_; }
  explicit operator bool() const { return static_cast<bool>(storage_); }

  bool is_contiguous() const;  // row-major without gaps (extents of one aside)

  // The same storage seen otherwise; `offset` in elements from this array's first one. No check: callers know the
  // bounds.
  Array view(const Dims& shape, const Dims& strides, std::int64_t offset = 0) const;
  // The same elements as `shape`, without a copy. Extents must broadcast; the error names `op`.
  Array broadcast_to(const Dims& shape, const char* op) const;
  // A row-major array with these elements: itself, or a copy.
  Array contiguous() const;

 private:
  StorageRef storage_;
  std::byte* data_ = nullptr;
  std::int64_t size_ = 0;
  DType dtype_ = DType::float32;
  Dims shape_, strides_;
};

// Number of elements; ValueError on a negative extent or when the bytes would not fit in 63 bits.
std::int64_t checked_size(const Dims& shape, DType dtype, const char* op);
Dims row_major_strides(const Dims& shape);
// The shape both broadcast to; ValueError naming `op` and both shapes where there is none.
Dims broadcast_shapes(const Dims& a, const Dims& b, const char* op);
// axis in [0, ndim), negative values counted from the end; IndexError otherwise.
int normalize_axis(std::int64_t axis, int ndim, const char* op);
// Do the two share memory anywhere between their first and last byte?
bool may_overlap(const Array& a, const Array& b);

// An uninitialised result for an elementwise op: row-major, or laid out like the input where that is a dense
// permutation.
Array empty_for_elementwise(const Array& like, const Dims& shape, DType dtype);

// Calls that stage and copy live in ops/copy.h.

}  // namespace tc
