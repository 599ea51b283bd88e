#include "ops/linalg.h"

#include <atomic>

#include "core/promote.h"
#include "ops/copy.h"
#include "ops/shape.h"

namespace tc {
namespace {
constexpr const char* kPrecisions[] = {"ieee", "3xtf32", "tf32"};  // in the order of MatmulPrecision
std::atomic<MatmulPrecision> precision{MatmulPrecision::ieee};
}  // namespace

MatmulPrecision matmul_precision() { return precision.load(std::memory_order_relaxed); }

namespace ops {

void set_matmul_precision(const std::string& name) {
  for (int i = 0; i < 3; ++i) {
    if (name != kPrecisions[i]) continue;
    precision.store(static_cast<MatmulPrecision>(i), std::memory_order_relaxed);
    return;
  }
  fail(ErrorKind::value, "set_matmul_precision: precision must be ieee, 3xtf32 or tf32, got '", name, "'");
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
  check_value(activation == "none" || activation == "relu" || activation == "gelu" || activation == "tanh" ||
                  activation == "sigmoid" || activation == "silu",
              "linear: activation must be none, relu, gelu, tanh, sigmoid or silu, got '", activation, "'");
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

}  // namespace ops
}  // namespace tc
