// Gradients of a normalisation's weight and bias: sums over batch and space.
#pragma once
#include "core/array.h"
#include "cuda/device/cuda.h"
#include "cuda/fast_divide.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

// Arrays seen as (batch, parameters, inner), row-major. The statistics of an element belong to its parameter, or to its
// row: the one of `per_row` neighbouring parameters of a batch item.
struct ParameterSums {
  std::int64_t batch, parameters, inner;
  std::int64_t per_row;  // 0: statistics per parameter
  bool from_variance;    // rstd holds variances: 1 / sqrt(variance + eps) is meant
  double eps;
};

// dbias = Σ g and dweight = Σ g (x - mean) rstd. Statistics and results are float32 or float64; mean null: 0.
void parameter_sums(const ParameterSums& plan, const Array& g, const Array& x, const Array* mean, const Array& rstd,
                    const Array& dweight, const Array& dbias);

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
