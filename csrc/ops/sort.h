// Sorting along an axis, and what follows from an order: the k largest, positions in a sorted row, distinct values.
// NaN counts as larger than every number and as equal to no other; -0.0 equals 0.0.
#pragma once
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

namespace kernels {
// For row-major x of shape (…, n): the positions (int64, row-major) of its first k elements in order, equal ones by
// place. y has shape (…, k).
constinit inline Kernel<void(const Array& x, Array& y, bool descending)> argsort{"argsort"};
constinit inline Kernel<void(const Array& x, Array& y, bool largest)> topk{"topk"};
// For each value the number of elements of `sorted` that come before it (`right`: or equal it). Row-major, of one
// dtype.
constinit inline Kernel<void(const Array& sorted, const Array& values, Array& y, bool right)> searchsorted{
    "searchsorted"};
// For row-major x and its argsort: out = {first place of each distinct value, inverse, counts}, all int64, n long;
// returns how many distinct values there are in `count`.
constinit inline Kernel<void(const Array& x, const Array& order, std::vector<Array>& out, std::int64_t& count)> unique{
    "unique"};
// Row-major x (rows, n) and positions (rows, k): y = x at the positions; and its transpose, which adds into y (rows,
// n).
constinit inline Kernel<void(const Array& x, const Array& positions, Array& y)> gather_rows{"gather_rows"};
constinit inline Kernel<void(const Array& x, const Array& positions, Array& y)> scatter_rows{"scatter_rows"};
}  // namespace kernels

namespace ops {
Array argsort(const Array& x, std::int64_t axis, bool descending);
std::tuple<Array, Array> sort(const Array& x, std::int64_t axis, bool descending);  // values and their positions
std::tuple<Array, Array> topk(const Array& x, std::int64_t k, std::int64_t axis, bool largest);
Array searchsorted(const Array& sorted, const Array& values, bool right, const std::optional<Array>& sorter);
// Distinct values in order, their first places, x's elements as positions among them (in x's shape), and counts.
std::tuple<Array, Array, Array, Array> unique(const Array& x);
// Along the last axis; positions of x's leading shape, in [0, n).
Array gather_rows(const Array& x, const Array& positions);
Array scatter_rows(const Array& x, const Array& positions, std::int64_t n);
}  // namespace ops

}  // namespace tc
