#include "ops/shape.h"

#include "core/promote.h"
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
  checked_size(shape, x.dtype(), "reshape");
  Dims strides;
  if (!copy.value_or(false) && view_strides(x, shape, &strides)) return x.view(shape, strides);
  check_value(copy.value_or(true), "reshape: shape ", x.shape(), " with strides ", x.strides(), " cannot become ",
              shape, " without a copy");
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

Dims broadcast_shape(const std::vector<Array>& arrays) {
  Dims shape;
  for (const Array& a : arrays) shape = broadcast_shapes(shape, a.shape(), "broadcast_arrays");
  return shape;
}

Array flip(const Array& x, const std::optional<Dims>& axes) {
  bool turned[kMaxNdim] = {};
  for (int i = 0; !axes && i < x.ndim(); ++i) turned[i] = true;
  for (int k = 0; axes && k < axes->size(); ++k) {
    const int axis = normalize_axis((*axes)[k], x.ndim(), "flip");
    check_value(!turned[axis], "flip: axes must differ, got ", *axes);
    turned[axis] = true;
  }
  Dims strides = x.strides();
  std::int64_t offset = 0;
  for (int i = 0; i < x.ndim(); ++i) {
    if (!turned[i] || x.shape(i) < 2) continue;
    if (x.size()) offset += (x.shape(i) - 1) * strides[i];
    strides[i] = -strides[i];
  }
  return x.view(x.shape(), strides, offset);
}

namespace {

DType common_dtype(const std::vector<Array>& arrays, const char* op) {
  check_value(!arrays.empty(), op, ": needs at least one array");
  DType dtype = arrays[0].dtype();
  for (const Array& a : arrays) {
    check_same_device(arrays[0], a, op);
    dtype = promote(dtype, a.dtype());
  }
  return dtype;
}

// Writes `source` to the part of `out` that starts at `at` and has the source's shape.
void place(const Array& source, const Array& out, const Dims& at) {
  if (source.size() == 0) return;
  std::int64_t offset = 0;
  for (int i = 0; i < at.size(); ++i) offset += at[i] * out.stride(i);
  Array part = out.view(source.shape(), out.strides(), offset);
  kernels::copy(out.device(), source, part);
}

}  // namespace

Array concat(const std::vector<Array>& arrays, std::optional<std::int64_t> given) {
  const DType dtype = common_dtype(arrays, "concat");
  std::vector<Array> parts = arrays;
  if (!given)
    for (Array& a : parts) a = reshape(a, {-1}, std::nullopt);
  const Array& first = parts[0];
  check_value(first.ndim() > 0, "concat: 0-d arrays cannot be concatenated along an axis");
  const int axis = normalize_axis(given.value_or(0), first.ndim(), "concat");
  Dims shape = first.shape();
  shape[axis] = 0;
  for (const Array& a : parts) {
    bool same = a.ndim() == first.ndim();
    for (int i = 0; same && i < a.ndim(); ++i) same = i == axis || a.shape(i) == first.shape(i);
    check_value(same, "concat: shapes must agree except along axis ", axis, ", got ", first.shape(), " and ",
                a.shape());
    check_value(!__builtin_add_overflow(shape[axis], a.shape(axis), &shape[axis]), "concat: the result is too large");
  }
  const Array out = Array::empty(shape, dtype, first.device());
  Dims at = Dims::filled(shape.size(), 0);
  for (const Array& a : parts) {
    place(a, out, at);
    at[axis] += a.shape(axis);
  }
  return out;
}

Array stack(const std::vector<Array>& arrays, std::int64_t given) {
  const DType dtype = common_dtype(arrays, "stack");
  const int axis = normalize_axis(given, arrays[0].ndim() + 1, "stack");
  Dims shape = arrays[0].shape();
  shape.insert(axis, static_cast<std::int64_t>(arrays.size()));
  for (const Array& a : arrays)
    check_value(a.shape() == arrays[0].shape(), "stack: shapes must agree, got ", arrays[0].shape(), " and ",
                a.shape());
  const Array out = Array::empty(shape, dtype, arrays[0].device());
  Dims at = Dims::filled(shape.size(), 0);
  for (const Array& a : arrays) {
    place(expand_dims(a, {axis}), out, at);
    ++at[axis];
  }
  return out;
}

Array roll(const Array& x, const Dims& shifts, const Dims& axes) {
  check_value(shifts.size() == axes.size(), "roll: needs one shift per axis, got shifts ", shifts, " and axes ", axes);
  Dims total = Dims::filled(x.ndim(), 0);
  for (int k = 0; k < axes.size(); ++k) {
    const int axis = normalize_axis(axes[k], x.ndim(), "roll");
    const std::int64_t n = std::max<std::int64_t>(x.shape(axis), 1), step = shifts[k] % n;
    total[axis] = (total[axis] + step + n) % n;
  }
  const Array out = Array::empty(x.shape(), x.dtype(), x.device());
  if (x.size() == 0) return out;
  Dims moving;
  for (int i = 0; i < x.ndim(); ++i)
    if (total[i]) moving.push_back(i);
  // Along each moving axis the elements go in two runs: those before the end, and those that come round.
  for (std::int64_t choice = 0; choice < std::int64_t{1} << moving.size(); ++choice) {
    Dims shape = x.shape(), at = Dims::filled(x.ndim(), 0);
    std::int64_t offset = 0;
    for (int k = 0; k < moving.size(); ++k) {
      const int axis = static_cast<int>(moving[k]);
      const bool round = choice >> k & 1;
      shape[axis] = round ? total[axis] : x.shape(axis) - total[axis];
      at[axis] = round ? 0 : total[axis];
      offset += round ? (x.shape(axis) - total[axis]) * x.stride(axis) : 0;
    }
    place(x.view(shape, x.strides(), offset), out, at);
  }
  return out;
}

Array pad(const Array& x, const Dims& before, const Dims& after, const Array& value) {
  check_value(before.size() == x.ndim() && after.size() == x.ndim(), "pad: needs one pair of widths per axis, got ",
              before.size(), " for shape ", x.shape());
  Dims shape = x.shape();
  for (int i = 0; i < x.ndim(); ++i) {
    check_value(before[i] >= 0 && after[i] >= 0, "pad: widths must not be negative, got ", before, " and ", after);
    check_value(!__builtin_add_overflow(shape[i], before[i], &shape[i]) &&
                    !__builtin_add_overflow(shape[i], after[i], &shape[i]),
                "pad: the result is too large");
  }
  checked_size(shape, x.dtype(), "pad");
  const Array out = Array::empty(shape, x.dtype(), x.device());
  // Borders along axis i reach over all of the later axes and the inside of the earlier ones.
  Dims at = Dims::filled(x.ndim(), 0), region = shape;
  for (int i = 0; i < x.ndim(); ++i) {
    for (const bool end : {false, true}) {
      at[i] = end ? before[i] + x.shape(i) : 0;
      region[i] = end ? after[i] : before[i];
      place(value.broadcast_to(region, "pad"), out, at);
    }
    at[i] = before[i];
    region[i] = x.shape(i);
  }
  place(x, out, at);
  return out;
}

Array pad_indices(std::int64_t n, std::int64_t before, std::int64_t after, const std::string& mode) {
  check_value(before >= 0 && after >= 0, "pad: widths must not be negative, got (", before, ", ", after, ")");
  check_value(n > 0 || before + after == 0, "pad: mode '", mode, "' cannot extend an axis of extent 0");
  check_value(before <= INT64_MAX / 4 && after <= INT64_MAX / 4 && n <= INT64_MAX / 4, "pad: the result is too large");
  const bool edge = mode == "edge", reflect = mode == "reflect", symmetric = mode == "symmetric";
  check_value(edge || reflect || symmetric || mode == "wrap",
              "pad: mode must be 'constant', 'edge', 'reflect', 'symmetric' or 'wrap', got '", mode, "'");
  const std::int64_t period = std::max<std::int64_t>(1, reflect ? 2 * (n - 1) : symmetric ? 2 * n : n);
  const Array out = Array::empty({before + n + after}, DType::int64);
  auto* to = out.data<std::int64_t>();
  for (std::int64_t i = -before; i < n + after; ++i) {
    std::int64_t k = edge ? std::clamp<std::int64_t>(i, 0, n - 1) : (i % period + period) % period;
    if (k >= n) k = reflect ? period - k : period - 1 - k;
    *to++ = k;
  }
  return out;
}

}  // namespace tc::ops
