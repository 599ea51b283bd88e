#include "ops/reduce.h"

#include "ops/copy.h"

namespace tc::ops {

Array sum(const Array& x, const std::optional<Dims>& axes, std::optional<DType> dtype, bool keepdims) {
  bool reduced[kMaxNdim] = {};
  if (axes) for (std::int64_t axis : *axes) reduced[normalize_axis(axis, x.ndim(), "sum")] = true;
  else std::fill_n(reduced, x.ndim(), true);
  Dims kept, shape;
  for (int i = 0; i < x.ndim(); ++i) {
    if (!reduced[i]) kept.push_back(x.shape(i));
    if (!reduced[i] || keepdims) shape.push_back(reduced[i] ? 1 : x.shape(i));
  }
  const DType out_dtype = dtype ? *dtype : is_float(x.dtype()) ? x.dtype() : DType::int64;
  Array y = Array::empty(kept, out_dtype, x.device());
  std::memset(y.raw(), 0, y.nbytes());
  const Dims row = row_major_strides(kept);
  Dims strides;
  for (int i = 0, k = 0; i < x.ndim(); ++i) strides.push_back(reduced[i] ? 0 : row[k++]);
  Array seen = y.view(x.shape(), strides);
  if (x.size()) kernels::sum(x.device(), astype(x, out_dtype, false), seen);
  return y.view(shape, row_major_strides(shape));
}

}  // namespace tc::ops
