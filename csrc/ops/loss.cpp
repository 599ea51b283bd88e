#include "ops/loss.h"

#include "ops/copy.h"

namespace tc::ops {
namespace {

DType sum_dtype(DType d) { return d == DType::float64 ? d : DType::float32; }

// Shapes and dtypes, and every class in range.
void check_inputs(const Array& x, const Array& target, const std::optional<Array>& weight,
                  const CrossEntropy& settings) {
  const char* op = settings.log_probabilities ? "nll_loss" : "cross_entropy";
  check_type(is_float(x.dtype()), op, ": x must be floating-point, got ", name_of(x.dtype()));
  check_type(is_int(target.dtype()), op, ": target must hold integer classes, got ", name_of(target.dtype()));
  check_value(x.ndim() == 2 && target.ndim() == 1 && target.shape(0) == x.shape(0), op,
              ": target must have one class per row of x, got x ", x.shape(), " and target ", target.shape());
  check_same_device(x, target, op);
  check_value(settings.label_smoothing >= 0 && settings.label_smoothing <= 1, op,
              ": label_smoothing must lie in [0, 1], got ", settings.label_smoothing);
  if (weight) {
    check_same_device(x, *weight, op);
    check_value(weight->ndim() == 1 && weight->shape(0) == x.shape(1), op, ": weight must have shape (", x.shape(1),
                ",), one per class, got ", weight->shape());
  }
}

// Rows and classes as the kernels want them.
struct Rows {
  Array classes, row_weight;
  std::optional<Array> weight;  // of x's dtype
  const Array* given_weight() const { return weight ? &*weight : nullptr; }
};

// Raises an IndexError on the first class out of range. The one thing the host has to wait for.
Rows checked_rows(const char* op, const Array& x, const Array& target, const std::optional<Array>& weight,
                  const CrossEntropy& settings) {
  const std::int64_t rows = x.shape(0), count = x.shape(1);
  Rows r{astype(target, DType::int64, false).contiguous(), Array::empty({rows}, sum_dtype(x.dtype()), x.device()), {}};
  if (weight) r.weight = astype(*weight, x.dtype(), false).contiguous();
  if (!rows) return r;
  constexpr std::int64_t kSpan = 1024, kMostSpans = 256;
  Array bad = Array::empty({std::min(kMostSpans, (rows + kSpan - 1) / kSpan)}, DType::int64, x.device());
  kernels::check_classes(x.device(), r.classes, r.given_weight(), count, settings.ignore_index, r.row_weight, bad);
  const Array found = on_host(bad);
  for (std::int64_t i = 0; i < found.size(); ++i) {
    const std::int64_t row = found.data<std::int64_t>()[i];
    if (row < 0) continue;
    const Array value = on_host(r.classes.view({1}, {1}, row));
    check_index(false, op, ": target must lie in [0, ", count, "), got ", *value.data<std::int64_t>(), " at row ", row);
  }
  return r;
}

}  // namespace

std::tuple<Array, Array, Array> cross_entropy(const Array& x, const Array& target, const std::optional<Array>& weight,
                                              std::int64_t ignore_index, double label_smoothing,
                                              bool log_probabilities) {
  const CrossEntropy settings{ignore_index, label_smoothing, log_probabilities};
  check_inputs(x, target, weight, settings);
  const Rows r = checked_rows(log_probabilities ? "nll_loss" : "cross_entropy", x, target, weight, settings);
  const std::int64_t rows = x.shape(0);
  const DType wide = sum_dtype(x.dtype());
  Array loss = Array::empty({rows}, wide, x.device()), lse = Array::empty({rows}, wide, x.device());
  if (rows && x.shape(1)) {
    kernels::cross_entropy(x.device(), x.contiguous(), r.classes, r.given_weight(), settings, loss, lse);
  } else if (rows) {
    fill(loss, 0);
    fill(lse, 0);
  }
  return {loss, lse, r.row_weight};
}

std::tuple<Array, Array> cross_entropy_in_place(const Array& x, const Array& target, const std::optional<Array>& weight,
                                                std::int64_t ignore_index, double label_smoothing, const Array& g) {
  const char* op = "cross_entropy_in_place";
  const CrossEntropy settings{ignore_index, label_smoothing, false};
  check_inputs(x, target, weight, settings);
  check_writable(x, op);
  check_value(x.is_contiguous(), op, ": x must be row-major, got shape ", x.shape(), " with strides ", x.strides());
  check_value(g.shape() == target.shape(), op, ": g must have shape ", target.shape(), ", got ", g.shape());
  check_same_device(x, g, op);
  const Rows r = checked_rows(op, x, target, weight, settings);
  const Array factors = astype(g, sum_dtype(x.dtype()), false).contiguous();
  Array loss = Array::empty({x.shape(0)}, sum_dtype(x.dtype()), x.device()), changed = x;
  if (x.size())
    kernels::cross_entropy_in_place(x.device(), changed, r.classes, r.given_weight(), settings, factors, loss);
  else if (loss.size())
    fill(loss, 0);
  x.storage()->version.fetch_add(1, std::memory_order_relaxed);
  return {loss, r.row_weight};
}

Array cross_entropy_backward(const Array& x, const Array& target, const std::optional<Array>& weight,
                             std::int64_t ignore_index, double label_smoothing, bool log_probabilities, const Array& g,
                             const Array& lse) {
  const CrossEntropy settings{ignore_index, label_smoothing, log_probabilities};
  check_inputs(x, target, weight, settings);
  const DType wide = sum_dtype(x.dtype());
  check_value(g.shape() == target.shape() && lse.shape() == target.shape(),
              "cross_entropy_backward: g and lse must have shape ", target.shape(), ", got ", g.shape(), " and ",
              lse.shape());
  check_type(lse.dtype() == wide, "cross_entropy_backward: lse must be ", name_of(wide));
  const Array logits = x.contiguous(), classes = astype(target, DType::int64, false).contiguous();
  const Array factors = astype(g, wide, false).contiguous(), sums = lse.contiguous();
  std::optional<Array> w;
  if (weight) w = astype(*weight, x.dtype(), false).contiguous();
  Array gx = Array::empty(x.shape(), x.dtype(), x.device());
  if (gx.size())
    kernels::cross_entropy_backward(x.device(), logits, classes, w ? &*w : nullptr, settings, factors, sums, gx);
  return gx;
}

}  // namespace tc::ops
