// Where elements are: positions of nonzero elements, and how often each small integer occurs.
#pragma once
#include <optional>
#include <vector>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

namespace kernels {
// Row-major bool x with `count` true elements: coordinates[axis][i] is where the i-th of them lies. All int64.
constinit inline Kernel<void(const Array& x, std::vector<Array>& coordinates)> nonzero{"nonzero"};
// Adds the weight (1 without weights) of each element of row-major int64 x, all in [0, n), into y of shape (n,).
constinit inline Kernel<void(const Array& x, const Array* weights, Array& y)> bincount{"bincount"};
}  // namespace kernels

namespace ops {
std::vector<Array> nonzero(const Array& x);
// Counts in int64, or sums of weights in their dtype (int64 for integers).
Array bincount(const Array& x, const std::optional<Array>& weights, std::int64_t minlength);
}  // namespace ops

}  // namespace tc
