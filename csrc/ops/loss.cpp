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

}  // namespace

std::tuple<Array, Array, Array> cross_entropy(const Array& x, const Array& target, const std::optional<Array>& weight,
                                              std::int64_t ignore_index, double label_smoothing,
                                              bool log_probabilities) {
  const CrossEntropy settings{ignore_index, label_smoothing, log_probabilities};
  check_inputs(x, target, weight, settings);
  const Array logits = x.contiguous(), classes = astype(target, DType::int64, false).contiguous();
  const std::int64_t rows = x.shape(0), count = x.shape(1);
  const auto* t = classes.data<std::int64_t>();
  for (std::int64_t r = 0; r < rows; ++r)
    check_index(t[r] == ignore_index || (t[r] >= 0 && t[r] < count), log_probabilities ? "nll_loss" : "cross_entropy",
                ": target must lie in [0, ", count, "), got ", t[r], " at row ", r);
  std::optional<Array> w;
  if (weight) w = astype(*weight, x.dtype(), false).contiguous();
  const DType wide = sum_dtype(x.dtype());
  Array loss = Array::empty({rows}, wide), lse = Array::empty({rows}, wide), row_weight = Array::empty({rows}, wide);
  dispatch(WideFloats{}, wide, [&]<class A>() {
    dispatch(Floats{}, x.dtype(), [&]<class T>() {
      for (std::int64_t r = 0; r < rows; ++r)
        row_weight.data<A>()[r] = t[r] == ignore_index ? A(0) : w ? convert<A>(w->data<T>()[t[r]]) : A(1);
    });
  });
  if (rows && count)
    kernels::cross_entropy(x.device(), logits, classes, w ? &*w : nullptr, settings, loss, lse);
  else if (rows)
    std::memset(loss.raw(), 0, loss.nbytes()), std::memset(lse.raw(), 0, lse.nbytes());
  return {loss, lse, row_weight};
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
