// From a functor to its CPU kernel: the loops over contiguous memory for each dtype, and their registration.
#pragma once
#include "cpu/elementwise.h"

namespace tc::cpu {
namespace {

template <class Op, class T>
using Result = std::conditional_t<ops::kReturnsBool<Op>, bool, T>;

template <class Op, class T>
void unary_loop(const void* const* in, void* out, std::int64_t n, [[maybe_unused]] const Params& params) {
  const auto* x = static_cast<const T*>(in[0]);
  auto* y = static_cast<Result<Op, T>*>(out);
  for (std::int64_t i = 0; i < n; ++i) {
    if constexpr (requires { Op::apply(x[i]); }) y[i] = Op::apply(x[i]);
    else y[i] = Op::apply(x[i], params);
  }
}

template <class Op, class T>
void binary_loop(const void* const* in, void* out, std::int64_t n, [[maybe_unused]] const Params& params) {
  const auto *a = static_cast<const T*>(in[0]), *b = static_cast<const T*>(in[1]);
  auto* y = static_cast<Result<Op, T>*>(out);
  for (std::int64_t i = 0; i < n; ++i) {
    if constexpr (requires { Op::apply(a[i], b[i]); }) y[i] = Op::apply(a[i], b[i]);
    else y[i] = Op::apply(a[i], b[i], params);
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
  explicit ProvideUnary(functors::List<Ops...>) {
    (Provide{kernels::unary<Ops>, DeviceType::cpu, &unary<Ops>}, ...);
  }
};
template <class... Ops>
struct ProvideBinary {
  explicit ProvideBinary(functors::List<Ops...>) {
    (Provide{kernels::binary<Ops>, DeviceType::cpu, &binary<Ops>}, ...);
  }
};

}  // namespace
}  // namespace tc::cpu
