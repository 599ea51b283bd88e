#include "ops/linalg.h"

#include <atomic>

#include "core/promote.h"
#include "ops/copy.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace tc {
namespace {
constexpr const char* kPrecisions[] = {"ieee", "3xtf32", "tf32"};  // in the order of MatmulPrecision
std::atomic<MatmulPrecision> precision{MatmulPrecision::ieee};
}  // namespace

MatmulPrecision matmul_precision() { return precision.load(std::memory_order_relaxed); }

MatmulPrecision matmul_precision_named(const std::string& name) {
  for (int i = 0; i < 3; ++i)
    if (name == kPrecisions[i]) return static_cast<MatmulPrecision>(i);
  fail(ErrorKind::value, "set_matmul_precision: precision must be ieee, 3xtf32 or tf32, got '", name, "'");
}

namespace ops {

void set_matmul_precision(const std::string& name) {
  precision.store(matmul_precision_named(name), std::memory_order_relaxed);
}

std::string get_matmul_precision() { return kPrecisions[static_cast<int>(matmul_precision())]; }

Array matmul(const Array& a, const Array& b) {
  check_same_device(a, b, "matmul");
  check_value(a.ndim() > 0 && b.ndim() > 0, "matmul: arguments must have at least one axis, got ", a.shape(), " and ",
              b.shape());
  const DType dtype = promote(a.dtype(), b.dtype());
  check_type(!is_bool(dtype), "matmul: dtype bool is not supported");
  const Array left = astype(a.ndim() == 1 ? expand_dims(a, {0}) : a, dtype, false);
  const Array right = astype(b.ndim() == 1 ? expand_dims(b, {1}) : b, dtype, false);
  check_value(left.shape(-1) == right.shape(-2), "matmul: the last extent of x1 must equal the ",
              b.ndim() == 1 ? "" : "second-to-", "last extent of x2, got ", a.shape(), " and ", b.shape());
  const auto stack_of = [](const Array& x) {
    return Dims(std::span(x.shape().begin(), static_cast<std::size_t>(x.ndim() - 2)));
  };
  const Dims stack = broadcast_shapes(stack_of(left), stack_of(right), "matmul");
  const auto matrices = [&](const Array& x, std::int64_t rows, std::int64_t cols) {
    Dims shape = stack;
    shape.push_back(rows);
    shape.push_back(cols);
    return x.broadcast_to(shape, "matmul");
  };
  const std::int64_t m = left.shape(-2), n = right.shape(-1), k = left.shape(-1);
  Dims shape = stack;
  shape.push_back(m);
  shape.push_back(n);
  Array y = Array::empty(shape, dtype, a.device());
  if (y.size()) kernels::matmul(a.device(), matrices(left, m, k), matrices(right, k, n), y);
  if (b.ndim() == 1) shape.pop_back();
  if (a.ndim() == 1) shape.erase(stack.size());
  return y.view(shape, row_major_strides(shape));
}

namespace {
void check_activation(const char* op, const std::string& name) {
  check_value(
      name == "none" || name == "relu" || name == "gelu" || name == "tanh" || name == "sigmoid" || name == "silu", op,
      ": activation must be none, relu, gelu, tanh, sigmoid or silu, got '", name, "'");
}
}  // namespace

Array linear(const Array& x, const Array& weight, const std::optional<Array>& bias, const std::string& activation) {
  check_same_device(x, weight, "linear");
  check_value(x.ndim() >= 1 && weight.ndim() == 2 && x.shape(-1) == weight.shape(1),
              "linear: weight must have shape (out, in) with in the last extent of x, got x ", x.shape(),
              " and weight ", weight.shape());
  DType dtype = promote(x.dtype(), weight.dtype());
  if (bias) {
    check_same_device(x, *bias, "linear");
    check_value(bias->ndim() == 1 && bias->shape(0) == weight.shape(0), "linear: bias must have shape (",
                weight.shape(0), ",), got ", bias->shape());
    dtype = promote(dtype, bias->dtype());
  }
  check_type(is_float(dtype), "linear: dtype must be floating-point, got ", name_of(dtype));
  check_activation("linear", activation);
  const std::int64_t in = weight.shape(1), out = weight.shape(0);
  std::int64_t rows = 1;
  Dims shape = x.shape();
  shape.pop_back();
  for (std::int64_t extent : shape) rows *= extent;
  shape.push_back(out);
  const Array flat = reshape(astype(x, dtype, false), {rows, in}, std::nullopt);
  std::optional<Array> b;
  if (bias) b = astype(*bias, dtype, false);
  Array y = Array::empty({rows, out}, dtype, x.device());
  if (y.size()) kernels::linear(x.device(), flat, astype(weight, dtype, false), b ? &*b : nullptr, activation, y);
  return y.view(shape, row_major_strides(shape));
}

std::tuple<Array, std::optional<Array>> product(const Array& a, const Array& b, double alpha, double beta,
                                                const std::optional<Array>& residual,
                                                const std::optional<Array>& row_bias,
                                                const std::optional<Array>& column_bias, const std::string& activation,
                                                const std::string& sums) {
  check_same_device(a, b, "product");
  check_type(is_float(a.dtype()) && a.dtype() == b.dtype(),
             "product: operands must have one floating-point dtype, got ", name_of(a.dtype()), " and ",
             name_of(b.dtype()));
  check_value(a.ndim() == 2 && b.ndim() == 2 && a.shape(1) == b.shape(0),
              "product: operands must have shapes (m, k) and (k, n), got ", a.shape(), " and ", b.shape());
  check_activation("product", activation);
  check_value(sums == "none" || sums == "rows" || sums == "columns",
              "product: sums must be none, rows or columns, got '", sums, "'");
  const std::int64_t m = a.shape(0), n = b.shape(1);
  check_value(m > 0 && n > 0, "product: the result must not be empty, got shape ", Dims{m, n});
  const auto extra = [&](const std::optional<Array>& x, const char* name, const Dims& shape) {
    if (!x) return static_cast<const Array*>(nullptr);
    check_same_device(a, *x, "product");
    check_value(x->shape() == shape && x->dtype() == a.dtype(), "product: ", name, " must have shape ", shape,
                " and dtype ", name_of(a.dtype()), ", got ", x->shape(), " and ", name_of(x->dtype()));
    return &*x;
  };
  ProductEpilogue epilogue;
  epilogue.alpha = alpha;
  epilogue.residual = extra(residual, "residual", {m, n});
  epilogue.beta = residual ? beta : 0;
  epilogue.row_bias = extra(row_bias, "row_bias", {m});
  epilogue.column_bias = extra(column_bias, "column_bias", {n});
  epilogue.activation = activation;
  Array c = Array::empty({m, n}, a.dtype(), a.device());
  std::optional<Array> sum;
  if (sums == "rows") epilogue.row_sums = &sum.emplace(Array::empty({m}, a.dtype(), a.device()));
  if (sums == "columns") epilogue.column_sums = &sum.emplace(Array::empty({n}, a.dtype(), a.device()));
  kernels::product(a.device(), a, b, epilogue, c);
  return {c, sum};
}

std::tuple<Array, Array> linear_weight_gradient(const Array& g, const Array& x) {
  check_same_device(g, x, "linear_weight_gradient");
  check_value(g.ndim() == 2 && x.ndim() == 2 && g.shape(0) == x.shape(0),
              "linear_weight_gradient: arguments must have shapes (rows, out) and (rows, in), got ", g.shape(), " and ",
              x.shape());
  const Array gt = g.view({g.shape(1), g.shape(0)}, {g.stride(1), g.stride(0)});
  const bool fused = kernels::product.slots[static_cast<int>(g.device().type)] && g.dtype() == x.dtype() &&
                     is_float(g.dtype()) && g.shape(1) > 0 && x.shape(1) > 0;
  if (!fused) return {matmul(gt, x), sum(g, Dims{0}, std::nullopt, false)};
  auto [weight, bias] = product(gt, x, 1, 0, std::nullopt, std::nullopt, std::nullopt, "none", "rows");
  return {weight, *bias};
}

}  // namespace ops
}  // namespace tc
