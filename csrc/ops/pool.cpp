#include "ops/pool.h"

#include "ops/copy.h"

namespace tc::ops {
namespace {

constexpr std::int64_t kLargest = std::int64_t(1) << 40;  // of any setting: sums and products of two stay in 64 bits

DType computed_in(DType d) { return is_half(d) ? DType::float32 : d; }
Array as(const Array& x, DType dtype) { return astype(x, dtype, false).contiguous(); }

void check_input(const char* op, const Array& x, int spatial) {
  check_type(is_float(x.dtype()), op, ": x must be of a floating dtype, got ", name_of(x.dtype()));
  check_value(x.ndim() == spatial + 1 || x.ndim() == spatial + 2, op, ": x must have ", spatial + 1, " or ",
              spatial + 2, " axes ((batch,) channels, ", spatial, " of space), got shape ", x.shape());
}

struct Settings {
  Dims kernel, stride, padding, dilation;
  bool ceil_mode, count_include_pad;
};

Dims expand(const char* op, const char* what, const Dims& given, int spatial) {
  check_value(given.size() == spatial || given.size() == 1, op, ": ", what, " must be an int or ", spatial,
              " ints, got ", given);
  return given.size() == spatial ? given : Dims::filled(spatial, given[0]);
}

void check_settings(const char* op, Settings& s, int spatial) {
  s.kernel = expand(op, "kernel_size", s.kernel, spatial);
  s.stride = s.stride.empty() ? s.kernel : expand(op, "stride", s.stride, spatial);
  s.padding = expand(op, "padding", s.padding, spatial);
  s.dilation = expand(op, "dilation", s.dilation, spatial);
  for (int i = 0; i < spatial; ++i) {
    check_value(s.kernel[i] >= 1 && s.kernel[i] <= kLargest, op, ": kernel_size must be at least 1, got ", s.kernel);
    check_value(s.stride[i] >= 1 && s.stride[i] <= kLargest, op, ": stride must be at least 1, got ", s.stride);
    check_value(s.dilation[i] >= 1 && s.dilation[i] <= kLargest / s.kernel[i], op,
                ": dilation must be at least 1 and small enough to address, got ", s.dilation);
    check_value(s.padding[i] >= 0 && s.padding[i] <= ((s.kernel[i] - 1) * s.dilation[i] + 1) / 2, op,
                ": padding must lie between 0 and half the kernel's extent, got padding=", s.padding,
                " with kernel_size=", s.kernel);
  }
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

PoolAxis axis_of(const char* op, std::int64_t extent, const Settings& s, int i, const Dims& space) {
  const std::int64_t kernel = s.kernel[i], stride = s.stride[i], padding = s.padding[i], dilation = s.dilation[i];
  const std::int64_t reach = (kernel - 1) * dilation + 1;
  check_value(extent <= kLargest, op, ": x is too large, got shape ", space);
  std::int64_t count = floor_div(extent + 2 * padding - reach + (s.ceil_mode ? stride - 1 : 0), stride) + 1;
  // With ceil_mode a window must still begin inside the input or its padding on the left.
  if (s.ceil_mode && (count - 1) * stride >= extent + padding) --count;
  check_value(count >= 1, op, ": the window must fit in the padded input, got extents ", space,
              " with kernel_size=", s.kernel, ", padding=", s.padding, ", dilation=", s.dilation);
  PoolAxis axis{extent, dilation, {}, -padding, stride, kernel};
  check_value(count <= kLargest / 64, op, ": the result is too large, got extents ", space);
  axis.windows.reserve(static_cast<std::size_t>(count));
  for (std::int64_t o = 0; o < count; ++o) {
    const std::int64_t low = o * stride - padding, high = low + reach;
    std::int64_t begin = low;
    if (begin < 0) begin += (-begin + dilation - 1) / dilation * dilation;
    const std::int64_t end = std::min(high, extent);
    const std::int64_t divisor = s.count_include_pad ? std::min(high, extent + padding) - low : end - begin;
    axis.windows.push_back({begin, end, divisor});
  }
  return axis;
}

PoolAxis adaptive_axis(std::int64_t extent, std::int64_t count) {
  PoolAxis axis{extent, 1, {}, 0, 0, 0};
  axis.windows.reserve(static_cast<std::size_t>(count));
  for (std::int64_t o = 0; o < count; ++o) {
    const auto wide = static_cast<__int128>(extent);
    const auto begin = static_cast<std::int64_t>(o * wide / count);
    const auto end = static_cast<std::int64_t>(((o + 1) * wide + count - 1) / count);
    axis.windows.push_back({begin, end, end - begin});
  }
  return axis;
}

Dims space_of(const Array& x, int spatial) {
  Dims space;
  for (int i = x.ndim() - spatial; i < x.ndim(); ++i) space.push_back(x.shape(i));
  return space;
}

Dims shape_with(const Array& x, const Dims& space) {
  Dims shape;
  for (int i = 0; i < x.ndim() - space.size(); ++i) shape.push_back(x.shape(i));
  for (std::int64_t n : space) shape.push_back(n);
  return shape;
}

std::int64_t planes_of(const Array& x, int spatial) {
  std::int64_t planes = 1;
  for (int i = 0; i < x.ndim() - spatial; ++i) planes *= x.shape(i);
  return planes;
}

PoolPlan empty_plan(std::int64_t planes) {
  const PoolAxis single{1, 1, {{0, 1, 1}}, 0, 1, 1};
  return {planes, {single, single, single}};
}

Dims output_space(const PoolPlan& plan, int spatial) {
  Dims space;
  for (int i = 3 - spatial; i < 3; ++i) space.push_back(static_cast<std::int64_t>(plan.axes[i].windows.size()));
  return space;
}

PoolPlan plan_for(const char* op, const Dims& space, std::int64_t planes, Settings s) {
  const int spatial = space.size();
  check_settings(op, s, spatial);
  PoolPlan plan = empty_plan(planes);
  for (int i = 0; i < spatial; ++i) plan.axes[3 - spatial + i] = axis_of(op, space[i], s, i, space);
  return plan;
}

PoolPlan adaptive_plan(const char* op, const Dims& space, std::int64_t planes, const Dims& output) {
  PoolPlan plan = empty_plan(planes);
  for (int i = 0; i < space.size(); ++i) {
    check_value(output[i] >= 0 && output[i] <= kLargest / 64, op, ": output_size must not be negative, got ", output);
    check_value(space[i] >= 1 || output[i] == 0, op, ": the pooled axes of x must not be empty, got extents ", space);
    plan.axes[3 - space.size() + i] = adaptive_axis(space[i], output[i]);
  }
  return plan;
}

std::tuple<Array, Array> run_max(const Array& x, int spatial, const PoolPlan& plan) {
  const DType dtype = computed_in(x.dtype());
  const Dims shape = shape_with(x, output_space(plan, spatial));
  Array y = Array::empty(shape, dtype, x.device()), indices = Array::empty(shape, DType::int64, x.device());
  if (y.size()) kernels::max_pool(x.device(), plan, as(x, dtype), y, indices);
  return {astype(y, x.dtype(), false), indices};
}

Array run_mean(const Array& x, int spatial, const PoolPlan& plan) {
  const DType dtype = computed_in(x.dtype());
  Array y = Array::empty(shape_with(x, output_space(plan, spatial)), dtype, x.device());
  if (y.size()) kernels::mean_pool(x.device(), plan, as(x, dtype), y);
  return astype(y, x.dtype(), false);
}

Array run_mean_backward(const char* op, const Array& g, const Dims& space, const PoolPlan& plan) {
  check_value(g.shape() == shape_with(g, output_space(plan, space.size())), op,
              ": g does not have the result's shape, got ", g.shape());
  const DType dtype = computed_in(g.dtype());
  Array dx = Array::empty(shape_with(g, space), dtype, g.device());
  if (dx.size()) kernels::mean_pool_backward(g.device(), plan, as(g, dtype), dx);
  return astype(dx, g.dtype(), false);
}

}  // namespace

std::tuple<Array, Array> max_pool(const std::string& name, const Array& x, const Dims& kernel, const Dims& stride,
                                  const Dims& padding, const Dims& dilation, bool ceil_mode) {
  const char* op = name.c_str();
  const int spatial = name.back() == 'd' ? name[name.size() - 2] - '0' : kernel.size();
  check_input(op, x, spatial);
  const PoolPlan plan =
      plan_for(op, space_of(x, spatial), planes_of(x, spatial), {kernel, stride, padding, dilation, ceil_mode, false});
  return run_max(x, spatial, plan);
}

Array mean_pool(const std::string& name, const Array& x, const Dims& kernel, const Dims& stride, const Dims& padding,
                bool ceil_mode, bool count_include_pad) {
  const char* op = name.c_str();
  const int spatial = name.back() == 'd' ? name[name.size() - 2] - '0' : kernel.size();
  check_input(op, x, spatial);
  const PoolPlan plan = plan_for(op, space_of(x, spatial), planes_of(x, spatial),
                                 {kernel, stride, padding, Dims{1}, ceil_mode, count_include_pad});
  return run_mean(x, spatial, plan);
}

Array mean_pool_backward(const std::string& name, const Array& g, const Dims& space, const Dims& kernel,
                         const Dims& stride, const Dims& padding, bool ceil_mode, bool count_include_pad) {
  check_input(name.c_str(), g, space.size());
  const PoolPlan plan = plan_for(name.c_str(), space, planes_of(g, space.size()),
                                 {kernel, stride, padding, Dims{1}, ceil_mode, count_include_pad});
  return run_mean_backward(name.c_str(), g, space, plan);
}

std::tuple<Array, Array> adaptive_max_pool(const std::string& name, const Array& x, const Dims& output) {
  const int spatial = output.size();
  check_input(name.c_str(), x, spatial);
  return run_max(x, spatial, adaptive_plan(name.c_str(), space_of(x, spatial), planes_of(x, spatial), output));
}

Array adaptive_mean_pool(const std::string& name, const Array& x, const Dims& output) {
  const int spatial = output.size();
  check_input(name.c_str(), x, spatial);
  return run_mean(x, spatial, adaptive_plan(name.c_str(), space_of(x, spatial), planes_of(x, spatial), output));
}

Array adaptive_mean_pool_backward(const std::string& name, const Array& g, const Dims& space) {
  const int spatial = space.size();
  check_input(name.c_str(), g, spatial);
  return run_mean_backward(name.c_str(), g, space,
                           adaptive_plan(name.c_str(), space, planes_of(g, spatial), space_of(g, spatial)));
}

namespace {
// Views x as (planes, rest); bounds of the indices are the kernel's to check.
Array flat(const Array& x, std::int64_t planes) {
  const Dims shape{planes, planes ? x.size() / planes : 0};
  return x.view(shape, row_major_strides(shape));
}

void check_indices(const char* op, const Array& x, const Array& indices) {
  check_type(is_float(x.dtype()), op, ": x must be of a floating dtype, got ", name_of(x.dtype()));
  check_type(indices.dtype() == DType::int64, op, ": indices must be int64, got ", name_of(indices.dtype()));
}
}  // namespace

Array plane_scatter(const Array& x, const Array& indices, const Dims& space) {
  const char* op = "plane_scatter";
  check_indices(op, x, indices);
  check_value(x.shape() == indices.shape() && space.size() < x.ndim(), op, ": indices must have the shape of x ",
              x.shape(), ", got ", indices.shape());
  const DType dtype = computed_in(x.dtype());
  const std::int64_t planes = planes_of(x, space.size());
  Array y = Array::empty(shape_with(x, space), dtype, x.device());
  if (y.size()) {
    Array out = flat(y, planes);
    kernels::plane_scatter(x.device(), flat(as(x, dtype), planes), flat(indices.contiguous(), planes), out);
  }
  return astype(y, x.dtype(), false);
}

Array plane_gather(const Array& x, const Array& indices, std::int64_t spatial_axes) {
  const char* op = "plane_gather";
  check_indices(op, x, indices);
  check_value(spatial_axes >= 0 && spatial_axes <= x.ndim() && x.ndim() == indices.ndim(), op,
              ": x and indices must have equally many axes");
  const int spatial = static_cast<int>(spatial_axes);
  const std::int64_t planes = planes_of(x, spatial);
  check_value(planes == planes_of(indices, spatial), op, ": x and indices must have the same planes, got ", x.shape(),
              " and ", indices.shape());
  const DType dtype = computed_in(x.dtype());
  Array y = Array::empty(indices.shape(), dtype, x.device());
  if (y.size()) {
    Array out = flat(y, planes);
    kernels::plane_gather(x.device(), flat(as(x, dtype), planes), flat(indices.contiguous(), planes), out);
  }
  return astype(y, x.dtype(), false);
}

}  // namespace tc::ops
