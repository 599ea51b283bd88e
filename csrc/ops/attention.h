// Scaled dot-product attention, softmax(scale · q kᵀ + mask) v, tile by tile: the score matrix is never stored.
#pragma once
#include <optional>
#include <tuple>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

// Stacks with equal leading axes, any strides, one dtype (float32 or float64): q (…, L, E), k (…, S, E), v (…, S, V),
// mask, added to the scores, (…, L, S) or null. With `causal` row i sees columns 0 … i.
struct Attention {
  const Array *q, *k, *v, *mask;
  double scale;
  bool causal;
};

namespace kernels {
// y (…, L, V) and the log-sum-exp of each row's scores (…, L), contiguous. A row that sees nothing gives zeros.
constinit inline Kernel<void(const Attention&, Array& y, Array& lse)> attention{"attention"};
// Gradients, contiguous, from that of y; g and y contiguous.
constinit inline Kernel<void(const Attention&, const Array& y, const Array& lse, const Array& g, Array& gq, Array& gk,
                             Array& gv)>
    attention_backward{"attention_backward"};
}  // namespace kernels

namespace ops {
std::tuple<Array, Array> attention(const Array& q, const Array& k, const Array& v, const std::optional<Array>& mask,
                                   double scale, bool causal);
// Gradients with the leading axes q, k and v broadcast to.
std::tuple<Array, Array, Array> attention_backward(const Array& q, const Array& k, const Array& v,
                                                   const std::optional<Array>& mask, double scale, bool causal,
                                                   const Array& y, const Array& lse, const Array& g);
}  // namespace ops
}  // namespace tc
