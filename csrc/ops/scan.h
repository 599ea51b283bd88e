// Running results along one axis.
#pragma once
#include <optional>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

// What linear_recurrence() puts out; c is 0 at the start of a row.
enum class Recurrence { own, carried, previous };
// own:      h = b + a·c, puts out h, c = h          (each element multiplies what came before it)
// previous: the same, but puts out c before the step
// carried:  h = b + c, puts out h, c = a·h          (each element multiplies what comes after it)

namespace kernels {
// Row-major x as (outer, n, inner); y is (outer, n, inner) or, with `initial`, (outer, n + 1, inner) whose first
// element, last when `reverse`, is the identity. x and y are of y's dtype: float32, float64 or int64.
struct ScanShape {
  std::int64_t outer, n, inner;
  bool initial, reverse;
};
constinit inline Kernel<void(const Array& x, Array& y, const ScanShape&)> cumulative_sum{"cumulative_sum"};
constinit inline Kernel<void(const Array& x, Array& y, const ScanShape&)> cumulative_prod{"cumulative_prod"};
constinit inline Kernel<void(const Array& a, const Array& b, Array& y, const ScanShape&, Recurrence)> linear_recurrence{
    "linear_recurrence"};
}  // namespace kernels

namespace ops {
// axis may be none for 1-d arrays. Integers give int64 unless `dtype` is given.
Array cumulative_sum(const Array& x, std::optional<std::int64_t> axis, std::optional<DType> dtype, bool initial,
                     bool reverse);
Array cumulative_prod(const Array& x, std::optional<std::int64_t> axis, std::optional<DType> dtype, bool initial,
                      bool reverse);
// a and b of one shape and floating-point dtype; kind is a Recurrence. What the gradient of cumulative_prod is made of.
Array linear_recurrence(const Array& a, const Array& b, std::int64_t axis, std::int64_t kind, bool reverse);
}  // namespace ops

}  // namespace tc
