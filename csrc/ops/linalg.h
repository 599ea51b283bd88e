// Matrix products.
#pragma once
#include <optional>
#include <string>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

// How products of float32 are computed on CUDA: on the ordinary cores (ieee), or on tensor cores, from operands split
// into two tf32 numbers (tf32x3, nearly as exact) or rounded to one (tf32, 10 bits of mantissa). Other dtypes and
// devices do not depend on it.
enum class MatmulPrecision : std::uint8_t { ieee, tf32x3, tf32 };
MatmulPrecision matmul_precision();

namespace kernels {
// y[…] = a[…] · b[…] over stacks of matrices: a (…, m, k), b (…, k, n), y (…, m, n) contiguous, equal leading extents
// (broadcast strides allowed), one dtype, not bool.
constinit inline Kernel<void(const Array& a, const Array& b, Array& y)> matmul{"matmul"};
// y = activation(x · wᵀ + bias): x (rows, in), w (out, in), bias (out,) or null, y (rows, out) contiguous.
constinit inline Kernel<void(const Array& x, const Array& w, const Array* bias, const std::string& activation,
                             Array& y)>
    linear{"linear"};
}  // namespace kernels

namespace ops {
// "ieee", "3xtf32" or "tf32", for all threads.
void set_matmul_precision(const std::string& precision);
std::string get_matmul_precision();
// The array API's matmul: one-dimensional arguments are vectors, leading axes broadcast.
Array matmul(const Array& a, const Array& b);
// Over the last axis of x, any leading axes. `activation`: none, relu, gelu, tanh, sigmoid, silu.
Array linear(const Array& x, const Array& weight, const std::optional<Array>& bias, const std::string& activation);
}  // namespace ops
}  // namespace tc
