// Cross-entropy of class indices, fused with the softmax or on log-probabilities.
#pragma once
#include <optional>
#include <tuple>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

struct CrossEntropy {
  std::int64_t ignore_index;
  double label_smoothing;
  bool log_probabilities;  // the input is log p already: no softmax
};

namespace kernels {
// x (rows, classes) contiguous, target int64 (rows,), weight of x's dtype (classes,) or null. Writes, in the type sums
// are kept in, each row's loss (0 if ignored) and log Σ exp x.
constinit inline Kernel<void(const Array& x, const Array& target, const Array* weight, const CrossEntropy&, Array& loss,
                             Array& lse)>
    cross_entropy{"cross_entropy"};
// gx[r] = g[r] · ∂loss[r]/∂x[r], one factor per row.
constinit inline Kernel<void(const Array& x, const Array& target, const Array* weight, const CrossEntropy&,
                             const Array& g, const Array& lse, Array& gx)>
    cross_entropy_backward{"cross_entropy_backward"};
}  // namespace kernels

namespace ops {
// x (rows, classes) floating-point, target (rows,) integers. Returns (loss per row, log-sum-exp per row, weight of each
// row's class (0 if ignored)), float32 or float64. IndexError on a class outside [0, classes) that is not ignored.
std::tuple<Array, Array, Array> cross_entropy(const Array& x, const Array& target, const std::optional<Array>& weight,
                                              std::int64_t ignore_index, double label_smoothing,
                                              bool log_probabilities);
Array cross_entropy_backward(const Array& x, const Array& target, const std::optional<Array>& weight,
                             std::int64_t ignore_index, double label_smoothing, bool log_probabilities, const Array& g,
                             const Array& lse);
}  // namespace ops
}  // namespace tc
