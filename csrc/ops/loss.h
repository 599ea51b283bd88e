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
// For target int64 (rows,): row_weight[r] is the weight of row r's class, 0 if ignored. bad[i] is the first row of the
// i-th of bad.size() equal spans of rows (the last ones may be short or empty) whose class is neither in [0, classes)
// nor ignored, -1 if there is none. `weight` of any floating dtype or null, row_weight float32 or float64.
constinit inline Kernel<void(const Array& target, const Array* weight, std::int64_t classes, std::int64_t ignore_index,
                             Array& row_weight, Array& bad)>
    check_classes{"cross_entropy"};
// x (rows, classes) contiguous, target int64 (rows,), weight of x's dtype (classes,) or null. Writes, in the type sums
// are kept in, each row's loss (0 if ignored) and log Σ exp x.
constinit inline Kernel<void(const Array& x, const Array& target, const Array* weight, const CrossEntropy&, Array& loss,
                             Array& lse)>
    cross_entropy{"cross_entropy"};
// gx[r] = g[r] · ∂loss[r]/∂x[r], one factor per row.
constinit inline Kernel<void(const Array& x, const Array& target, const Array* weight, const CrossEntropy&,
                             const Array& g, const Array& lse, Array& gx)>
    cross_entropy_backward{"cross_entropy_backward"};
// Both in one: writes each row's loss, and gx over x.
constinit inline Kernel<void(Array& x, const Array& target, const Array* weight, const CrossEntropy&, const Array& g,
                             Array& loss)>
    cross_entropy_in_place{"cross_entropy_in_place"};
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
// Loss per row and weight per row as above; x, which must be row-major, becomes g[r] · ∂loss[r]/∂x[r]. Reads and writes
// the logits once: for losses at the end of a model, whose logits nothing else needs.
std::tuple<Array, Array> cross_entropy_in_place(const Array& x, const Array& target, const std::optional<Array>& weight,
                                                std::int64_t ignore_index, double label_smoothing, const Array& g);
}  // namespace ops
}  // namespace tc
