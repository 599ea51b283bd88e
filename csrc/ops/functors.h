// The scalar meaning of every elementwise op, shared by all devices, with the dtypes it is defined on; and the lists
// that ops, kernels and bindings are made from. A functor's apply() takes scalars or vectors of them.
#pragma once
#include "ops/functors_activation.h"
#include "ops/functors_arithmetic.h"
#include "ops/functors_logic.h"
#include "ops/functors_math.h"

namespace tc::functors {

template <class... Ops>
struct List {};
template <class A, class B>
struct Joined;
template <class... A, class... B>
struct Joined<List<A...>, List<B...>> {
  using type = List<A..., B...>;
};

using UnaryArithmeticOps = List<Positive, Negative, Abs, Sign, Square, Reciprocal, Floor, Ceil, Trunc, Round, Isnan,
                                Isinf, Isfinite, Signbit, LogicalNot, BitwiseInvert>;
using UnaryMathOps = List<Exp, Exp2, Expm1, Log, Log2, Log10, Log1p, Sqrt, Rsqrt, Sin, Cos, Tan, Asin, Acos, Atan, Sinh,
                          Cosh, Tanh, Asinh, Acosh, Atanh, Erf>;
using UnaryActivationOps = List<Relu, LeakyRelu, Clip, Hardtanh, Threshold, Step, Hardsigmoid, Hardswish, Sigmoid,
                                Logsigmoid, Silu, Gelu, GeluTanh, Softplus, Mish, Elu, Softsign>;
using BinaryArithmeticOps =
    List<Add, Subtract, Multiply, Divide, Maximum, Minimum, Copysign, Nextafter, Atan2, Hypot, Logaddexp>;
using DivisionOps = List<FloorDivide, Remainder, Pow>;  // ops with kernels written out
using BinaryLogicOps = List<Equal, NotEqual, Less, LessEqual, LogicalAnd, LogicalOr, LogicalXor, BitwiseAnd, BitwiseOr,
                            BitwiseXor, BitwiseLeftShift, BitwiseRightShift>;
using SwappedOps = List<Greater, GreaterEqual>;  // ops without kernels of their own
using BinaryActivationOps =
    List<ReluBackward, LeakyReluBackward, Prelu, ClipBackward, HardtanhBackward, ThresholdBackward, HardsigmoidBackward,
         HardswishBackward, SigmoidBackward, TanhBackward, LogsigmoidBackward, SiluBackward, Glu, GeluBackward,
         GeluTanhBackward, SoftplusBackward, MishBackward, EluBackward, SoftsignBackward>;

}  // namespace tc::functors
