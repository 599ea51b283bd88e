// What the elementary functions share: polynomials, rounding to an integer, powers of two, exact sums. All functions of
// math_*.h are written once for float and double; polynomials are minimax by Remez exchange (minimax.py beside this
// file) with an error below 2^-26.5 and 2^-55.5. Argument reduction and the use of split constants follow Cody and
// Waite, "Software Manual for the Elementary Functions" (1980).
#pragma once
#include "cpu/simd/vec.h"

namespace tc::simd {
inline namespace TC_ISA {
namespace detail {

template <class T>
inline constexpr bool kSingle = sizeof(T) == 4;
template <class T>
inline constexpr T kInf = std::numeric_limits<T>::infinity();
template <class T>
inline constexpr T kNan = std::numeric_limits<T>::quiet_NaN();

template <class T>
struct Format {
  static constexpr int kMantissa = kSingle<T> ? 23 : 52, kBias = kSingle<T> ? 127 : 1023;
};

// A constant in two parts: high + low is it to twice the precision.
template <class T>
struct Split {
  T high, low;
};
template <class T>
inline constexpr T kLog2E = T(0x1.71547652b82fep+0);
// The high part of ln2 has trailing zeros: its product with an exponent is exact.
template <class T>
inline constexpr Split<T> kLn2 =
    kSingle<T> ? Split<T>{T(0x1.62e4p-1), T(0x1.7f7d1cp-20)} : Split<T>{T(0x1.62e42feep-1), T(0x1.a39ef35793c76p-33)};
template <class T>
inline constexpr Split<T> kHalfPi = kSingle<T> ? Split<T>{T(0x1.921fb6p+0), T(-0x1.777a5cp-25)}
                                               : Split<T>{T(0x1.921fb54442d18p+0), T(0x1.1a62633145c07p-54)};

// c0 + x (c1 + x (c2 + ...)).
template <class T>
TC_INLINE Vec<T> horner(Vec<T>, std::type_identity_t<T> c0) {
  return Vec<T>(c0);
}
template <class T, class... Rest>
TC_INLINE Vec<T> horner(Vec<T> x, std::type_identity_t<T> c0, Rest... rest) {
  return fma(horner(x, static_cast<T>(rest)...), x, Vec<T>(c0));
}

// An integer as a float and as an integer.
template <class T>
struct Whole {
  Vec<T> value;
  Vec<IntOf<T>> integer;
};
// round(x * factor), for results below 2^22 (double: 2^51): adding 1.5 * 2^23 leaves the integer in the sum's low bits.
template <class T>
TC_INLINE Whole<T> round_product(Vec<T> x, std::type_identity_t<T> factor) {
  const Vec<T> magic(kSingle<T> ? T(0x1.8p23) : T(0x1.8p52));
  const Vec<T> shifted = fma(x, Vec<T>(factor), magic);
  return {shifted - magic, bit_cast<IntOf<T>>(shifted) - bit_cast<IntOf<T>>(magic)};
}
// A small integer, |n| < 2^22 (double: 2^51), as a float.
template <class Int>
TC_INLINE auto small_to_float(Vec<Int> n) {
  if constexpr (sizeof(Int) == 4) {
    return int_to_float(n);
  } else {  // before AVX-512 there is no instruction for it
    const Vec<double> magic(0x1.8p52);
    return bit_cast<double>(n + bit_cast<std::int64_t>(magic)) - magic;
  }
}

// 2^n, for n in the range of normal numbers.
template <class Int>
TC_INLINE auto power_of_two(Vec<Int> n) {
  using T = std::conditional_t<sizeof(Int) == 4, float, double>;
  return bit_cast<T>(shift_left(n + Vec<Int>(Format<T>::kBias), Format<T>::kMantissa));
}
// x 2^n rounded once, from zero over subnormals to infinity; x near 1.
template <class T>
TC_INLINE Vec<T> scale(Vec<T> x, Whole<T> n) {
#if TC_SIMD_BITS == 512
  if constexpr (kSingle<T>)
    return (Native<T>)_mm512_scalef_ps(x.v, n.value.v);
  else
    return (Native<T>)_mm512_scalef_pd(x.v, n.value.v);
#else
  // Half of n, by the logical shift: before AVX-512 there is no arithmetic one of 64 bits.
  const Vec<IntOf<T>> half = shift_right_logical(n.integer + Vec<IntOf<T>>(4096), 1) - Vec<IntOf<T>>(2048);
  return opaque(x * power_of_two(half)) * power_of_two(n.integer - half);
#endif
}

// What rounding took from sum = a + b: exactly, if |a| >= |b| or b is zero (Dekker), or for any a and b (Knuth).
template <class T>
TC_INLINE Vec<T> lost_ordered(Vec<T> sum, Vec<T> a, Vec<T> b) {
  return b - (sum - a);
}
template <class T>
TC_INLINE Vec<T> lost(Vec<T> sum, Vec<T> a, Vec<T> b) {
  const Vec<T> b_part = sum - a;
  return (a - (sum - b_part)) + (b - b_part);
}

}  // namespace detail

namespace math {

// Functions that call the C library for each lane.
template <class T, class F>
[[gnu::noinline, gnu::cold]] Vec<T> per_lane(F f, Vec<T> x) {
  return map_lanes(f, x);
}
template <class T, class F>
[[gnu::noinline]] Vec<T> per_lane(F f, Vec<T> x, Vec<T> y) {
  Native<T> out;
  for (int i = 0; i < kLanes<T>; ++i) out[i] = f(static_cast<T>(x.v[i]), static_cast<T>(y.v[i]));
  return out;
}

}  // namespace math
}  // namespace TC_ISA
}  // namespace tc::simd
