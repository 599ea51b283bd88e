// Elementary functions for kernels: one overload set tc::simd::math for Vec<float>, Vec<double>, float and double, so
// that a functor `template <class V> V operator()(V x) const` serves all four. A scalar gives the bits its lane would.
#pragma once
#include "cpu/simd/math_float.h"
#include "cpu/simd/vec.h"

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

// Functions that call the C library for each lane.
template <class T, class F>
[[gnu::noinline]] Vec<T> per_lane(F f, Vec<T> x) {
  return map_lanes(f, x);
}
template <class T, class F>
[[gnu::noinline]] Vec<T> per_lane(F f, Vec<T> x, Vec<T> y) {
  Native<T> out;
  for (int i = 0; i < kLanes<T>; ++i) out[i] = f(static_cast<T>(x.v[i]), static_cast<T>(y.v[i]));
  return out;
}
#define TC_LIBM(T, name) \
  inline Vec<T> name(Vec<T> x) { return per_lane([](double lane) { return static_cast<T>(std::name(lane)); }, x); }
#define TC_LIBM2(T, name)                                                                                      \
  inline Vec<T> name(Vec<T> x, Vec<T> y) {                                                                     \
    return per_lane([](double a, double b) { return static_cast<T>(std::name(a, b)); }, x, y);                 \
  }
TC_LIBM(double, exp)
TC_LIBM(double, log)
TC_LIBM(double, erf)
TC_LIBM(float, exp2)
TC_LIBM(double, exp2)
TC_LIBM(float, expm1)
TC_LIBM(double, expm1)
TC_LIBM(float, log2)
TC_LIBM(double, log2)
TC_LIBM(float, log10)
TC_LIBM(double, log10)
TC_LIBM(float, log1p)
TC_LIBM(double, log1p)
TC_LIBM(float, sin)
TC_LIBM(double, sin)
TC_LIBM(float, cos)
TC_LIBM(double, cos)
TC_LIBM(float, tan)
TC_LIBM(double, tan)
TC_LIBM(float, sinh)
TC_LIBM(double, sinh)
TC_LIBM(float, cosh)
TC_LIBM(double, cosh)
TC_LIBM(float, asinh)
TC_LIBM(double, asinh)
TC_LIBM(float, acosh)
TC_LIBM(double, acosh)
TC_LIBM(float, atanh)
TC_LIBM(double, atanh)
TC_LIBM(float, asin)
TC_LIBM(double, asin)
TC_LIBM(float, acos)
TC_LIBM(double, acos)
TC_LIBM(float, atan)
TC_LIBM(double, atan)
TC_LIBM(float, erfc)
TC_LIBM2(float, atan2)
TC_LIBM2(double, atan2)
TC_LIBM2(float, pow)
TC_LIBM2(double, pow)
TC_LIBM2(float, hypot)
TC_LIBM2(double, hypot)
#undef TC_LIBM
#undef TC_LIBM2

// t / (t + 2) with t = expm1(2 |x|) near zero, where `lost` is what rounding took from t + 2; 1 - 2 / (t + 2) further out.
inline Vec<double> tanh(Vec<double> x) {
  using V = Vec<double>;
  const V a = abs(x), t = expm1(fast_min(V(40.0), a + a));
  const V denominator = t + V(2.0), lost = t - (denominator - V(2.0));
  const V q = t / denominator;
  const V small = fma(-lost * q, (V(1.0) - q) * V(0.5), q);
  return copysign(select(a < V(0.55), small, V(1.0) - V(2.0) / denominator), x);
}
inline Vec<double> erfc(Vec<double> x) {  // the C library's erfc for double exceeds 2 ulp
  return per_lane([](double lane) { return static_cast<double>(std::erfc(static_cast<long double>(lane))); }, x);
}

// 1 / (1 + exp(-x)). The exponential is taken of -|x|, so that nothing overflows; `lost` is what rounding took from the
// denominator, put back to first order.
template <class T>
inline Vec<T> sigmoid(Vec<T> x) {
  const Vec<T> one(T(1)), e = exp(-abs(x)), denominator = one + e, lost = e - (denominator - one);
  const Mask<T> negative = x < Vec<T>(T(0));
  const Vec<T> q = select(negative, e, one) / denominator;
  return fma(-lost * q, select(negative, one - q, q), q);
}
// log(1 + exp(x)), without overflow.
template <class T>
inline Vec<T> softplus(Vec<T> x) {
  return max(x, Vec<T>(T(0))) + log1p(exp(-abs(x)));
}
// log(exp(a) + exp(b)), without overflow; the difference of equal infinities counts as 0. `lost` is the rounding error
// of the difference (Knuth's two-sum), which the exponential would magnify.
template <class T>
inline Vec<T> logaddexp(Vec<T> a, Vec<T> b) {
  const Vec<T> high = max(a, b), low = min(a, b);
  const Vec<T> distance = select(high == low, T(0), high - low);
  const Vec<T> part = high - distance;
  const Vec<T> lost = (high - (distance + part)) - (low - part);
  const Vec<T> e = exp(-distance);
  return high + log1p(select(abs(lost) < distance, fma(-e, lost, e), e));
}

// ---- scalars ----

template <class T>
concept FloatScalar = std::is_same_v<T, float> || std::is_same_v<T, double>;
#define TC_SCALAR(name)         \
  template <FloatScalar T>      \
  inline T name(T x) {          \
    return name(Vec<T>(x))[0];  \
  }
#define TC_SCALAR2(name)                        \
  template <FloatScalar T>                      \
  inline T name(T x, std::type_identity_t<T> y) { \
    return name(Vec<T>(x), Vec<T>(y))[0];       \
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
