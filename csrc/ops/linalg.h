// Matrix products.
#pragma once
#include <optional>
#include <string>
#include <tuple>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

// How products of float32 are computed on CUDA: on the ordinary cores (ieee), or on tensor cores, from operands split
// into two tf32 numbers (tf32x3, nearly as exact) or rounded to one (tf32, 10 bits of mantissa). Other dtypes and
// devices do not depend on it.
enum class MatmulPrecision : std::uint8_t { ieee, tf32x3, tf32 };
MatmulPrecision matmul_precision();
MatmulPrecision matmul_precision_named(const std::string& name);  // ValueError for none of "ieee", "3xtf32", "tf32"

// What can be fused into one product: c = activation(alpha a b + beta residual + biases), and sums of an operand that
// is read anyway. Absent: null.
struct ProductEpilogue {
  double alpha = 1, beta = 0;
  const Array *residual = nullptr, *row_bias = nullptr, *column_bias = nullptr;  // (m, n), (m,), (n,)
  std::string activation = "none";
  Array *row_sums = nullptr, *column_sums = nullptr;  // of a over its columns (m,), or of b over its rows (n,)
};

namespace kernels {
// y[…] = a[…] · b[…] over stacks of matrices: a (…, m, k), b (…, k, n), y (…, m, n) contiguous, equal leading extents
// (broadcast strides allowed), one dtype, not bool.
constinit inline Kernel<void(const Array& a, const Array& b, Array& y)> matmul{"matmul"};
// y = activation(x · wᵀ + bias): x (rows, in), w (out, in), bias (out,) or null, y (rows, out) contiguous.
constinit inline Kernel<void(const Array& x, const Array& w, const Array* bias, const std::string& activation,
                             Array& y)>
    linear{"linear"};
// c (m, n) of any strides from a (m, k) and b (k, n), one floating-point dtype. At most one of the two sums.
constinit inline Kernel<void(const Array& a, const Array& b, const ProductEpilogue& epilogue, Array& c)> product{
    "product"};
}  // namespace kernels

namespace ops {
// For all threads.
void set_matmul_precision(const std::string& precision);
std::string get_matmul_precision();
// The array API's matmul: one-dimensional arguments are vectors, leading axes broadcast.
Array matmul(const Array& a, const Array& b);
// Over the last axis of x, any leading axes. `activation`: none, relu, gelu, tanh, sigmoid, silu.
Array linear(const Array& x, const Array& weight, const std::optional<Array>& bias, const std::string& activation);
// Of y = x wᵀ + bias, from g, the gradient of y (rows, out), and x (rows, in): those of w (out, in) and bias (out,). In
// one pass over g where the device can.
std::tuple<Array, Array> linear_weight_gradient(const Array& g, const Array& x);
// The fused product itself, where a device has it; with `sums` "rows" or "columns" the second result has them.
std::tuple<Array, std::optional<Array>> product(const Array& a, const Array& b, double alpha, double beta,
                                                const std::optional<Array>& residual,
                                                const std::optional<Array>& row_bias,
                                                const std::optional<Array>& column_bias, const std::string& activation,
                                                const std::string& sums);
}  // namespace ops
}  // namespace tc
