// From a functor to its CPU kernel: the loops over contiguous memory for each dtype, and their registration. Floats go
// through vectors whatever the length, tails by partial loads, so the bits of an element do not depend on its place.
#pragma once
#include "cpu/elementwise.h"
#include "cpu/simd/math.h"

namespace tc::simd {
inline namespace TC_ISA {
// Where functors, which know no vector types, find these functions by their arguments.
using math::acos, math::acosh, math::asin, math::asinh, math::atan, math::atan2, math::atanh;
using math::cos, math::cosh, math::erf, math::exp, math::exp2, math::expm1, math::hypot;
using math::log, math::log10, math::log1p, math::log2, math::logaddexp, math::pow;
using math::sigmoid, math::sin, math::sinh, math::softplus, math::tan, math::tanh;
}  // namespace TC_ISA
}  // namespace tc::simd

namespace tc::cpu {
namespace {

template <class Op, class T>
using Result = std::conditional_t<ops::kReturnsBool<Op>, bool, T>;

template <class Op, class T>
constexpr bool kVectorises = std::is_floating_point_v<T> && !ops::kReturnsBool<Op> && !requires { Op::scalar_only; };

template <class Op>
constexpr bool kHasParams = requires { Op::params; };

// op.apply(inputs…), with the settings if it has some.
template <class Op, class... V>
[[gnu::always_inline]] inline auto apply([[maybe_unused]] const Params& params, V... x) {
  if constexpr (kHasParams<Op>)
    return Op::apply(x..., params);
  else
    return Op::apply(x...);
}

template <class Op, class T, class... In>
[[gnu::always_inline]] inline void vector_loop(T* y, std::int64_t n, const Params& params, const In*... x) {
  constexpr std::int64_t lanes = simd::kLanes<T>;
  for (std::int64_t i = 0; i < n; i += lanes) {
    if (n - i >= lanes) [[likely]]
      simd::store(y + i, apply<Op>(params, simd::load(x + i)...));
    else
      simd::store_partial(y + i, n - i, apply<Op>(params, simd::load_partial(x + i, n - i)...));
  }
}

template <class Op, class T>
void unary_loop(const void* const* in, void* out, std::int64_t n, [[maybe_unused]] const Params& params) {
  const auto* x = static_cast<const T*>(in[0]);
  auto* y = static_cast<Result<Op, T>*>(out);
  if constexpr (kVectorises<Op, T>) {
    vector_loop<Op>(y, n, params, x);
  } else {
    for (std::int64_t i = 0; i < n; ++i) y[i] = apply<Op>(params, x[i]);
  }
}

template <class Op, class T>
void binary_loop(const void* const* in, void* out, std::int64_t n, [[maybe_unused]] const Params& params) {
  const auto *a = static_cast<const T*>(in[0]), *b = static_cast<const T*>(in[1]);
  auto* y = static_cast<Result<Op, T>*>(out);
  if constexpr (kVectorises<Op, T>) {
    vector_loop<Op>(y, n, params, a, b);
  } else {
    for (std::int64_t i = 0; i < n; ++i) y[i] = apply<Op>(params, a[i], b[i]);
  }
}

// The dtype a loop runs in for inputs of the op's compute dtype.
inline DType loop_dtype(DType dtype) { return is_half(dtype) ? DType::float32 : dtype; }

template <class Op>
void unary(const Array& x, Array& y, const Params& params) {
  const DType in = loop_dtype(ops::compute_dtype<Op>(x.dtype()));
  dispatch(typename Op::dtypes{}, in, [&]<class T>() {
    const Array* inputs[] = {&x};
    TC_ISA::run_loop({&unary_loop<Op, T>, {in}, dtype_of<Result<Op, T>>()}, inputs, 1, y, params);
  });
}

template <class Op>
void binary(const Array& a, const Array& b, Array& y, const Params& params) {
  const DType in = loop_dtype(ops::compute_dtype<Op>(promote(a.dtype(), b.dtype())));
  dispatch(typename Op::dtypes{}, in, [&]<class T>() {
    const Array* inputs[] = {&a, &b};
    TC_ISA::run_loop({&binary_loop<Op, T>, {in, in}, dtype_of<Result<Op, T>>()}, inputs, 2, y, params);
  });
}

template <class... Ops>
struct ProvideUnary {
  explicit ProvideUnary(functors::List<Ops...>) { (Provide{kernels::unary<Ops>, DeviceType::cpu, &unary<Ops>}, ...); }
};
template <class... Ops>
struct ProvideBinary {
  explicit ProvideBinary(functors::List<Ops...>) {
    (Provide{kernels::binary<Ops>, DeviceType::cpu, &binary<Ops>}, ...);
  }
};

}  // namespace
}  // namespace tc::cpu
