// ReducePlan: the loops of a reduction. Pure host arithmetic, shared by all backends.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <initializer_list>

#include "core/array.h"

namespace tc {

// The axes of a reduction: kept ones and reduced ones, each ordered by x's strides, neighbours merged.
struct ReducePlan {
  Dims kept_shape, kept_x, kept_y;  // y's strides in elements
  Dims reduced_shape, reduced_x;
  std::int64_t outputs = 1, terms = 1;

  // y has x's shape; its strides are zero along the axes that are reduced.
  ReducePlan(const Array& x, const Array& y) {
    int axes[kMaxNdim], count = 0;
    for (int i = 0; i < x.ndim(); ++i)
      if (x.shape(i) != 1) axes[count++] = i;
    const auto farther = [&](int a, int b) { return std::abs(x.stride(a)) > std::abs(x.stride(b)); };
    for (int i = 1; i < count; ++i)
      for (int j = i; j > 0 && farther(axes[j], axes[j - 1]); --j) std::swap(axes[j], axes[j - 1]);
    for (int i = 0; i < count; ++i) {
      const std::int64_t n = x.shape(axes[i]), xs = x.stride(axes[i]), ys = y.stride(axes[i]);
      if (ys == 0) {
        terms *= n;
        append(reduced_shape, n, {{&reduced_x, xs}});
      } else {
        outputs *= n;
        append(kept_shape, n, {{&kept_x, xs}, {&kept_y, ys}});
      }
    }
  }

 private:
  struct Walked {
    Dims* strides;
    std::int64_t stride;
  };
  static void append(Dims& shape, std::int64_t n, std::initializer_list<Walked> operands) {
    bool merges = !shape.empty();
    for (const Walked& o : operands) merges = merges && o.strides->back() == o.stride * n;
    if (merges) {
      shape[shape.size() - 1] *= n;
      for (const Walked& o : operands) (*o.strides)[o.strides->size() - 1] = o.stride;
    } else {
      shape.push_back(n);
      for (const Walked& o : operands) o.strides->push_back(o.stride);
    }
  }
};

}  // namespace tc
