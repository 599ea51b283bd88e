#include "ops/conv.h"

#include "ops/copy.h"

namespace tc::ops {
namespace {

using OptionalArray = std::optional<Array>;

constexpr std::int64_t kLargest = std::int64_t(1) << 31;  // of any setting or extent: products of two stay in 64 bits

DType computed_in(DType d) { return is_half(d) ? DType::float32 : d; }
Array as(const Array& x, DType dtype) { return astype(x, dtype, false).contiguous(); }

void check_dtypes(const char* op, const Array& x, const Array& other, const char* names) {
  check_type(is_float(x.dtype()), op, ": x must be of a floating dtype, got ", name_of(x.dtype()));
  check_type(x.dtype() == other.dtype(), op, ": ", names, " must have one dtype, got ", name_of(x.dtype()), " and ",
             name_of(other.dtype()));
  check_same_device(x, other, op);
}

// Fills the settings; axes that x lacks have extent 1 and come first.
ConvPlan plan_for(const char* op, int spatial, const Dims& stride, const Dims& padding, const Dims& dilation,
                  std::int64_t groups) {
  check_value(spatial >= 1 && spatial <= 3, op, ": one to three spatial axes, got ", spatial);
  check_value(stride.size() == spatial && padding.size() == spatial && dilation.size() == spatial, op,
              ": settings need one value per spatial axis (", spatial, "), got stride=", stride, ", padding=", padding,
              ", dilation=", dilation);
  check_value(groups >= 1, op, ": groups must be at least 1, got ", groups);
  ConvPlan plan{};
  plan.groups = groups;
  for (int a = 0; a < 3; ++a) {
    plan.input[a] = plan.kernel[a] = plan.output[a] = plan.stride[a] = plan.dilation[a] = 1;
    plan.padding[a] = 0;
  }
  for (int i = 0; i < spatial; ++i) {
    check_value(stride[i] >= 1 && stride[i] < kLargest, op, ": stride must be at least 1, got ", stride);
    check_value(dilation[i] >= 1 && dilation[i] < kLargest, op, ": dilation must be at least 1, got ", dilation);
    check_value(padding[i] >= 0 && padding[i] < kLargest, op, ": padding must not be negative, got ", padding);
    const int a = 3 - spatial + i;
    plan.stride[a] = stride[i], plan.padding[a] = padding[i], plan.dilation[a] = dilation[i];
  }
  return plan;
}

void set_space(const char* op, std::int64_t (&extents)[3], const Array& x, int spatial) {
  for (int i = 0; i < spatial; ++i) {
    const std::int64_t n = x.shape(x.ndim() - spatial + i);
    check_value(n < kLargest, op, ": an array of shape ", x.shape(), " is too large");
    extents[3 - spatial + i] = n;
  }
}

OptionalArray bias_for(const char* op, const OptionalArray& bias, const Array& x, std::int64_t channels, DType dtype) {
  if (!bias) return std::nullopt;
  check_dtypes(op, x, *bias, "x and bias");
  check_value(bias->ndim() == 1 && bias->size() == channels, op,
              ": bias must have one element per output channel, shape (", channels, ",), got ", bias->shape());
  return as(*bias, dtype);
}

void zero(Array& a) { std::memset(a.raw(), 0, a.nbytes()); }

// An array without products behind its elements: the bias, or zeros.
void fill_bias(Array& y, const OptionalArray& bias, int spatial) {
  zero(y);
  if (!bias || !y.size()) return;
  Dims shape{bias->size()}, strides{1};
  for (int i = 0; i < spatial; ++i) shape.push_back(1), strides.push_back(0);
  assign(y, bias->view(shape, strides));
}

}  // namespace

Array conv(const std::string& name, const Array& x, const Array& w, const OptionalArray& bias, const Dims& stride,
           const Dims& padding, const Dims& padding_end, const Dims& dilation, std::int64_t groups) {
  const char* op = name.c_str();
  const int spatial = stride.size();
  ConvPlan plan = plan_for(op, spatial, stride, padding, dilation, groups);
  check_dtypes(op, x, w, "x and weight");
  check_value(w.ndim() == spatial + 2, op, ": weight must have ", spatial + 2,
              " axes (out_channels, in_channels / groups, kernel), got shape ", w.shape());
  check_value(x.ndim() == spatial + 2, op, ": x must have ", spatial + 1, " or ", spatial + 2,
              " axes ((batch,) channels, ", spatial, " of space), got shape ", x.shape());
  check_value(w.shape(0) % groups == 0, op, ": groups must divide the ", w.shape(0),
              " output channels, got groups=", groups);
  check_value(x.shape(1) == w.shape(1) * groups, op, ": weight of shape ", w.shape(), " expects ", w.shape(1) * groups,
              " input channels (groups=", groups, "), got x of shape ", x.shape());
  plan.batch = x.shape(0), plan.in_channels = w.shape(1), plan.out_channels = w.shape(0) / groups;
  set_space(op, plan.input, x, spatial);
  set_space(op, plan.kernel, w, spatial);
  Dims shape{plan.batch, w.shape(0)};
  for (int i = 0; i < spatial; ++i) {
    const int a = 3 - spatial + i;
    check_value(plan.kernel[a] >= 1, op, ": the kernel must not be empty, got weight of shape ", w.shape());
    check_value(padding_end.size() == spatial && padding_end[i] >= 0 && padding_end[i] < kLargest, op,
                ": padding must not be negative, got ", padding_end);
    const std::int64_t padded = plan.input[a] + padding[i] + padding_end[i],
                       reach = (plan.kernel[a] - 1) * plan.dilation[a] + 1;
    check_value(padded >= reach, op, ": the kernel must fit in the padded input, got x of shape ", x.shape(),
                ", weight of shape ", w.shape(), ", padding=", padding, ", dilation=", dilation);
    plan.output[a] = (padded - reach) / plan.stride[a] + 1;
    shape.push_back(plan.output[a]);
  }
  const DType dtype = computed_in(x.dtype());
  const OptionalArray b = bias_for(op, bias, x, w.shape(0), dtype);
  Array y = Array::empty(shape, dtype, x.device());
  if (x.size() == 0 || w.size() == 0)
    fill_bias(y, b, spatial);
  else if (y.size())
    kernels::conv_forward(x.device(), plan, as(x, dtype), as(w, dtype), b, y);
  return astype(y, x.dtype(), false);
}

Array conv_data_gradient(const std::string& name, const Array& g, const Array& w, const OptionalArray& bias,
                         const Dims& input, const Dims& stride, const Dims& padding, const Dims& dilation,
                         std::int64_t groups) {
  const char* op = name.c_str();
  const int spatial = stride.size();
  ConvPlan plan = plan_for(op, spatial, stride, padding, dilation, groups);
  check_dtypes(op, g, w, "x and weight");
  check_value(w.ndim() == spatial + 2, op, ": weight must have ", spatial + 2,
              " axes (in_channels, out_channels / groups, kernel), got shape ", w.shape());
  check_value(g.ndim() == spatial + 2, op, ": x must have ", spatial + 1, " or ", spatial + 2,
              " axes ((batch,) channels, ", spatial, " of space), got shape ", g.shape());
  check_value(g.shape(1) == w.shape(0), op, ": weight of shape ", w.shape(), " expects ", w.shape(0),
              " input channels, got x of shape ", g.shape());
  check_value(w.shape(0) % groups == 0, op, ": groups must divide the ", w.shape(0),
              " input channels, got groups=", groups);
  check_value(input.size() == spatial, op, ": needs ", spatial, " output extents, got ", input);
  std::int64_t channels;
  check_value(!__builtin_mul_overflow(w.shape(1), groups, &channels), op, ": too many channels");
  plan.batch = g.shape(0), plan.in_channels = w.shape(1), plan.out_channels = w.shape(0) / groups;
  set_space(op, plan.output, g, spatial);
  set_space(op, plan.kernel, w, spatial);
  Dims shape{plan.batch, channels};
  for (int i = 0; i < spatial; ++i) {
    check_value(w.shape(2 + i) >= 1, op, ": the kernel must not be empty, got weight of shape ", w.shape());
    check_value(input[i] >= 0 && input[i] < kLargest, op, ": the result's extents must not be negative, got ", input);
    plan.input[3 - spatial + i] = input[i];
    shape.push_back(input[i]);
  }
  const DType dtype = computed_in(g.dtype());
  const OptionalArray b = bias_for(op, bias, g, channels, dtype);
  Array dx = Array::empty(shape, dtype, g.device());
  if (g.size() == 0 || w.size() == 0)
    fill_bias(dx, b, spatial);
  else if (dx.size())
    kernels::conv_data_gradient(g.device(), plan, as(g, dtype), as(w, dtype), b, dx);
  return astype(dx, g.dtype(), false);
}

Array conv_weight_gradient(const Array& g, const Array& x, const Dims& kernel, const Dims& stride, const Dims& padding,
                           const Dims& dilation, std::int64_t groups) {
  const char* op = "conv_weight_gradient";
  const int spatial = stride.size();
  ConvPlan plan = plan_for(op, spatial, stride, padding, dilation, groups);
  check_dtypes(op, x, g, "x and g");
  check_value(x.ndim() == spatial + 2 && g.ndim() == spatial + 2 && kernel.size() == spatial, op, ": shapes must have ",
              spatial + 2, " axes, got ", x.shape(), " and ", g.shape());
  check_value(x.shape(0) == g.shape(0) && x.shape(1) % groups == 0 && g.shape(1) % groups == 0, op,
              ": batch and channels do not agree, got x of shape ", x.shape(), " and g of shape ", g.shape(),
              " with groups=", groups);
  plan.batch = x.shape(0), plan.in_channels = x.shape(1) / groups, plan.out_channels = g.shape(1) / groups;
  set_space(op, plan.input, x, spatial);
  set_space(op, plan.output, g, spatial);
  Dims shape{g.shape(1), plan.in_channels};
  for (int i = 0; i < spatial; ++i) {
    check_value(kernel[i] >= 1 && kernel[i] < kLargest, op, ": the kernel must not be empty, got ", kernel);
    plan.kernel[3 - spatial + i] = kernel[i];
    shape.push_back(kernel[i]);
  }
  const DType dtype = computed_in(x.dtype());
  Array dw = Array::empty(shape, dtype, x.device());
  if (x.size() == 0 || g.size() == 0)
    zero(dw);
  else if (dw.size())
    kernels::conv_weight_gradient(x.device(), plan, as(g, dtype), as(x, dtype), dw);
  return astype(dw, x.dtype(), false);
}

Array channel_sums(const Array& g) {
  check_type(is_float(g.dtype()), "channel_sums: g must be of a floating dtype, got ", name_of(g.dtype()));
  check_value(g.ndim() >= 2, "channel_sums: g must have a batch and a channel axis, got shape ", g.shape());
  const DType dtype = computed_in(g.dtype());
  Array sums = Array::empty({g.shape(1)}, dtype, g.device());
  if (g.size())
    kernels::channel_sums(g.device(), as(g, dtype), sums);
  else
    zero(sums);
  return astype(sums, g.dtype(), false);
}

}  // namespace tc::ops
