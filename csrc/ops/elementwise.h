// Elementwise ops: one C++ function, and one kernel slot, per functor.
#pragma once
#include "core/array.h"
#include "core/kernel_table.h"
#include "core/promote.h"
#include "ops/functors.h"

namespace tc {

// Scalar settings of a functor (a slope, a bound), in the order its apply() takes them.
struct Params {
  double values[4] = {};
};

namespace kernels {
// y = Op(x) / Op(a, b). Inputs have y's shape (broadcast strides allowed) and any dtype; they are converted to the one
// the loop runs in. An input may be the output itself, or not overlap it.
template <class Op>
constinit inline Kernel<void(const Array& x, Array& y, const Params&)> unary{Op::name};
template <class Op>
constinit inline Kernel<void(const Array& a, const Array& b, Array& y, const Params&)> binary{Op::name};
// condition ? a : b with a bool condition.
constinit inline Kernel<void(const Array& condition, const Array& a, const Array& b, Array& y)> where{"where"};
}  // namespace kernels

namespace ops {

// The dtype a functor computes in (before half types are widened) for inputs of `given`; TypeError if it has none.
template <class Op>
DType compute_dtype(DType given) {
  const DType wide = is_half(given) ? DType::float32 : given;
  if (contains(typename Op::dtypes{}, wide)) return given;
  const bool promotes = std::is_same_v<typename Op::dtypes, WideFloats>;
  check_type(promotes, Op::name, ": dtype ", name_of(given), " is not supported");
  return kDefaultFloat;
}

template <class Op>
constexpr bool kReturnsBool = requires { typename Op::result; };

// Writes into `out` when it is given (in-place operators), else into a new array.
template <class Op>
Array unary(const Array& x, const Params& params = {}, Array* out = nullptr);
template <class Op>
Array binary(const Array& a, const Array& b, const Params& params = {}, Array* out = nullptr);
Array where(const Array& condition, const Array& a, const Array& b);

// The array an op writes: `out` checked for shape, dtype and overlap with the inputs, or a new one.
Array result_array(const char* op, const Dims& shape, DType dtype, const Array& like, Array* out);

template <class Op>
Array unary(const Array& x, const Params& params, Array* out) {
  const DType dtype = compute_dtype<Op>(x.dtype());
  Array y = result_array(Op::name, x.shape(), kReturnsBool<Op> ? DType::boolean : dtype, x, out);
  if (y.size()) kernels::unary<Op>(x.device(), x, y, params);
  return y;
}

template <class Op>
Array binary(const Array& a, const Array& b, const Params& params, Array* out) {
  check(a.device() == b.device(), ErrorKind::runtime, Op::name, ": arrays must be on one device, got '",
        to_string(a.device()), "' and '", to_string(b.device()), "'");
  const DType dtype = compute_dtype<Op>(promote(a.dtype(), b.dtype()));
  const DType result = kReturnsBool<Op> ? DType::boolean : dtype;
  if (a.shape() == b.shape()) [[likely]] {
    Array y = result_array(Op::name, a.shape(), result, a, out);
    if (y.size()) kernels::binary<Op>(a.device(), a, b, y, params);
    return y;
  }
  const Dims shape = broadcast_shapes(a.shape(), b.shape(), Op::name);
  Array y = result_array(Op::name, shape, result, a.shape() == shape ? a : b, out);
  if (y.size()) kernels::binary<Op>(a.device(), a.broadcast_to(shape, Op::name), b.broadcast_to(shape, Op::name), y, params);
  return y;
}

}  // namespace ops
}  // namespace tc
