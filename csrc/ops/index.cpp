#include "ops/index.h"

#include "core/promote.h"
#include "ops/copy.h"
#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/shape.h"

namespace tc::ops {
namespace {

void check_integer(const char* op, const Array& index) {
  check_type(is_int(index.dtype()), op, ": indices must be integers, got ", name_of(index.dtype()));
}

// The value of the element at row-major position p of an int64 array.
std::int64_t element(const Array& a, std::int64_t p) {
  std::int64_t at = 0;
  for (int i = a.ndim() - 1; i >= 0; --i) {
    at += p % a.shape(i) * a.stride(i);
    p /= a.shape(i);
  }
  return a.data<std::int64_t>()[at];
}

void add_offsets(const char* op, const Array& index, const IndexedAxis& axis, const Dims& steps, bool adds,
                 Array& offsets) {
  std::int64_t bad = -1;
  const Array flat = index.contiguous();
  kernels::index_offsets(offsets.device(), flat, axis.extent, axis.stride, steps, adds, offsets, &bad);
  if (bad >= 0)
    fail(ErrorKind::index, op, ": index ", element(on_host(flat), bad), " is out of range for axis ", axis.axis,
         " of extent ", axis.extent);
}

// `a` has the `count` axes that start at `position`; they go to the front and become one.
Array with_flat_front(const Array& a, int position, int count) {
  Dims axes, shape;
  std::int64_t n = 1;
  for (int i = 0; i < count; ++i) axes.push_back(position + i), n *= a.shape(position + i);
  shape.push_back(n);
  for (int i = 0; i < a.ndim(); ++i)
    if (i < position || i >= position + count) axes.push_back(i), shape.push_back(a.shape(i));
  const Array moved = permute_dims(a, axes);
  return count == 1 ? moved : reshape(moved, shape, std::nullopt);
}

Dims result_shape(const IndexPlan& plan) {
  Dims shape;
  for (int i = 0; i < plan.position; ++i) shape.push_back(plan.rest.shape(i));
  for (std::int64_t extent : plan.offsets.shape()) shape.push_back(extent);
  for (int i = plan.position; i < plan.rest.ndim(); ++i) shape.push_back(plan.rest.shape(i));
  return shape;
}

bool share_memory(const Array& a, const Array& b) {
  const auto *x = static_cast<const std::byte*>(a.storage()->data),
             *y = static_cast<const std::byte*>(b.storage()->data);
  return x < y + b.storage()->bytes && y < x + a.storage()->bytes;
}

// The values to store, as [position, rest…], in the array's dtype.
Array values_for(const IndexPlan& plan, const Array& value) {
  Array values = value.broadcast_to(result_shape(plan), "setitem");
  if (value.dtype() != plan.rest.dtype())
    values = astype(value, plan.rest.dtype(), true).broadcast_to(values.shape(), "setitem");
  else if (share_memory(value, plan.rest))
    values = copy(value).broadcast_to(values.shape(), "setitem");
  return with_flat_front(values, plan.position, plan.offsets.ndim());
}

// Offsets for gather and its kin: index[i, j, k] names x[i, index, k]. Row-major positions of `index`.
IndexPlan plan_along(const char* op, const Array& x, int axis, const Array& index) {
  check_integer(op, index);
  IndexPlan plan{x.view({}, {}), Array::empty(index.shape(), DType::int64, x.device()), 0};
  if (index.size() == 0) return plan;
  Dims steps;  // positions along the other axes need no check
  for (int i = 0; i < index.ndim(); ++i) steps.push_back(i == axis ? 0 : x.stride(i));
  const IndexedAxis indexed{x.ndim() ? x.shape(axis) : 1, x.ndim() ? x.stride(axis) : 0, axis, index};
  add_offsets(op, astype(index, DType::int64, false), indexed, steps, false, plan.offsets);
  return plan;
}

Array accumulator(const Dims& shape, DType dtype, Device device) {
  return zeros(shape, is_half(dtype) ? DType::float32 : dtype, device);
}

void check_addable(const char* op, DType dtype) { check_type(!is_bool(dtype), op, ": bool values cannot be added"); }

}  // namespace

IndexPlan plan_index(const char* op, const Array& rest, const std::vector<IndexedAxis>& axes, int position) {
  Dims batch;
  for (const IndexedAxis& a : axes) {
    try {
      batch = broadcast_shapes(batch, a.index.shape(), op);
    } catch (const Error&) {
      fail(ErrorKind::index, op, ": index arrays must broadcast, got ", batch, " and ", a.index.shape());
    }
  }
  IndexPlan plan{rest, Array::empty(batch, DType::int64, rest.device()), position};
  checked_size(result_shape(plan), rest.dtype(), op);
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const IndexedAxis& a = axes[k];
    check_integer(op, a.index);
    // Indices on the CPU serve every device: lists of Python numbers are made there.
    const bool moves = a.index.device().type == DeviceType::cpu;
    if (!moves) check_same_device(rest, a.index, op);
    const Array index = moves ? to_device(a.index, rest.device(), false) : a.index;
    if (plan.offsets.size())
      add_offsets(op, astype(index, DType::int64, false).broadcast_to(batch, op), a, Dims::filled(batch.size(), 0),
                  k > 0, plan.offsets);
  }
  return plan;
}

Array index_get(const IndexPlan& plan) {
  const Array out = Array::empty(result_shape(plan), plan.rest.dtype(), plan.rest.device());
  if (out.size() == 0) return out;
  Array flat = with_flat_front(out, plan.position, plan.offsets.ndim());
  kernels::gather(out.device(), plan.rest, plan.offsets, flat);
  return out;
}

void index_set(const IndexPlan& plan, const Array& value) {
  const bool is_number = common_device(plan.rest, value, "setitem") != value.device();
  const Array values = values_for(plan, is_number ? to_device(value, plan.rest.device(), false) : value);
  Array target = plan.rest;
  if (values.size()) kernels::scatter(target.device(), target, plan.offsets, plan.distinct, values);
  plan.rest.storage()->version.fetch_add(1, std::memory_order_relaxed);
}

void index_add(const IndexPlan& plan, const Array& value) {
  const Array values = values_for(plan, value);
  Array target = plan.rest;
  if (values.size()) kernels::scatter_add(target.device(), target, plan.offsets, {}, values);
}

Array mask_positions(const Array& mask) {
  if (mask.size() == 0) return Array::empty({0}, DType::int64, mask.device());
  Array out;
  kernels::mask_positions(mask.device(), mask.contiguous(), &out);
  return out;
}

Array take(const Array& x, const Array& indices, std::int64_t given) {
  const int axis = normalize_axis(given, x.ndim(), "take");
  Dims shape = x.shape(), strides = x.strides();
  shape.erase(axis);
  strides.erase(axis);
  return index_get(plan_index("take", x.view(shape, strides), {{x.shape(axis), x.stride(axis), axis, indices}}, axis));
}

Array take_gradient(const Array& g, const Array& indices, std::int64_t given, const Dims& shape) {
  const int axis = normalize_axis(given, shape.size(), "take");
  check_addable("take", g.dtype());
  const Array sum = accumulator(shape, g.dtype(), g.device());
  Dims rest = sum.shape(), strides = sum.strides();
  rest.erase(axis);
  strides.erase(axis);
  index_add(plan_index("take", sum.view(rest, strides), {{shape[axis], sum.stride(axis), axis, indices}}, axis), g);
  return astype(sum, g.dtype(), false);
}

Array gather(const Array& x, std::int64_t given, const Array& index) {
  const int axis = x.ndim() ? normalize_axis(given, x.ndim(), "gather") : 0;
  bool fits = x.ndim() == index.ndim();
  for (int i = 0; fits && i < x.ndim(); ++i) fits = i == axis || index.shape(i) <= x.shape(i);
  check_value(fits, "gather: the index needs as many axes as x and no larger extent except along axis ", axis, ", got ",
              index.shape(), " for ", x.shape());
  const IndexPlan plan = plan_along("gather", x, axis, index);
  return index_get(plan);
}

Array scatter_add(const Array& x, std::int64_t given, const Array& index, const Array& src) {
  const int axis = x.ndim() ? normalize_axis(given, x.ndim(), "scatter_add") : 0;
  check_addable("scatter_add", x.dtype());
  check_type(src.dtype() == x.dtype(), "scatter_add: src must have the dtype of x, got ", name_of(src.dtype()), " and ",
             name_of(x.dtype()));
  bool fits = x.ndim() == index.ndim() && src.ndim() == x.ndim();
  for (int i = 0; fits && i < x.ndim(); ++i)
    fits = index.shape(i) <= src.shape(i) && (i == axis || index.shape(i) <= x.shape(i));
  check_value(fits,
              "scatter_add: index, src and x need as many axes, and the index no larger extent than src, nor than x "
              "except along axis ",
              axis, ", got ", index.shape(), ", ", src.shape(), " and ", x.shape());
  const Array sum = is_half(x.dtype()) ? astype(x, DType::float32, true).contiguous() : copy(x);
  const IndexPlan plan = plan_along("scatter_add", sum, axis, index);
  if (index.size()) {
    const Array values = astype(src.view(index.shape(), src.strides()), sum.dtype(), false).contiguous();
    ScatterSplit split;
    split.length = index.ndim() ? index.shape(axis) : 1;
    for (int i = 0; i < index.ndim(); ++i)
      if (i != axis) (i < axis ? split.outer : split.inner) *= index.shape(i);
    Array target = plan.rest;
    kernels::scatter_add(target.device(), target, plan.offsets, split, values.view({values.size()}, {1}));
  }
  return astype(sum, x.dtype(), false);
}

Array one_hot(const Array& indices, std::int64_t num_classes) {
  check_integer("one_hot", indices);
  check_value(num_classes > 0, "one_hot: num_classes must be positive, got ", num_classes);
  Dims shape = indices.shape();
  shape.push_back(num_classes);
  checked_size(shape, DType::int64, "one_hot");
  Dims column = indices.shape();
  column.push_back(1);
  const Array index = reshape(astype(indices, DType::int64, false), column, std::nullopt);
  const Array flat = index.contiguous(), seen = on_host(flat);
  for (std::int64_t i = 0; i < seen.size(); ++i)
    check_index(seen.data<std::int64_t>()[i] >= 0 && seen.data<std::int64_t>()[i] < num_classes, "one_hot: index ",
                seen.data<std::int64_t>()[i], " is out of range for ", num_classes, " classes");
  const Array out = zeros(shape, DType::int64, indices.device());
  IndexPlan plan = plan_along("one_hot", out, out.ndim() - 1, flat);
  Array one = Array::empty({}, DType::int64);
  *one.data<std::int64_t>() = 1;
  plan.distinct = true;
  index_set(plan, one);
  return out;
}

Array embedding(const Array& indices, const Array& weight) {
  check_value(weight.ndim() == 2, "embedding: the weight needs two axes (rows, features), got shape ", weight.shape());
  return index_get(plan_index("embedding", weight.view({weight.shape(1)}, {weight.stride(1)}),
                              {{weight.shape(0), weight.stride(0), 0, indices}}, 0));
}

Array embedding_gradient(const Array& g, const Array& indices, std::int64_t rows, std::optional<std::int64_t> padding) {
  check_value(g.ndim() == indices.ndim() + 1, "embedding_gradient: g needs one axis more than the indices, got ",
              g.shape(), " and ", indices.shape());
  const Array sum = accumulator({rows, g.shape(-1)}, g.dtype(), g.device());
  IndexPlan plan = plan_index("embedding", sum.view({sum.shape(1)}, {1}), {{rows, sum.stride(0), 0, indices}}, 0);
  if (padding) {  // offsets that name the padding's row become kSkipped
    const Array skipped = Array::empty({}, DType::int64), mark = Array::empty({}, DType::int64);
    *skipped.data<std::int64_t>() = (*padding < 0 ? *padding + rows : *padding) * sum.stride(0);
    *mark.data<std::int64_t>() = kSkipped;
    plan.offsets = where(binary<functors::Equal>(plan.offsets, skipped), mark, plan.offsets).contiguous();
  }
  index_add(plan, g);
  return astype(sum, g.dtype(), false);
}

Array repeat_indices(const Array& repeats) {
  check_type(is_int(repeats.dtype()), "repeat: repeats must be integers, got ", name_of(repeats.dtype()));
  const Array counts = on_host(astype(repeats, DType::int64, false).contiguous());
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < counts.size(); ++i) {
    const std::int64_t n = counts.data<std::int64_t>()[i];
    check_value(n >= 0, "repeat: repeats must not be negative, got ", n);
    check_value(!__builtin_add_overflow(total, n, &total), "repeat: the result is too large");
  }
  const Array out = Array::empty({total}, DType::int64);
  auto* to = out.data<std::int64_t>();
  for (std::int64_t i = 0; i < counts.size(); ++i) to = std::fill_n(to, counts.data<std::int64_t>()[i], i);
  return to_device(out, repeats.device(), false);
}

}  // namespace tc::ops
