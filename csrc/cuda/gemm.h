// General matrix product on device memory: C = activation(alpha A B + beta residual + biases), A is m x k, B is k x n.
// Any strides, also 0 and negative; float16 and bfloat16 are summed in float32 and rounded once, integers wrap around.
// The order of every sum depends on shape, strides and alignment only: the same bits each run.
#pragma once
#include <cstdint>
#include <string>

#include "core/array.h"
#include "cuda/gemm_plan.h"

namespace tc::cuda {

enum class Activation : std::uint8_t { none, relu, gelu, tanh, sigmoid, silu };  // gelu: the exact one, with erf
inline Activation activation_named(const std::string& name) {
  constexpr const char* names[] = {"none", "relu", "gelu", "tanh", "sigmoid", "silu"};
  for (int i = 0; i < 6; ++i)
    if (name == names[i]) return static_cast<Activation>(i);
  return Activation::none;  // ops check the name
}

// Element (i, j) is data[i * row_stride + j * col_stride] of the product's dtype; strides in elements.
struct GemmMatrix {
  void* data = nullptr;
  std::int64_t row_stride = 0, col_stride = 1;
};
struct GemmVector {
  void* data = nullptr;  // null: none
  std::int64_t stride = 1;
};

// Products that differ by offsets only: axes with a stride for each matrix. No axes: one product.
struct GemmBatch {
  int ndim = 0;
  std::int64_t count = 1;
  std::int64_t shape[kMaxNdim], a[kMaxNdim], b[kMaxNdim], c[kMaxNdim], residual[kMaxNdim];

  // Axes are added slowest first, and merged with the one before where one stride walks both.
  void add(std::int64_t extent, std::int64_t a_stride, std::int64_t b_stride, std::int64_t c_stride,
           std::int64_t residual_stride = 0) {
    count *= extent;
    if (extent == 1) return;
    const int last = ndim - 1;
    if (ndim > 0 && a[last] == a_stride * extent && b[last] == b_stride * extent && c[last] == c_stride * extent &&
        residual[last] == residual_stride * extent) {
      shape[last] *= extent;
    } else {
      shape[ndim++] = extent;
    }
    a[ndim - 1] = a_stride, b[ndim - 1] = b_stride, c[ndim - 1] = c_stride, residual[ndim - 1] = residual_stride;
  }
};

struct Gemm {
  DType dtype;
  std::int64_t m, n, k;  // m, n >= 1; k == 0 is an empty sum
  GemmMatrix a, b, c;    // c overlaps none of the others, the residual excepted, which may be c itself
  GemmBatch batch;
  double alpha = 1, beta = 0;  // beta == 0: the residual is not read
  GemmMatrix residual;
  GemmVector row_bias, column_bias;  // m elements, one per row; n elements, one per column
  Activation activation = Activation::none;
  // The sum over k of each row of A (m elements), or of each column of B (n): of a gradient that is an operand of the
  // weight's, the gradient of the bias. One of the two at most, adjacent elements, without a batch.
  void *row_sums = nullptr, *column_sums = nullptr;
};

inline namespace TC_CUDA_BACKEND {
// Runs on the current stream of the current device, which is `device`.
void gemm(Gemm product, Device device);
}  // namespace TC_CUDA_BACKEND

}  // namespace tc::cuda
