// Activation functions and their gradients. A backward functor takes the gradient `g` of the output and the input `x`
// or the output `y`, whichever is cheaper. Definitions and parameters are those of the papers named in the Python docs.
#pragma once
#include "ops/functors_base.h"

namespace tc::functors {

// ---- piecewise linear ----

struct Relu : Op<"relu", Numeric> {  // NaN stays NaN
  template <class V>
  static TC_HD V apply(V x) {
    if constexpr (kIsInt<V>)
      return x > 0 ? x : V(0);
    else
      return max(x, constant<V>(0));
  }
};
struct ReluBackward : Op<"relu_backward", WideFloats> {
  template <class V>
  static TC_HD V apply(V g, V y) {
    return select(y > constant<V>(0), g, constant<V>(0));
  }
};
struct LeakyRelu : SettingsOp<"leaky_relu", 1> {
  template <class V>
  static TC_HD V apply(V x, const Params& slope) {
    return select(x > constant<V>(0), x, x * constant<V>(slope[0]));
  }
};
struct LeakyReluBackward : SettingsOp<"leaky_relu_backward", 1> {
  template <class V>
  static TC_HD V apply(V g, V x, const Params& slope) {
    return select(x > constant<V>(0), g, g * constant<V>(slope[0]));
  }
};
struct Prelu : Op<"prelu", WideFloats> {
  template <class V>
  static TC_HD V apply(V x, V weight) {
    return select(x > constant<V>(0), x, x * weight);
  }
};
struct Clip : SettingsOp<"clip", 2> {
  template <class V>
  static TC_HD V apply(V x, const Params& bounds) {
    return min(max(x, constant<V>(bounds[0])), constant<V>(bounds[1]));
  }
};
struct Hardtanh : SettingsOp<"hardtanh", 2> {
  template <class V>
  static TC_HD V apply(V x, const Params& bounds) {
    return Clip::apply(x, bounds);
  }
};
// The gradient of a clip reaches the bounds; that of hardtanh ends before them.
struct ClipBackward : SettingsOp<"clip_backward", 2> {
  template <class V>
  static TC_HD V apply(V g, V x, const Params& bounds) {
    const V zero = constant<V>(0);
    return select(x < constant<V>(bounds[0]), zero, select(x > constant<V>(bounds[1]), zero, g));
  }
};
struct HardtanhBackward : SettingsOp<"hardtanh_backward", 2> {
  template <class V>
  static TC_HD V apply(V g, V x, const Params& bounds) {
    const V zero = constant<V>(0);
    return select(x <= constant<V>(bounds[0]), zero, select(x >= constant<V>(bounds[1]), zero, g));
  }
};
struct Threshold : SettingsOp<"threshold", 2> {  // x above the threshold, else a value
  template <class V>
  static TC_HD V apply(V x, const Params& p) {
    return select(x <= constant<V>(p[0]), constant<V>(p[1]), x);
  }
};
struct ThresholdBackward : SettingsOp<"threshold_backward", 1> {
  template <class V>
  static TC_HD V apply(V g, V x, const Params& p) {
    return select(x <= constant<V>(p[0]), constant<V>(0), g);
  }
};
struct Step : Op<"step", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return select(x > constant<V>(0), constant<V>(1), constant<V>(0));
  }
};
struct Hardsigmoid : Op<"hardsigmoid", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return min(max(x + constant<V>(3), constant<V>(0)), constant<V>(6)) / constant<V>(6);
  }
};
struct HardsigmoidBackward : Op<"hardsigmoid_backward", WideFloats> {
  template <class V>
  static TC_HD V apply(V g, V x) {
    return select(abs(x) < constant<V>(3), g / constant<V>(6), constant<V>(0));
  }
};
struct Hardswish : Op<"hardswish", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    const V gate = Hardsigmoid::apply(x);
    return select(gate > constant<V>(0), x * gate, gate);
  }
};
struct HardswishBackward : Op<"hardswish_backward", WideFloats> {
  template <class V>
  static TC_HD V apply(V g, V x) {
    const V three = constant<V>(3);
    const V middle = g * (x / three + constant<V>(0.5));
    return select(x <= -three, constant<V>(0), select(x >= three, g, middle));
  }
};

// ---- smooth ----

struct Sigmoid : Op<"sigmoid", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return sigmoid(x);
  }
};
struct SigmoidBackward : Op<"sigmoid_backward", WideFloats> {
  template <class V>
  static TC_HD V apply(V g, V y) {
    return g * y * (constant<V>(1) - y);
  }
};
struct TanhBackward : Op<"tanh_backward", WideFloats> {
  template <class V>
  static TC_HD V apply(V g, V y) {
    return g * (constant<V>(1) - y * y);
  }
};
struct Logsigmoid : Op<"logsigmoid", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return -softplus(-x);
  }
};
struct LogsigmoidBackward : Op<"logsigmoid_backward", WideFloats> {
  template <class V>
  static TC_HD V apply(V g, V x) {
    return g * sigmoid(-x);
  }
};
// x sigmoid(x). Products with a gate are selected away where the gate is 0, so that infinities give limits, not NaN.
struct Silu : Op<"silu", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    const V s = sigmoid(x);
    return select(s > constant<V>(0), x * s, s);
  }
};
struct SiluBackward : Op<"silu_backward", WideFloats> {
  template <class V>
  static TC_HD V apply(V g, V x) {
    const V s = sigmoid(x), bend = s * (constant<V>(1) - s);
    return g * (s + select(bend > constant<V>(0), x * bend, bend));
  }
};
// a sigmoid(b).
struct Glu : Op<"glu", WideFloats> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    return a * sigmoid(b);
  }
};

inline constexpr double kSqrtHalf = 0.70710678118654752440;       // 1 / sqrt(2)
inline constexpr double kSqrtTwoOverPi = 0.79788456080286535588;  // sqrt(2 / pi)
inline constexpr double kInverseSqrtTwoPi = 0.39894228040143267794;

// x Phi(x) with the normal distribution function Phi.
template <class V>
constexpr bool kSinglePrecision = [] {
  if constexpr (requires { typename V::Scalar; })
    return sizeof(typename V::Scalar) == 4;
  else
    return sizeof(V) == 4;
}();

struct Gelu : Op<"gelu", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return normal_cdf(x) * max(x, constant<V>(kLowest));
  }
  template <class V>
  static TC_HD V normal_cdf(V x) {
    if constexpr (kSinglePrecision<V>)
      return single_cdf(x);
    else
      return constant<V>(0.5) * (constant<V>(1) + erf(x * constant<V>(kSqrtHalf)));
  }
  // Phi(-u) = exp(q(u) - u^2 / 2) with q = log(erfcx(u / sqrt 2) / 2), for u = |x|: one polynomial and one exponential
  // where erf needs two branches. q is a weighted least-squares fit on [0, 9.5]; Phi is within 1.2e-7, and 0 or 1
  // beyond.
  template <class V>
  static TC_HD V single_cdf(V x) {
    constexpr double kFit[] = {7.523703327017017e-10,  -3.457745734181117e-08, 6.822348268542555e-07,
                               -7.527867637691088e-06, 4.971926682628691e-05,  -0.0001768994698068127,
                               -4.269848795956932e-05, 0.004873803351074457,   -0.03639237582683563,
                               0.18170738220214844,    -0.7978865504264832,    -0.6931471228599548};
    const V u = min(abs(x), constant<V>(9.5));
    V q = constant<V>(kFit[0]);
    for (int i = 1; i < 12; ++i) q = q * u + constant<V>(kFit[i]);
    V tail = exp(q - constant<V>(0.5) * u * u);
    tail = select(u < constant<V>(9.5), tail, u - u);  // 0; NaN stays NaN
    return select(x < constant<V>(0), tail, constant<V>(1) - tail);
  }
  static constexpr double kLowest = -1e30;  // Phi is 0 there; keeps 0 * -inf out
};
struct GeluBackward : Op<"gelu_backward", WideFloats> {
  template <class V>
  static TC_HD V apply(V g, V x) {
    const V z = min(max(x, constant<V>(-1e9)), constant<V>(1e9));  // the density is 0 there: keeps 0 * inf out
    const V density = constant<V>(kInverseSqrtTwoPi) * exp(constant<V>(-0.5) * z * z);
    return g * (Gelu::normal_cdf(x) + z * density);
  }
};
// Hendrycks and Gimpel's approximation, with 0.5 (1 + tanh(u)) written as sigmoid(2u).
struct GeluTanh : Op<"gelu_tanh", WideFloats> {
  template <class V>
  static TC_HD V twice_inner(V x) {
    return constant<V>(2 * kSqrtTwoOverPi) * x * (constant<V>(1) + constant<V>(0.044715) * x * x);
  }
  template <class V>
  static TC_HD V apply(V x) {
    const V s = sigmoid(twice_inner(x));
    return select(s > constant<V>(0), x * s, s);
  }
};
struct GeluTanhBackward : Op<"gelu_tanh_backward", WideFloats> {
  template <class V>
  static TC_HD V apply(V g, V x) {
    const V one = constant<V>(1), z = min(max(x, constant<V>(-1e9)), constant<V>(1e9));
    const V s = sigmoid(GeluTanh::twice_inner(z));
    const V slope = constant<V>(2 * kSqrtTwoOverPi) * (one + constant<V>(3 * 0.044715) * z * z);
    const V bend = s * (one - s);
    return g * (s + select(bend > constant<V>(0), z * slope * bend, bend));
  }
};

// log(1 + exp(beta x)) / beta, and x itself where beta x exceeds the threshold.
struct Softplus : SettingsOp<"softplus", 2> {
  template <class V>
  static TC_HD V apply(V x, const Params& p) {
    const V z = x * constant<V>(p[0]);
    return select(z > constant<V>(p[1]), x, softplus(z) / constant<V>(p[0]));
  }
};
struct SoftplusBackward : SettingsOp<"softplus_backward", 2> {
  template <class V>
  static TC_HD V apply(V g, V x, const Params& p) {
    const V z = x * constant<V>(p[0]);
    return select(z > constant<V>(p[1]), g, g * sigmoid(z));
  }
};
struct Mish : Op<"mish", WideFloats> {
  // tanh(log(1 + e^x)) = (n - 1) / (n + 1) with n = (1 + e^x)^2, in terms of w = e^-|x|.
  template <class V>
  static TC_HD V gate(V x) {
    const V one = constant<V>(1), two = constant<V>(2), w = exp(-abs(x));
    const V rest = select(x < constant<V>(0), w * (w + two), one + two * w);
    return rest / (rest + select(x < constant<V>(0), two, two * w * w));
  }
  template <class V>
  static TC_HD V apply(V x) {
    const V t = gate(x);
    return select(t > constant<V>(0), x * t, t);
  }
};
struct MishBackward : Op<"mish_backward", WideFloats> {
  template <class V>
  static TC_HD V apply(V g, V x) {
    const V one = constant<V>(1), t = Mish::gate(x), s = sigmoid(x), bend = (one - t * t) * s;
    return g * (t + select(bend > constant<V>(0), x * bend, bend));
  }
};

// scale * (x above 0, alpha (exp(x / width) - 1) elsewhere): elu, selu and celu in one. Settings: alpha, scale, 1 /
// width.
struct Elu : SettingsOp<"elu", 3> {
  template <class V>
  static TC_HD V apply(V x, const Params& p) {
    const V below = constant<V>(p[0]) * expm1(min(x, constant<V>(0)) * constant<V>(p[2]));
    return constant<V>(p[1]) * select(x > constant<V>(0), x, below);
  }
};
struct EluBackward : SettingsOp<"elu_backward", 3> {
  template <class V>
  static TC_HD V apply(V g, V x, const Params& p) {
    const V below = constant<V>(p[0] * p[2]) * exp(min(x, constant<V>(0)) * constant<V>(p[2]));
    return g * constant<V>(p[1]) * select(x > constant<V>(0), constant<V>(1), below);
  }
};
struct Softsign : Op<"softsign", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    const V z = min(max(x, constant<V>(-1e30)), constant<V>(1e30));  // the result is 1 there: keeps inf / inf out
    return z / (constant<V>(1) + abs(z));
  }
};
struct SoftsignBackward : Op<"softsign_backward", WideFloats> {
  template <class V>
  static TC_HD V apply(V g, V x) {
    const V d = constant<V>(1) + abs(x);
    return g / (d * d);
  }
};

}  // namespace tc::functors
