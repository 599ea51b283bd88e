// log, log2, log10, log1p, asinh, acosh, atanh, softplus, logaddexp. x = 2^k (1 + f) with 1 + f in [sqrt(1/2),
// sqrt(2)): log(x) = k ln2 + f - (f^2/2 - ...), the rest from the series of 2 atanh(f / (2 + f)) as in Tang,
// "Table-Driven Implementation of the Logarithm Function" (1990) for double, a polynomial in f for float.
#pragma once
#include "cpu/simd/math_exp.h"

namespace tc::simd {
inline namespace TC_ISA {
namespace detail {

// log(1 + f) - f.
template <class T>
TC_INLINE Vec<T> log_rest(Vec<T> f) {
  if constexpr (kSingle<T>) {
    const Vec<T> p = horner(f, 0.333333135f, -0.250000089f, 0.200021192f, -0.166679993f, 0.142195433f, -0.124055371f,
                            0.118881814f, -0.116759256f, 0.0674689934f);
    const Vec<T> f2 = f * f;
    return fma(f2, Vec<T>(T(-0.5)), f2 * f * p);
  } else {
    const Vec<T> s = f / (f + Vec<T>(T(2))), z = s * s, half_square = f * f * Vec<T>(T(0.5));
    const Vec<T> p = horner(z, 0.6666666666666735, 0.39999999999411057, 0.28571428743275484, 0.22222198474461463,
                            0.18183569824243068, 0.15313901012279138, 0.14797530537282982);
    return fma(s, fma(z, p, half_square), -half_square);
  }
}

template <class T>
struct Mantissa {
  Vec<T> f, k;  // x = 2^k (1 + f)
};
template <class T>
inline constexpr IntOf<T> kSqrtHalfBits = kSingle<T> ? IntOf<T>(0x3f3504f3) : IntOf<T>(0x3fe6a09e667f3bcd);

// round(log2(x)) for normal x > 0, so that x 2^-k is in [sqrt(1/2), sqrt(2)).
template <class T>
TC_INLINE Vec<IntOf<T>> exponent(Vec<T> x) {
  const Vec<IntOf<T>> i = bit_cast<IntOf<T>>(x) - Vec<IntOf<T>>(kSqrtHalfBits<T>);
  if constexpr (kSingle<T> || TC_SIMD_BITS == 512) {
    return shift_right(i, Format<T>::kMantissa);
  } else {  // before AVX-512 there is no arithmetic shift of 64 bits
    return shift_right_logical(i ^ Vec<IntOf<T>>(std::numeric_limits<IntOf<T>>::min()), 52) - Vec<IntOf<T>>(2048);
  }
}
template <class T>
TC_INLINE Mantissa<T> split_mantissa(Vec<T> x) {
  constexpr T kUp = kSingle<T> ? T(0x1p23) : T(0x1p52);
  const Mask<T> subnormal = x < Vec<T>(std::numeric_limits<T>::min());
  x = select(subnormal, x * Vec<T>(kUp), x);
  const Vec<IntOf<T>> k = exponent(x);
  const Vec<T> m = bit_cast<T>(bit_cast<IntOf<T>>(x) - shift_left(k, Format<T>::kMantissa));
  return {m - Vec<T>(T(1)), small_to_float(k) - select(subnormal, Vec<T>(T(Format<T>::kMantissa)), Vec<T>(T(0)))};
}

// Puts in what a logarithm is outside (0, inf).
template <class T>
TC_INLINE Vec<T> fix_log(Vec<T> x, Vec<T> result) {
  result = select(x < Vec<T>(kInf<T>), result, x);
  result = select(x < Vec<T>(T(0)), kNan<T>, result);
  return select(x == Vec<T>(T(0)), -kInf<T>, result);
}

// k step + log(1 + f) / ln(base), step = log_base(2) and per_e = 1 / ln(base) given in two parts.
template <class T>
TC_INLINE Vec<T> log_of_base(Vec<T> x, Split<T> step, Split<T> per_e) {
  const Mantissa<T> m = split_mantissa(x);
  const Vec<T> rest = log_rest(m.f);
  const Vec<T> tail = fma(m.f, Vec<T>(per_e.low), fma(rest, Vec<T>(per_e.high), m.k * Vec<T>(step.low)));
  const Vec<T> exact = opaque(m.k * Vec<T>(step.high)), product = opaque(m.f * Vec<T>(per_e.high));
  const Vec<T> product_lost = kHasFma ? fma(m.f, Vec<T>(per_e.high), -product) : Vec<T>(T(0));
  const Vec<T> sum = exact + product;
  return fix_log(x, sum + (lost(sum, exact, product) + (tail + product_lost)));
}

// log(1 + x + x_low), x_low a correction below the last place of x.
template <class T>
TC_INLINE Vec<T> log1p_sum(Vec<T> x, Vec<T> x_low) {
  const Vec<T> u = x + Vec<T>(T(1));
  const Vec<IntOf<T>> k = exponent(u);
  // 2^-k; above 2^24 (2^53) the 1 no longer counts and f comes from u alone, which spares 2^-k its subnormal end.
  const Mask<T> large = u > Vec<T>(kSingle<T> ? T(0x1p30) : T(0x1p60));
  const Vec<T> inverse = bit_cast<T>(bit_cast<IntOf<T>>(Vec<T>(T(1))) - shift_left(k, Format<T>::kMantissa));
  const Vec<T> s = select(large, T(0), inverse);
  const Vec<T> m = bit_cast<T>(bit_cast<IntOf<T>>(u) - shift_left(k, Format<T>::kMantissa));
  const Vec<T> a = s - Vec<T>(T(1)), b = x * s, sum = b + a;
  const Vec<T> f = select(large, m - Vec<T>(T(1)), sum);
  // d log(1 + f) = df / (1 + f), and 1 + f = m.
  const Vec<T> correction = select(large, Vec<T>(T(0)), fma(x_low, s, lost(sum, b, a)));
  const Vec<T> kf = small_to_float(k);
  const Vec<T> tail = log_rest(f) + fma(kf, Vec<T>(kLn2<T>.low), correction * (Vec<T>(T(2)) - m));
  const Vec<T> exact = opaque(kf * Vec<T>(kLn2<T>.high)), head = exact + f;
  return fix_log(u, head + (lost(head, exact, f) + tail));
}

}  // namespace detail

namespace math {

template <class T>
inline Vec<T> log(Vec<T> x) {
  using namespace detail;
  const Mantissa<T> m = split_mantissa(x);
  const Vec<T> tail = fma(m.k, Vec<T>(kLn2<T>.low), log_rest(m.f));
  return fix_log(x, fma(m.k, Vec<T>(kLn2<T>.high), m.f + tail));
}
template <class T>
inline Vec<T> log2(Vec<T> x) {
  if constexpr (detail::kSingle<T>)
    return detail::log_of_base<T>(x, {1, 0}, {0x1.715476p+0f, 0x1.4ae0cp-26f});
  else
    return detail::log_of_base<T>(x, {1, 0}, {0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56});
}
template <class T>
inline Vec<T> log10(Vec<T> x) {
  if constexpr (detail::kSingle<T>)
    return detail::log_of_base<T>(x, {0x1.344p-2f, 0x1.3509f8p-18f}, {0x1.bcb7b2p-2f, -0x1.5b235ep-27f});
  else
    return detail::log_of_base<T>(x, {0x1.34413509f6p-2, 0x1.9fef311f12b36p-42},
                                  {0x1.bcb7b1526e50ep-2, 0x1.95355baaafad3p-57});
}
template <class T>
inline Vec<T> log1p(Vec<T> x) {
  return copysign(detail::log1p_sum(x, Vec<T>(T(0))), x);  // -0 stays -0
}

// log1p(a + a^2 / (1 + sqrt(1 + a^2))), a = |x|; log(a) + ln2 where a^2 could overflow.
template <class T>
inline Vec<T> asinh(Vec<T> x) {
  using namespace detail;
  using V = Vec<T>;
  const V a = abs(x), limit(kSingle<T> ? T(0x1p14) : T(0x1p30));
  const Mask<T> huge = a > limit;
  const V b = fast_min(limit, a), square = b * b, q = square / (V(T(1)) + sqrt(V(T(1)) + square));
  const V sum = b + q;
  const V near = log1p_sum(sum, lost(sum, b, q));
  return copysign(any(huge) ? select(huge, log(a) + V(T(0x1.62e42fefa39efp-1)), near) : near, x);
}
// log1p(t + sqrt(2 t + t^2)), t = x - 1.
template <class T>
inline Vec<T> acosh(Vec<T> x) {
  using namespace detail;
  using V = Vec<T>;
  const V limit(kSingle<T> ? T(0x1p14) : T(0x1p30));
  const Mask<T> huge = x > limit;
  const V t = fast_min(limit, x) - V(T(1)), root = sqrt(fma(t, t, t + t)), sum = t + root;
  const V near = log1p_sum(sum, lost(sum, t, root));
  const V result = any(huge) ? select(huge, log(x) + V(T(0x1.62e42fefa39efp-1)), near) : near;
  return select(x < V(T(1)), kNan<T>, result);
}
// log1p(2 a + 2 a^2 / (1 - a)) / 2, a = |x|.
template <class T>
inline Vec<T> atanh(Vec<T> x) {
  using namespace detail;
  using V = Vec<T>;
  const V a = abs(x), twice = a + a, q = twice * a / (V(T(1)) - a), sum = twice + q;
  const V low = select(a < V(T(1)), lost(sum, twice, q), T(0));
  return copysign(select(a > V(T(1)), kNan<T>, log1p_sum(sum, low) * V(T(0.5))), x);
}

// log(1 + exp(x)), without overflow.
template <class T>
inline Vec<T> softplus(Vec<T> x) {
  return max(x, Vec<T>(T(0))) + log1p(exp(-abs(x)));
}
// log(exp(a) + exp(b)), without overflow; the difference of equal infinities counts as 0. The rounding error of the
// difference, which the exponential would magnify, is put back.
template <class T>
inline Vec<T> logaddexp(Vec<T> a, Vec<T> b) {
  const Vec<T> high = max(a, b), low = min(a, b);
  const Vec<T> distance = select(high == low, T(0), high - low);
  const Vec<T> lost = detail::lost(distance, high, -low);
  const Vec<T> e = exp(-distance);
  return high + log1p(select(abs(lost) < distance, fma(-e, lost, e), e));
}

}  // namespace math
}  // namespace TC_ISA
}  // namespace tc::simd
