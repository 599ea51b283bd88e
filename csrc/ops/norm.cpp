#include "ops/norm.h"

#include "ops/copy.h"

namespace tc::ops {
namespace {

using OptionalArray = std::optional<Array>;

DType computed_in(DType d) { return is_half(d) ? DType::float32 : d; }
Array as(const Array& x, DType dtype) { return astype(x, dtype, false).contiguous(); }

void check_floats(const char* op, const Array& x, const char* what) {
  check_type(is_float(x.dtype()), op, ": ", what, " must be of a floating dtype, got ", name_of(x.dtype()));
}

OptionalArray parameter(const char* op, const char* what, const OptionalArray& p, std::int64_t size, const Array& x,
                        DType dtype) {
  if (!p) return std::nullopt;
  check_floats(op, *p, what);
  check_same_device(x, *p, op);
  check_value(p->size() == size, op, ": ", what, " must have ", size, " elements, got shape ", p->shape());
  return as(*p, dtype);
}

void check_eps(const char* op, double eps) { check_value(eps >= 0, op, ": eps must not be negative, got ", eps); }

RowNorm rows_of(const char* op, const Array& x, std::int64_t groups, std::int64_t channels, std::int64_t inner,
                double eps, bool rms) {
  check_value(groups >= 1 && channels >= 0 && inner >= 0, op, ": extents must not be negative");
  std::int64_t length;
  check_value(!__builtin_mul_overflow(channels, inner, &length), op, ": rows too long");
  const std::int64_t rows = length ? x.size() / length : 0;
  check_value(rows * length == x.size() && rows % groups == 0, op, ": x of shape ", x.shape(), " does not split into ",
              groups, " groups of ", channels, " channels of ", inner);
  return {rows, groups, channels, inner, eps, rms};
}

ChannelNorm channels_of(const Array& x, double eps, bool training) {
  ChannelNorm plan{x.shape(0), x.shape(1), 1, eps, training};
  for (int i = 2; i < x.ndim(); ++i) plan.inner *= x.shape(i);
  return plan;
}

void check_running(const OptionalArray& running, const char* op) {
  if (!running) return;
  check_writable(*running, op);
  check_value(running->ndim() == 1, op, ": running statistics must have one axis, got shape ", running->shape());
}
void update_running(const Array& running, const Array& batch, double momentum, double factor) {
  Array changed = running;
  kernels::update_running(running.device(), batch, momentum, factor, changed);
  running.storage()->version.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

std::tuple<Array, Array, Array> row_norm(const std::string& name, const Array& x, const OptionalArray& weight,
                                         const OptionalArray& bias, std::int64_t groups, std::int64_t channels,
                                         std::int64_t inner, double eps, bool rms) {
  const char* op = name.c_str();
  check_floats(op, x, "x");
  check_eps(op, eps);
  const DType dtype = computed_in(x.dtype());
  const RowNorm plan = rows_of(op, x, groups, channels, inner, eps, rms);
  const OptionalArray w = parameter(op, "weight", weight, groups * channels, x, dtype);
  const OptionalArray b = parameter(op, "bias", bias, groups * channels, x, dtype);
  Array y = Array::empty(x.shape(), x.dtype(), x.device());
  Array mean = Array::empty({plan.rows}, dtype, x.device()), rstd = Array::empty({plan.rows}, dtype, x.device());
  if (x.size()) kernels::row_norm(x.device(), plan, x.contiguous(), w, b, y, mean, rstd);
  return {y, mean, rstd};
}

std::tuple<Array, Array, Array> row_norm_backward(const Array& g, const Array& x, const OptionalArray& weight,
                                                  const Array& mean, const Array& rstd, std::int64_t groups,
                                                  std::int64_t channels, std::int64_t inner, double eps, bool rms) {
  const char* op = "row_norm_backward";
  check_floats(op, x, "x");
  check_floats(op, g, "g");
  check_value(g.shape() == x.shape(), op, ": g must have the shape of x ", x.shape(), ", got ", g.shape());
  const DType dtype = computed_in(x.dtype());
  const RowNorm plan = rows_of(op, x, groups, channels, inner, eps, rms);
  check_value(mean.size() == plan.rows && rstd.size() == plan.rows, op, ": mean and rstd need one element per row");
  const OptionalArray w = parameter(op, "weight", weight, groups * channels, x, dtype);
  Array dx = Array::empty(x.shape(), x.dtype(), x.device());
  OptionalArray dweight = Array::empty({groups * channels}, dtype, x.device());
  OptionalArray dbias = Array::empty({groups * channels}, dtype, x.device());
  if (x.size()) {
    kernels::row_norm_backward(x.device(), plan, as(g, x.dtype()), x.contiguous(), w, as(mean, dtype), as(rstd, dtype),
                               dx, dweight, dbias);
  } else {
    fill(*dweight, 0);
    fill(*dbias, 0);
  }
  return {dx, *dweight, *dbias};
}

std::tuple<Array, Array, Array> batch_norm(const Array& x, const OptionalArray& running_mean,
                                           const OptionalArray& running_var, const OptionalArray& weight,
                                           const OptionalArray& bias, bool training, double momentum, double eps) {
  const char* op = "batch_norm";
  check_floats(op, x, "x");
  check_eps(op, eps);
  check_value(x.ndim() >= 2, op, ": x must have the axes (batch, channels, ...), got shape ", x.shape());
  check_value(training || (running_mean && running_var), op,
              ": running_mean and running_var must be given when training is false");
  const DType dtype = computed_in(x.dtype());
  const ChannelNorm plan = channels_of(x, eps, training);
  const std::int64_t count = plan.batch * plan.inner;
  check_value(!training || count != 1, op, ": training needs more than one value per channel, got x of shape ",
              x.shape());
  const OptionalArray w = parameter(op, "weight", weight, plan.channels, x, dtype);
  const OptionalArray b = parameter(op, "bias", bias, plan.channels, x, dtype);
  const OptionalArray given_mean = parameter(op, "running_mean", running_mean, plan.channels, x, dtype);
  const OptionalArray given_var = parameter(op, "running_var", running_var, plan.channels, x, dtype);
  const bool update = training && x.size() > 0;
  if (update) check_running(running_mean, op), check_running(running_var, op);
  Array y = Array::empty(x.shape(), x.dtype(), x.device());
  Array mean = training ? Array::empty({plan.channels}, dtype, x.device()) : copy(*given_mean);
  Array variance = training ? Array::empty({plan.channels}, dtype, x.device()) : copy(*given_var);
  if (x.size()) {
    kernels::channel_norm(x.device(), plan, x.contiguous(), w, b, y, mean, variance);
  } else if (training) {
    fill(mean, 0);
    fill(variance, 0);
  }
  if (update && running_mean) update_running(*running_mean, mean, momentum, 1);
  if (update && running_var)
    update_running(*running_var, variance, momentum, static_cast<double>(count) / static_cast<double>(count - 1));
  return {y, mean, variance};
}

std::tuple<Array, Array, Array> batch_norm_backward(const Array& g, const Array& x, const OptionalArray& weight,
                                                    const Array& mean, const Array& variance, bool training,
                                                    double eps) {
  const char* op = "batch_norm_backward";
  check_floats(op, x, "x");
  check_floats(op, g, "g");
  check_value(x.ndim() >= 2, op, ": x must have the axes (batch, channels, ...), got shape ", x.shape());
  check_value(g.shape() == x.shape(), op, ": g must have the shape of x ", x.shape(), ", got ", g.shape());
  const DType dtype = computed_in(x.dtype());
  const ChannelNorm plan = channels_of(x, eps, training);
  check_value(mean.size() == plan.channels && variance.size() == plan.channels, op,
              ": mean and variance need one element per channel");
  const OptionalArray w = parameter(op, "weight", weight, plan.channels, x, dtype);
  Array dx = Array::empty(x.shape(), x.dtype(), x.device());
  Array dweight = Array::empty({plan.channels}, dtype, x.device()),
        dbias = Array::empty({plan.channels}, dtype, x.device());
  if (x.size()) {
    kernels::channel_norm_backward(x.device(), plan, as(g, x.dtype()), x.contiguous(), w, as(mean, dtype),
                                   as(variance, dtype), dx, dweight, dbias);
  } else {
    fill(dweight, 0);
    fill(dbias, 0);
  }
  return {dx, dweight, dbias};
}

}  // namespace tc::ops
