// Elementary functions for kernels: one overload set tc::simd::math for Vec<float>, Vec<double>, float and double, so
// that a functor `template <class V> V operator()(V x) const` serves all four. A scalar gives the bits its lane would.
#pragma once
#include "cpu/simd/math_log.h"
#include "cpu/simd/math_trig.h"

namespace tc::simd {
inline namespace TC_ISA {
namespace math {

using simd::abs;
using simd::ceil;
using simd::copysign;
using simd::floor;
using simd::fma;
using simd::max;
using simd::min;
using simd::round;
using simd::select;
using simd::sqrt;
using simd::trunc;

// Near zero a polynomial in x^2; further out 1 - erfc: erfc is exp of a polynomial (float), or exp(-x^2) times the
// exponential of the slowly varying log(erfcx(x)) (double).
template <class T>
inline Vec<T> erf(Vec<T> x) {
  using namespace detail;
  using V = Vec<T>;
  const V a = abs(x), z = a * a;
  V p, log_erfc;
  if constexpr (kSingle<T>) {
    p = horner(z, 0.128379166f, -0.376126349f, 0.112836942f, -0.0268592704f, 0.00520063378f, -0.000813743041f,
               8.34519597e-05f);
    log_erfc = horner(fast_min(V(T(3.95)), a), 0.000174683461f, -1.12951493f, -0.633346915f, -0.108280085f,
                      0.0251194239f, -0.0041710618f, 0.000434462476f, -2.10950475e-05f);
  } else {
    p = horner(z, 0.12837916709551256, -0.3761263890318325, 0.11283791670932841, -0.02686617064126513,
               0.005223977590781794, -0.0008548325189227053, 0.00012055271391448915, -1.4924286501808703e-05,
               1.6441895582789192e-06, -1.6166424754928695e-07, 1.3539591294749868e-08, -7.462022533305679e-10);
    const V b = fast_min(V(T(6)), a), u = (b - V(T(3.5))) * V(T(0.4));  // [1, 6] to [-1, 1]
    const V log_erfcx =
        horner(u, -1.862437402141151, -0.6652489706474873, 0.20779340958450843, -0.08165092541938967,
               0.034128166219788626, -0.014385639079056725, 0.0059531700894762726, -0.002360171346690949,
               0.000954438836692212, -0.00019804300383824666, 0.00010054479559467779, -0.00042625669984174046,
               -0.0010278610671707127, -0.001387417252764025, -0.0011950789131267728, -0.0006455619789933396,
               -0.0002065605315151165, -2.8677765593111903e-05);
    log_erfc = fma(-b, b, log_erfcx);
  }
  const V far = V(T(1)) - exp_in_range(log_erfc);
  return copysign(select(a < V(kSingle<T> ? T(0.92) : T(1)), fma(a, p, a), far), x);
}
template <class T>
inline Vec<T> erfc(Vec<T> x) {  // in long double: the C library's erfc for double exceeds 2 ulp
  return per_lane([](long double lane) { return static_cast<T>(std::erfc(lane)); }, x);
}

inline Vec<double> pow(Vec<double> x, Vec<double> y) {
  return per_lane([](double a, double b) { return std::pow(a, b); }, x, y);
}
namespace power {
// |x|^y in double for float x, y: an error of 1 ulp in log2 is one of 2^-45 in the result.
TC_INLINE Vec<double> of_magnitude(Vec<double> x, Vec<double> y) { return exp2(y * log2(abs(x))); }
}  // namespace power
inline Vec<float> pow(Vec<float> x, Vec<float> y) {
  using V = Vec<float>;
  const auto [x0, x1] = widen(x);
  const auto [y0, y1] = widen(y);
  V result = narrow(power::of_magnitude(x0, y0), power::of_magnitude(x1, y1));
  const V zero(0.f), one(1.f), half_y = y * V(0.5f);
  const Mask<float> whole = trunc(y) == y, odd = whole & (trunc(half_y) != half_y);
  result = select(odd, result | (x & sign_bit<float>()), result);
  result = select((x < zero) & (abs(x) < V(detail::kInf<float>)) & ~whole, detail::kNan<float>, result);
  result = select(is_nan(x) | is_nan(y), detail::kNan<float>, result);
  // One to any power, anything to the power of zero, and -1 to an infinite one.
  const Mask<float> unit = (x == one) | (y == zero) | ((x == -one) & (abs(y) == V(detail::kInf<float>)));
  return select(unit, one, result);
}

// sqrt(x^2 + y^2): in double for float; for double scaled by a power of two where squares could leave the range.
inline Vec<double> hypot_finite(Vec<double> x, Vec<double> y) { return sqrt(fma(x, x, y * y)); }
inline Vec<float> hypot(Vec<float> x, Vec<float> y) {
  const auto [x0, x1] = widen(x);
  const auto [y0, y1] = widen(y);
  const Vec<float> result = narrow(hypot_finite(x0, y0), hypot_finite(x1, y1)), inf(detail::kInf<float>);
  return select((abs(x) == inf) | (abs(y) == inf), inf, result);
}
inline Vec<double> hypot(Vec<double> x, Vec<double> y) {
  using V = Vec<double>;
  const V largest = fast_max(abs(x), abs(y)), inf(detail::kInf<double>);
  const Mask<double> big = largest > V(0x1p500), small = largest < V(0x1p-400);
  const V down = select(big, V(0x1p-600), select(small, V(0x1p600), V(1.0)));
  const V up = select(big, V(0x1p600), select(small, V(0x1p-600), V(1.0)));
  const V result = hypot_finite(x * down, y * down) * up;
  return select((abs(x) == inf) | (abs(y) == inf), inf, result);
}

// ---- scalars ----

template <class T>
concept FloatScalar = std::is_same_v<T, float> || std::is_same_v<T, double>;
#define TC_SCALAR(name)        \
  template <FloatScalar T>     \
  inline T name(T x) {         \
    return name(Vec<T>(x))[0]; \
  }
#define TC_SCALAR2(name)                          \
  template <FloatScalar T>                        \
  inline T name(T x, std::type_identity_t<T> y) { \
    return name(Vec<T>(x), Vec<T>(y))[0];         \
  }
TC_SCALAR(abs)
TC_SCALAR(sqrt)
TC_SCALAR(floor)
TC_SCALAR(ceil)
TC_SCALAR(trunc)
TC_SCALAR(round)
TC_SCALAR(exp)
TC_SCALAR(exp2)
TC_SCALAR(expm1)
TC_SCALAR(log)
TC_SCALAR(log2)
TC_SCALAR(log10)
TC_SCALAR(log1p)
TC_SCALAR(sin)
TC_SCALAR(cos)
TC_SCALAR(tan)
TC_SCALAR(sinh)
TC_SCALAR(cosh)
TC_SCALAR(tanh)
TC_SCALAR(asinh)
TC_SCALAR(acosh)
TC_SCALAR(atanh)
TC_SCALAR(asin)
TC_SCALAR(acos)
TC_SCALAR(atan)
TC_SCALAR(erf)
TC_SCALAR(erfc)
TC_SCALAR(sigmoid)
TC_SCALAR(softplus)
TC_SCALAR2(atan2)
TC_SCALAR2(pow)
TC_SCALAR2(hypot)
TC_SCALAR2(logaddexp)
TC_SCALAR2(copysign)
TC_SCALAR2(min)
TC_SCALAR2(max)
#undef TC_SCALAR
#undef TC_SCALAR2

}  // namespace math
}  // namespace TC_ISA
}  // namespace tc::simd
