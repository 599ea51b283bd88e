// exp, exp2, expm1, sinh, cosh, tanh, sigmoid. x = n ln2 + r with |r| <= ln2 / 2, exp(x) = 2^n exp(r), as in Tang,
// "Table-Driven Implementation of the Exponential Function" (1989), here with a longer polynomial for its table.
#pragma once
#include "cpu/simd/math_core.h"

namespace tc::simd {
inline namespace TC_ISA {
namespace detail {

// (exp(r) - 1 - r) / r^2.
template <class T>
TC_INLINE Vec<T> exp_tail(Vec<T> r) {
  if constexpr (kSingle<T>)
    return horner(r, 0.5f, 0.166666657f, 0.0416663624f, 0.00833338965f, 0.00139406277f, 0.000198459369f);
  else
    return horner(r, 0.5000000000000006, 0.16666666666666588, 0.04166666666657676, 0.008333333333389568,
                  0.00138888889315634, 0.00019841269718985012, 2.4801505275357025e-05, 2.755740755406893e-06,
                  2.76260373222908e-07, 2.5053773515869268e-08);
}

template <class T>
TC_INLINE Vec<T> clamp_exponent(Vec<T> x) {  // to where exp overflows or becomes zero; keeps NaN
  return fast_max(Vec<T>(kSingle<T> ? T(-104) : T(-746)), fast_min(Vec<T>(kSingle<T> ? T(89.5) : T(711)), x));
}
// x = n ln2 + r + r_low.
template <class T>
struct Reduced {
  Whole<T> n;
  Vec<T> r, r_low;
};
template <class T>
TC_INLINE Reduced<T> reduce_ln2(Vec<T> x) {
  const Whole<T> n = round_product(x, kLog2E<T>);
  const Vec<T> high = fma(-n.value, Vec<T>(kLn2<T>.high), x), low = opaque(n.value * Vec<T>(kLn2<T>.low));
  const Vec<T> r = high - low;
  return {n, r, (high - r) - low};
}
// exp(r + r_low) - 1 = r + this.
template <class T>
TC_INLINE Vec<T> expm1_rest(const Reduced<T>& x) {
  return fma(x.r * x.r, exp_tail(x.r), x.r_low);
}
// exp(r + r_low), with a rounding error of one addition.
template <class T>
TC_INLINE Vec<T> exp_mantissa(const Reduced<T>& x) {
  return Vec<T>(T(1)) + (x.r + expm1_rest(x));
}
// exp(x), where the result is a normal number.
template <class T>
TC_INLINE Vec<T> exp_in_range(Vec<T> x) {
  const Reduced<T> reduced = reduce_ln2(x);
  return exp_mantissa(reduced) * power_of_two(reduced.n.integer);
}
// exp(x) - 1 = high + low: 2^n exp(r) - 1, summed from the largest term on and with half of 2^n, which is finite
// wherever the result is.
template <class T>
TC_INLINE std::pair<Vec<T>, Vec<T>> expm1_parts(Vec<T> x) {
  using V = Vec<T>;
  const auto reduced =
      reduce_ln2(fast_max(V(kSingle<T> ? T(-20) : T(-40)), fast_min(V(kSingle<T> ? T(89) : T(709.9)), x)));
  const V rest = expm1_rest(reduced), half_power = power_of_two(reduced.n.integer - Vec<IntOf<T>>(1));
  const V a = half_power - V(T(0.5)), b = half_power * reduced.r, sum = a + b;
  const V low = fma(half_power, rest, lost_ordered(sum, a, b));
  const Mask<T> near_zero = reduced.n.value == V(T(0));  // halves would be inexact if subnormal
  return {select(near_zero, reduced.r, sum + sum), select(near_zero, rest, low + low)};
}
// exp(x) / 2, finite for x below ln(2 max).
template <class T>
TC_INLINE Vec<T> half_exp(Vec<T> x) {
  Reduced<T> reduced = reduce_ln2(clamp_exponent(x));
  reduced.n.value -= Vec<T>(T(1));
  reduced.n.integer -= Vec<IntOf<T>>(1);
  return scale(exp_mantissa(reduced), reduced.n);
}

}  // namespace detail

namespace math {

template <class T>
inline Vec<T> exp(Vec<T> x) {
  const auto reduced = detail::reduce_ln2(detail::clamp_exponent(x));
  return detail::scale(detail::exp_mantissa(reduced), reduced.n);
}

template <class T>
inline Vec<T> exp2(Vec<T> x) {
  using namespace detail;
  x = fast_max(Vec<T>(kSingle<T> ? T(-151) : T(-1076)), fast_min(Vec<T>(kSingle<T> ? T(129) : T(1025)), x));
  const Whole<T> n = round_product(x, T(1));
  const Vec<T> r = (x - n.value) * Vec<T>(T(0x1.62e42fefa39efp-1));
  return scale(Vec<T>(T(1)) + fma(r * r, exp_tail(r), r), n);
}

// -0 stays -0.
template <class T>
inline Vec<T> expm1(Vec<T> x) {
  const auto [high, low] = detail::expm1_parts(x);
  return copysign(high + low, x);
}

// Near zero a polynomial in x^2; further out from exp(|x|) / 2, which is finite where the result is.
template <class T>
inline Vec<T> sinh(Vec<T> x) {
  using namespace detail;
  using V = Vec<T>;
  const V a = abs(x), z = a * a;
  V p;
  if constexpr (kSingle<T>)
    p = horner(z, 0.166666672f, 0.00833335053f, 0.000198360562f, 2.81750067e-06f);
  else
    p = horner(z, 0.16666666666666669, 0.008333333333333137, 0.00019841269841438535, 2.755731915505737e-06,
               2.505212344441816e-08, 1.6057236666868438e-10, 7.759426604725267e-13);
  const V h = half_exp(a);
  return copysign(select(a < V(T(1)), fma(a * z, p, a), h - V(T(0.25)) / h), x);
}
template <class T>
inline Vec<T> cosh(Vec<T> x) {
  const Vec<T> h = detail::half_exp(abs(x));
  return h + Vec<T>(T(0.25)) / h;
}

// Near zero a polynomial (float) or t / (t + 2) with t = expm1(2 |x|) and rounding errors put back (double); further
// out 1 - 2 / (exp(2 |x|) + 1).
template <class T>
inline Vec<T> tanh(Vec<T> x) {
  using namespace detail;
  using V = Vec<T>;
  const V a = abs(x);
  V small, large;
  if constexpr (kSingle<T>) {
    const V z = a * a;
    small = fma(a * z, horner(z, -0.333332837f, 0.133314908f, -0.0537435003f, 0.0206505917f, -0.00571704796f), a);
    large = V(T(1)) - V(T(2)) / (exp_in_range(fast_min(V(T(20)), a + a)) + V(T(1)));
  } else {
    const auto [high, low] = expm1_parts(fast_min(V(T(40)), a + a));
    const V t = high + low, denominator = t + V(T(2)), q = t / denominator, one_minus_q = V(T(1)) - q;
    // What t and t + 2 lack, to first order, with 1 / (t + 2) = (1 - q) / 2.
    const V t_low = lost_ordered(t, high, low), denominator_low = lost_ordered(denominator, V(T(2)), t);
    small = fma(fma(t_low, one_minus_q, -denominator_low * q), one_minus_q * V(T(0.5)), q);
    large = V(T(1)) - V(T(2)) / denominator;
  }
  return copysign(select(a < V(kSingle<T> ? T(0.625) : T(0.549)), small, large), x);
}

// 1 / (1 + exp(-x)). The exponential is taken of -|x|, so that nothing overflows; the rounding error of the denominator
// is put back to first order.
template <class T>
inline Vec<T> sigmoid(Vec<T> x) {
  const Vec<T> one(T(1)), e = exp(-abs(x)), denominator = one + e;
  const Mask<T> negative = x < Vec<T>(T(0));
  const Vec<T> q = select(negative, e, one) / denominator;
  return fma(-detail::lost_ordered(denominator, one, e) * q, select(negative, one - q, q), q);
}

}  // namespace math
}  // namespace TC_ISA
}  // namespace tc::simd
