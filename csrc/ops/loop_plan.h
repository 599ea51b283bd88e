// LoopPlan: the loops of an elementwise op over operands of one shape. Axes of extent one go, neighbouring axes that
// every operand walks with one stride merge, and axes are ordered by the first operand's strides, so that most calls
// end as a single flat loop. Pure host arithmetic, shared by all backends.
#pragma once
#include <algorithm>
#include <cstdlib>

#include "core/array.h"

namespace tc {

template <int N>
struct LoopPlan {
  int ndim = 0;  // 0 for a single element
  std::int64_t size = 1;
  std::int64_t shape[kMaxNdim];       // outermost first
  std::int64_t strides[N][kMaxNdim];  // in elements

  explicit LoopPlan(const Array* const (&operands)[N]) {
    const Array& first = *operands[0];
    size = first.size();
    int axes[kMaxNdim], count = 0;
    for (int i = 0; i < first.ndim(); ++i)
      if (first.shape(i) != 1) axes[count++] = i;
    const auto farther = [&](int a, int b) { return std::abs(first.stride(a)) > std::abs(first.stride(b)); };
    for (int i = 1; i < count; ++i)  // insertion sort: already ordered in nearly every call
      for (int j = i; j > 0 && farther(axes[j], axes[j - 1]); --j) std::swap(axes[j], axes[j - 1]);
    for (int i = 0; i < count; ++i) {
      const int axis = axes[i];
      bool merges = ndim > 0;
      for (int k = 0; k < N && merges; ++k)
        merges = strides[k][ndim - 1] == operands[k]->stride(axis) * first.shape(axis);
      const int at = merges ? ndim - 1 : ndim++;
      shape[at] = merges ? shape[at] * first.shape(axis) : first.shape(axis);
      for (int k = 0; k < N; ++k) strides[k][at] = operands[k]->stride(axis);
    }
  }

  // Every operand contiguous (stride 1) or a single repeated element (stride 0)?
  bool is_flat() const { return ndim == 0 || ndim == 1; }
};

}  // namespace tc
