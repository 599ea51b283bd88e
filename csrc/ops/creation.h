// Ops that make arrays from a few numbers: filled, evenly spaced, diagonal and triangular ones.
#pragma once
#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

// The i-th element of an evenly spaced array. Integers are exact: start + floor(i * range / parts) in 128 bits.
struct Spacing {
  bool exact = false;  // use the integers below rather than the doubles
  std::int64_t start_int = 0;
  __int128 range_int = 0;
  std::int64_t parts = 1;      // of the range, one per step
  double start = 0, step = 0;  // start + i * step ...
  double stop = 0;             // ... except that element `last` is stop
  std::int64_t last = -1;
  bool floors = false;  // round down rather than toward zero on the way to integers
};

namespace kernels {
constinit inline Kernel<void(const Spacing& spacing, Array& out)> spaced{"arange"};  // out: 1-d, contiguous
// Zeroes what lies above (upper = false) or below (upper = true) the k-th diagonal of each matrix; contiguous.
constinit inline Kernel<void(Array& matrices, std::int64_t k, bool upper)> clear_triangle{"tril"};
}  // namespace kernels

namespace ops {
Array empty(const Dims& shape, DType dtype, Device device);
Array full(const Dims& shape, const Array& value, DType dtype, Device device);  // `value`: one element, or broadcast
Array zeros(const Dims& shape, DType dtype, Device device);
Array arange_int(std::int64_t start, std::int64_t step, std::int64_t count, DType dtype, Device device);
Array arange_float(double start, double step, std::int64_t count, DType dtype, Device device);
Array linspace_int(std::int64_t start, std::int64_t stop, std::int64_t count, bool endpoint, DType dtype,
                   Device device);
Array linspace_float(double start, double stop, std::int64_t count, bool endpoint, DType dtype, Device device);
Array eye(std::int64_t rows, std::int64_t columns, std::int64_t k, DType dtype, Device device);
Array triangle(const Array& x, std::int64_t k, bool upper);
}  // namespace ops

}  // namespace tc
