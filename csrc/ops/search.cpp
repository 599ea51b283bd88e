#include "ops/search.h"

#include "core/promote.h"
#include "ops/copy.h"
#include "ops/reduce.h"

namespace tc::ops {
namespace {

// The value of a 0-d int64 array.
std::int64_t read(const Array& x) { return *on_host(x).data<std::int64_t>(); }

}  // namespace

std::vector<Array> nonzero(const Array& x) {
  check_value(x.ndim() > 0, "nonzero: needs at least one axis, got a 0-d array");
  const Array truth = astype(x, DType::boolean, false).contiguous();
  const std::int64_t count = read(count_nonzero(truth, std::nullopt, false));
  std::vector<Array> coordinates;
  for (int i = 0; i < x.ndim(); ++i) coordinates.push_back(Array::empty({count}, kDefaultInt, x.device()));
  if (count) kernels::nonzero(x.device(), truth, coordinates);
  return coordinates;
}

Array bincount(const Array& x, const std::optional<Array>& weights, std::int64_t minlength) {
  constexpr auto op = "bincount";
  check_value(x.ndim() == 1, op, ": x must be 1-d, got shape ", x.shape());
  check_type(is_int(x.dtype()), op, ": x must be of an integer dtype, got ", name_of(x.dtype()));
  check_value(minlength >= 0, op, ": minlength must be at least 0, got ", minlength);
  if (weights) {
    check_value(weights->shape() == x.shape(), op, ": weights must have x's shape ", x.shape(), ", got ",
                weights->shape());
    check_same_device(x, *weights, op);
  }
  const Array places = astype(x, kDefaultInt, false).contiguous();
  std::int64_t n = minlength;
  if (x.size()) {
    const std::int64_t low = read(min(places, std::nullopt, false)), high = read(max(places, std::nullopt, false));
    check_value(low >= 0, op, ": elements must be at least 0, got ", low);
    check_value(high < INT64_MAX, op, ": elements must be less than 2^63 - 1");
    n = std::max(n, high + 1);
  }
  const DType result = weights && is_float(weights->dtype()) ? weights->dtype() : kDefaultInt;
  const DType loop = is_half(result) ? DType::float32 : result;
  checked_size({n}, loop, op);
  Array y = Array::empty({n}, loop, x.device());
  if (!n) return astype(y, result, false);
  const Array w = weights ? astype(*weights, loop, false).contiguous() : Array();
  kernels::bincount(x.device(), places, weights ? &w : nullptr, y);
  return astype(y, result, false);
}

}  // namespace tc::ops
