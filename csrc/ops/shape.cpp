#include "ops/shape.h"

#include "ops/copy.h"

namespace tc::ops {
namespace {

// Strides of x's elements under `shape` (same number of elements), if one stride per axis can express it. Both shapes
// are cut, from the back, into the smallest groups of axes with equal products; a group needs old axes that one stride
// walks through.
bool view_strides(const Array& x, const Dims& shape, Dims* out) {
  *out = row_major_strides(shape);
  if (x.size() == 0 || x.is_contiguous()) return true;
  int axis = shape.size() - 1;
  std::int64_t step = 1;
  for (int end = x.ndim(); end > 0;) {
    if (x.shape(end - 1) == 1) {
      --end;
      continue;
    }
    int begin = end - 1;
    const int last = axis;
    std::int64_t run = x.stride(begin) * x.shape(begin), before = x.shape(begin), after = 1;
    while (after != before) {
      if (after < before) {
        after *= shape[axis--];
        continue;
      }
      if (x.shape(--begin) == 1) continue;
      if (x.stride(begin) != run) return false;
      run *= x.shape(begin);
      before *= x.shape(begin);
    }
    step = x.stride(end - 1);
    for (int i = last; i > axis; --i) {
      (*out)[i] = step;
      step *= shape[i];
    }
    end = begin;
  }
  for (; axis >= 0; --axis) (*out)[axis] = step;  // extents of one
  return true;
}

}  // namespace

Array reshape(const Array& x, const Dims& given, std::optional<bool> copy) {
  Dims shape = given;
  std::int64_t known = 1;
  int unknown = -1;
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1) {
      check_value(unknown < 0, "reshape: at most one extent may be -1, got ", given);
      unknown = i;
    } else {
      check_value(shape[i] >= 0, "reshape: extents must be -1 or at least 0, got ", given);
      check_value(!__builtin_mul_overflow(known, shape[i], &known), "reshape: shape ", given, " is too large");
    }
  }
  if (unknown >= 0) {
    check_value(known > 0 && x.size() % known == 0, "reshape: ", x.size(), " elements of shape ", x.shape(),
                " do not fill ", given);
    shape[unknown] = x.size() / known;
    known *= shape[unknown];
  }
  check_value(known == x.size(), "reshape: ", x.size(), " elements of shape ", x.shape(), " do not fill ", given);
  Dims strides;
  if (!copy.value_or(false) && view_strides(x, shape, &strides)) return x.view(shape, strides);
  check_value(copy.value_or(true), "reshape: shape ", x.shape(), " with strides ", x.strides(), " cannot become ", shape,
              " without a copy");
  return ops::copy(x).view(shape, row_major_strides(shape));
}

Array permute_dims(const Array& x, const Dims& axes) {
  check_value(axes.size() == x.ndim(), "permute_dims: axes must name all ", x.ndim(), " axes once, got ", axes);
  Dims shape, strides;
  bool seen[kMaxNdim] = {};
  for (std::int64_t given : axes) {
    const int axis = normalize_axis(given, x.ndim(), "permute_dims");
    check_value(!seen[axis], "permute_dims: axes must name every axis once, got ", axes);
    seen[axis] = true;
    shape.push_back(x.shape(axis));
    strides.push_back(x.stride(axis));
  }
  return x.view(shape, strides);
}

Array expand_dims(const Array& x, const Dims& axes) {
  Dims shape = x.shape(), strides = x.strides();
  Dims sorted;
  const int ndim = x.ndim() + axes.size();
  for (std::int64_t axis : axes) sorted.push_back(normalize_axis(axis, ndim, "expand_dims"));
  std::sort(sorted.begin(), sorted.end());
  for (int i = 0; i < sorted.size(); ++i) {
    check_value(i == 0 || sorted[i] != sorted[i - 1], "expand_dims: axes must differ, got ", axes);
    shape.insert(static_cast<int>(sorted[i]), 1);
    strides.insert(static_cast<int>(sorted[i]), 1);
  }
  return x.view(shape, strides);
}

Array squeeze(const Array& x, const Dims& axes) {
  bool gone[kMaxNdim] = {};
  for (std::int64_t given : axes) {
    const int axis = normalize_axis(given, x.ndim(), "squeeze");
    check_value(x.shape(axis) == 1, "squeeze: axis ", given, " must have extent 1, got shape ", x.shape());
    check_value(!gone[axis], "squeeze: axes must differ, got ", axes);
    gone[axis] = true;
  }
  Dims shape, strides;
  for (int i = 0; i < x.ndim(); ++i) {
    if (gone[i]) continue;
    shape.push_back(x.shape(i));
    strides.push_back(x.stride(i));
  }
  return x.view(shape, strides);
}

Array broadcast_to(const Array& x, const Dims& shape) { return x.broadcast_to(shape, "broadcast_to"); }

}  // namespace tc::ops
