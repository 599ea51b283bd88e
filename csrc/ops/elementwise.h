// Elementwise ops: one C++ function, and one kernel slot, per functor.
#pragma once
#include "core/array.h"
#include "core/kernel_table.h"
#include "core/promote.h"
#include "ops/copy.h"
#include "ops/functors.h"

namespace tc {

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
  if constexpr (requires { Op::takes_truth; }) return DType::boolean;
  if constexpr (requires { Op::wide_only; })
    check_type(!is_half(given), Op::name, ": dtype ", name_of(given), " is not supported");
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

// The array an op writes: `out` checked for shape and dtype, or a new one.
Array result_array(const char* op, const Dims& shape, DType dtype, const Array& like, Array* out);
// `x` broadcast to `shape`; a copy of it where writing `y` in place would overwrite elements not read yet.
Array input_for(const Array& x, const Dims& shape, const Array& y, const Array* out, const char* op);

template <class Op>
Array unary(const Array& x, const Params& params, Array* out) {
  if constexpr (requires { Op::keeps_integers; })
    if (is_int(x.dtype())) return copy(x);
  const DType dtype = compute_dtype<Op>(x.dtype());
  Array y = result_array(Op::name, x.shape(), kReturnsBool<Op> ? DType::boolean : dtype, x, out);
  if (y.size()) kernels::unary<Op>(x.device(), x, y, params);
  return y;
}

template <class Op>
Array binary(const Array& a, const Array& b, const Params& params, Array* out) {
  if constexpr (requires { typename Op::swapped; }) {
    if (a.shape() != b.shape()) broadcast_shapes(a.shape(), b.shape(), Op::name);  // an error names this op
    return binary<typename Op::swapped>(b, a, params, out);
  } else {
    const Device device = common_device(a, b, Op::name);
    const DType dtype = compute_dtype<Op>(promote(a.dtype(), b.dtype()));
    const DType result = kReturnsBool<Op> ? DType::boolean : dtype;
    const bool same = a.shape() == b.shape();
    const Dims shape = same ? a.shape() : broadcast_shapes(a.shape(), b.shape(), Op::name);
    const Array& like = a.shape() == shape && a.device() == device ? a : b;
    if (out) check_same_device(*out, like, Op::name);
    Array y = result_array(Op::name, shape, result, like, out);
    if (y.size() == 0) return y;
    const bool aligned = same && !out;
    if (aligned) [[likely]] {
      kernels::binary<Op>(device, a, b, y, params);
    } else {
      const Array first = input_for(a, shape, y, out, Op::name), second = input_for(b, shape, y, out, Op::name);
      kernels::binary<Op>(device, first, second, y, params);
    }
    return y;
  }
}

}  // namespace ops
}  // namespace tc
