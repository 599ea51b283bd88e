// Elementary functions on Vec<float>, within 2 ulp over the whole range, IEEE special cases included. Methods: argument
// reduction after Cody and Waite, "Software Manual for the Elementary Functions" (1980), and Tang, "Table-Driven
// Implementation of the Exponential Function" (1989, without the table); polynomials are minimax, by our own Remez
// exchange (relative error at most 2^-25.8). Functions without a float version are computed in double: math.h.
#pragma once
#include "cpu/simd/vec.h"

namespace tc::simd {
inline namespace TC_ISA {

// c0 + x (c1 + x (c2 + ...)).
template <class T>
TC_INLINE Vec<T> horner(Vec<T>, std::type_identity_t<T> c0) {
  return Vec<T>(c0);
}
template <class T, class... Rest>
TC_INLINE Vec<T> horner(Vec<T> x, std::type_identity_t<T> c0, Rest... rest) {
  return fma(horner(x, static_cast<T>(rest)...), x, Vec<T>(c0));
}

// round(x) as a float and as an integer, for |x| < 2^22 (double: 2^51): adding 1.5 * 2^23 leaves the integer in the
// low bits of the sum.
template <class T>
struct Rounded {
  Vec<T> value;
  Vec<IntOf<T>> integer;
};
template <class T>
TC_INLINE Rounded<T> round_product(Vec<T> x, std::type_identity_t<T> factor) {
  constexpr T kMagic = sizeof(T) == 4 ? T(0x1.8p23) : T(0x1.8p52);
  const Vec<T> shifted = fma(x, Vec<T>(factor), Vec<T>(kMagic));
  return {shifted - Vec<T>(kMagic), bit_cast<IntOf<T>>(shifted) - bit_cast<IntOf<T>>(Vec<T>(kMagic))};
}

template <class T>
struct Format;
template <>
struct Format<float> {
  static constexpr int kMantissa = 23, kBias = 127;
};
template <>
struct Format<double> {
  static constexpr int kMantissa = 52, kBias = 1023;
};

// 2^n for n in the range of normal numbers.
template <class Int>
TC_INLINE auto power_of_two(Vec<Int> n) {
  using T = std::conditional_t<sizeof(Int) == 4, float, double>;
  return bit_cast<T>(shift_left(n + Vec<Int>(Format<T>::kBias), Format<T>::kMantissa));
}
// x 2^n, rounded once, for any result from zero over subnormals to infinity; x near 1.
template <class T>
TC_INLINE Vec<T> scale(Vec<T> x, Rounded<T> n) {
#if TC_SIMD_BITS == 512
  if constexpr (sizeof(T) == 4) return (Native<T>)_mm512_scalef_ps(x.v, n.value.v);
  else return (Native<T>)_mm512_scalef_pd(x.v, n.value.v);
#else
  const Vec<IntOf<T>> half = shift_right(n.integer, 1);
  return opaque(x * power_of_two(half)) * power_of_two(n.integer - half);
#endif
}

namespace float_detail {

using V = Vec<float>;
using I = Vec<std::int32_t>;

// exp(r) - 1 for |r| <= ln2 / 2.
TC_INLINE V expm1_core(V r) {
  const V q = horner(r, 0.49999997f, 0.166665435f, 0.0416672006f, 0.00836652238f, 0.00138824864f);
  return fma(r * r, q, r);
}
// x = n ln2 + r.
TC_INLINE V reduce_ln2(V x, V n) {
  return fma(n, V(-1.42860677e-6f), fma(n, V(-0x1.62e4p-1f), x));
}
// exp(x) where the result is a normal number.
TC_INLINE V exp_in_range(V x) {
  const Rounded<float> n = round_product(x, 1.44269504f);
  const V p = expm1_core(reduce_ln2(x, n.value));
  return (p + V(1.f)) * power_of_two(n.integer);
}

// x > 0 is 2^k (1 + f), f in [sqrt(1/2) - 1, sqrt(2) - 1].
struct Split {
  V f, k;
};
TC_INLINE Split split_mantissa(V x) {
  const Mask<float> subnormal = x < V(0x1p-126f);
  const I bits = bit_cast<std::int32_t>(select(subnormal, x * V(0x1p23f), x));
  const I k = shift_right(bits - I(0x3f3504f3), 23);
  const V m = bit_cast<float>(bits - shift_left(k, 23));
  return {m - V(1.f), int_to_float(k) - select(subnormal, V(23.f), V(0.f))};
}
// log(1 + f) - f for f of a Split.
TC_INLINE V log1p_core(V f) {
  const V p = horner(f, 0.333333313f, -0.250008196f, 0.200012282f, -0.166233599f, 0.142017186f, -0.131601185f,
                     0.127618089f, -0.076349467f);
  const V f2 = f * f;
  return fma(f2, V(-0.5f), f2 * f * p);
}
// The values of a logarithm outside (0, inf).
TC_INLINE V fix_log(V x, V result) {
  const float inf = std::numeric_limits<float>::infinity();
  result = select(x < V(inf), result, x);  // inf and NaN
  result = select(x < V(0.f), std::numeric_limits<float>::quiet_NaN(), result);
  return select(x == V(0.f), -inf, result);
}

}  // namespace float_detail

namespace math {

inline Vec<float> exp(Vec<float> x) {
  using namespace float_detail;
  x = fast_max(V(-104.f), fast_min(V(89.f), x));  // keeps NaN
  const Rounded<float> n = round_product(x, 1.44269504f);
  return scale(expm1_core(reduce_ln2(x, n.value)) + V(1.f), n);
}

inline Vec<float> log(Vec<float> x) {
  using namespace float_detail;
  const Split s = split_mantissa(x);
  const V tail = fma(s.k, V(1.42860677e-6f), log1p_core(s.f));
  return fix_log(x, fma(s.k, V(0x1.62e4p-1f), s.f + tail));
}

inline Vec<float> tanh(Vec<float> x) {
  using namespace float_detail;
  const V a = abs(x), z = a * a;
  const V p = horner(z, -0.333332837f, 0.133314908f, -0.0537435003f, 0.0206505917f, -0.00571704796f);
  const V small = fma(a * z, p, a);
  const V e = exp_in_range(fast_min(V(20.f), a + a));
  const V large = V(1.f) - V(2.f) / (e + V(1.f));
  return copysign(select(a < V(0.625f), small, large), x);
}

// A polynomial in x^2 near zero; 1 - exp(p(x)) with p = log(erfc) further out.
inline Vec<float> erf(Vec<float> x) {
  using namespace float_detail;
  const V a = abs(x), z = a * a;
  const V p = horner(z, 0.128379166f, -0.376126349f, 0.112836942f, -0.0268592704f, 0.00520063378f, -0.000813743041f,
                     8.34519597e-05f);
  const V small = fma(a, p, a);
  const V b = fast_min(V(3.95f), a);
  const V q = horner(b, 0.000174683461f, -1.12951493f, -0.633346915f, -0.108280085f, 0.0251194239f, -0.0041710618f,
                     0.000434462476f, -2.10950475e-05f);
  return copysign(select(a < V(0.92f), small, V(1.f) - exp_in_range(q)), x);
}

}  // namespace math
}  // namespace TC_ISA
}  // namespace tc::simd
