// sin, cos, tan, asin, acos, atan, atan2. x = n pi/2 + r with pi/2 in several parts (Cody and Waite); beyond the range
// where that is exact enough, the C library per lane. atan by atan(x) = atan(c) + atan((x - c) / (1 + c x)) at a few c.
#pragma once
#include "cpu/simd/math_core.h"

namespace tc::simd {
inline namespace TC_ISA {
namespace detail {

// |x| up to which reduce_half_pi is used.
template <class T>
inline constexpr T kTrigLimit = kSingle<T> ? T(1e5) : T(1e6);

template <class T>
struct Angle {
  Vec<T> r, r_low;  // in [-pi/4, pi/4], r_low below the last place of r
  Vec<IntOf<T>> quadrant;
};
TC_INLINE Angle<double> reduce_half_pi(Vec<double> x) {
  using V = Vec<double>;
  const Whole<double> n = round_product(x, 0x1.45f306dc9c883p-1);
  // Parts of 33 bits: their products with n < 2^20 are exact, and the first difference too.
  const V p2 = opaque(n.value * V(0x1.0b4611a6p-34)), p3 = opaque(n.value * V(0x1.3198a2ep-69));
  const V r1 = x - opaque(n.value * V(0x1.921fb544p+0));
  const V r2 = r1 - p2, r3 = r2 - p3;
  const V low = (lost(r2, r1, -p2) + lost(r3, r2, -p3)) - n.value * V(0x1.b839a252049c1p-104);
  const V r = r3 + low;
  return {r, lost(r, r3, low), n.integer};
}
TC_INLINE Angle<float> reduce_half_pi(Vec<float> x) {
  using V = Vec<float>;
  const Whole<float> n = round_product(x, 0x1.45f306p-1f);
  if constexpr (kHasFma) {  // the first difference is exact
    const V r1 = fma(-n.value, V(0x1.921fb6p+0f), x), r2 = fma(-n.value, V(-0x1.777a5cp-25f), r1);
    return {fma(-n.value, V(-0x1.ee59dap-50f), r2), V(0.f), n.integer};
  } else {
    auto [x0, x1] = widen(x);
    const auto [n0, n1] = widen(n.value);
    const Vec<double> high(0x1.921fb544p+0), low(0x1.0b4611a626331p-34);
    x0 = (x0 - n0 * high) - n0 * low;
    x1 = (x1 - n1 * high) - n1 * low;
    return {narrow(x0, x1), V(0.f), n.integer};
  }
}

template <class T>
TC_INLINE Vec<T> sin_core(Angle<T> a) {
  const Vec<T> z = a.r * a.r;
  if constexpr (kSingle<T>)
    return fma(a.r * z, horner(z, -0.166666552f, 0.00833217613f, -0.000195169778f), a.r);
  else
    return a.r + fma(a.r * z,
                     horner(z, -0.16666666666666632, 0.00833333333332237, -0.00019841269829770953,
                            2.755731367852945e-06, -2.5050755934929525e-08, 1.5896664799911057e-10),
                     a.r_low);
}
template <class T>
TC_INLINE Vec<T> cos_core(Angle<T> a) {
  const Vec<T> z = a.r * a.r, half = z * Vec<T>(T(0.5)), one(T(1)), head = one - half;
  const Vec<T> head_lost = lost_ordered(head, one, -half);
  if constexpr (kSingle<T>)
    return head + fma(z * z, horner(z, 0.0416666456f, -0.00138873642f, 2.44381026e-05f), head_lost);
  else
    return head + fma(z * z,
                      horner(z, 0.0416666666666666, -0.0013888888888874064, 2.480158728944356e-05,
                             -2.7557314340675877e-07, 2.087572162503591e-09, -1.1359559353419945e-11),
                      head_lost - a.r * a.r_low);
}

template <class T>
TC_INLINE Mask<T> is_odd(Vec<IntOf<T>> n) {
  return mask_cast<T>((n & Vec<IntOf<T>>(1)) != Vec<IntOf<T>>(0));
}
// The sine of the angle plus `turns` quarter turns.
template <class T>
TC_INLINE Vec<T> sin_shifted(Vec<T> x, IntOf<T> turns) {
  const Angle<T> a = reduce_half_pi(x);
  const Vec<IntOf<T>> quadrant = a.quadrant + Vec<IntOf<T>>(turns);
  const Vec<T> y = select(is_odd<T>(quadrant), cos_core(a), sin_core(a));
  return y ^ (bit_cast<T>(shift_left(quadrant, static_cast<int>(sizeof(T)) * 8 - 2)) & sign_bit<T>());
}
// Lanes of `fast` where it holds, else f of the C library.
template <class T, class F>
TC_INLINE Vec<T> within_trig_limit(Vec<T> x, Vec<T> fast, F f) {
  const Mask<T> inside = abs(x) <= Vec<T>(kTrigLimit<T>);
  return all(inside) ? fast : select(inside, fast, math::per_lane(f, x));
}

// atan(t) for |t| <= 7/16.
template <class T>
TC_INLINE Vec<T> atan_rest(Vec<T> t) {  // atan(t) - t
  const Vec<T> z = t * t;
  if constexpr (kSingle<T>)
    return t * z * horner(z, -0.333333045f, 0.199977309f, -0.142293811f, 0.104890302f, -0.0581416525f);
  else
    return t * z *
           horner(z, -0.3333333333333291, 0.19999999999870946, -0.1428571427198556, 0.11111110381474838,
                  -0.09090886496417434, 0.07691865771002789, -0.06660964206062221, 0.05832843784695388,
                  -0.04973884531623902, 0.03646212446632544, -0.016216473019303273);
}
// atan(a) = high + low for a >= 0.
template <class T>
TC_INLINE std::pair<Vec<T>, Vec<T>> atan_parts(Vec<T> a) {
  using V = Vec<T>;
  constexpr Split<T> kAtanHalf = kSingle<T> ? Split<T>{T(0x1.dac67p-2), T(0x1.586ed4p-28)}
                                            : Split<T>{T(0x1.dac670561bb4fp-2), T(0x1.a2b7f222f65e2p-56)};
  constexpr Split<T> kAtanThreeHalves = kSingle<T> ? Split<T>{T(0x1.f730bep-1), T(-0x1.afc12cp-26)}
                                                   : Split<T>{T(0x1.f730bd281f69bp-1), T(0x1.007887af0cbbdp-56)};
  V numerator = a, denominator(T(1)), high(T(0)), low(T(0));
  const auto from = [&](T start, V n, V d, T h, T l) {
    const Mask<T> here = a >= V(start);
    numerator = select(here, n, numerator);
    denominator = select(here, d, denominator);
    high = select(here, h, high);
    low = select(here, l, low);
  };
  const V half_a = a * V(T(0.5));
  from(T(0.4375), a - V(T(0.5)), V(T(1)) + half_a, kAtanHalf.high, kAtanHalf.low);
  from(T(0.6875), a - V(T(1)), a + V(T(1)), kHalfPi<T>.high / 2, kHalfPi<T>.low / 2);
  from(T(1.1875), a - V(T(1.5)), V(T(1)) + (a + half_a), kAtanThreeHalves.high, kAtanThreeHalves.low);
  from(T(2.4375), V(T(-1)), a, kHalfPi<T>.high, kHalfPi<T>.low);
  const V t = numerator / denominator, sum = high + t;
  return {sum, atan_rest(t) + (low + lost_ordered(sum, high, t))};
}

// asin(s) - s for |s| <= 1/2, z = s^2.
template <class T>
TC_INLINE Vec<T> asin_rest(Vec<T> s, Vec<T> z) {
  if constexpr (kSingle<T>)
    return s * z * horner(z, 0.166667551f, 0.0749521926f, 0.0454801358f, 0.0241314583f, 0.0422478504f);
  else
    return s * z *
           horner(z, 0.16666666666665364, 0.07500000000347457, 0.044642856819693245, 0.030381959492783307,
                  0.022371749537712544, 0.017359832746068792, 0.013883975689892592, 0.01217745367049605,
                  0.006492452202450918, 0.019625166082116265, -0.016375863539923992, 0.032015918553862294);
}

}  // namespace detail

namespace math {

template <class T>
inline Vec<T> sin(Vec<T> x) {
  const Vec<T> y = select(x == Vec<T>(T(0)), x, detail::sin_shifted(x, 0));  // keeps -0
  return detail::within_trig_limit(x, y, [](double lane) { return static_cast<T>(std::sin(lane)); });
}
template <class T>
inline Vec<T> cos(Vec<T> x) {
  return detail::within_trig_limit(x, detail::sin_shifted(x, 1),
                                   [](double lane) { return static_cast<T>(std::cos(lane)); });
}
inline Vec<double> tan(Vec<double> x) {
  using namespace detail;
  const Angle<double> a = reduce_half_pi(x);
  const Vec<double> s = sin_core(a), c = cos_core(a);
  const Mask<double> odd = is_odd<double>(a.quadrant);
  const Vec<double> y = select(odd, -c, s) / select(odd, s, c);
  return within_trig_limit(x, select(x == Vec<double>(0.0), x, y), [](double lane) { return std::tan(lane); });
}
inline Vec<float> tan(Vec<float> x) {  // in double: the quotient of two roundings would exceed 2 ulp
  const auto [low, high] = widen(x);
  return narrow(tan(low), tan(high));
}

// Above 1/2 from asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2)).
template <class T>
inline Vec<T> asin(Vec<T> x) {
  using namespace detail;
  using V = Vec<T>;
  const V a = abs(x);
  const Mask<T> outer = a > V(T(0.5));
  const V z = select(outer, (V(T(1)) - a) * V(T(0.5)), a * a), s = select(outer, sqrt(z), a), rest = asin_rest(s, z);
  const V far = V(kHalfPi<T>.high) - (s + s), far_low = lost_ordered(far, V(kHalfPi<T>.high), -(s + s));
  const V y = select(outer, far + (far_low + (V(kHalfPi<T>.low) - (rest + rest))), s + rest);
  return copysign(y, x);
}
template <class T>
inline Vec<T> acos(Vec<T> x) {
  using namespace detail;
  using V = Vec<T>;
  const V a = abs(x);
  const Mask<T> outer = a > V(T(0.5)), negative = x < V(T(0));
  const V z = select(outer, (V(T(1)) - a) * V(T(0.5)), a * a), s = select(outer, sqrt(z), a), rest = asin_rest(s, z);
  const V twice = s + s, twice_rest = rest + rest;
  // |x| <= 1/2: pi/2 - asin(x); x > 1/2: 2 asin(s); x < -1/2: pi - 2 asin(s).
  const V base = select(outer, V(2 * kHalfPi<T>.high), V(kHalfPi<T>.high));
  const V base_low = select(outer, V(2 * kHalfPi<T>.low), V(kHalfPi<T>.low));
  const V flip = (x & sign_bit<T>()) ^ select(outer, V(T(0)), sign_bit<T>());
  const V part = select(outer, -twice, s ^ flip), part_rest = select(outer, -twice_rest, rest ^ flip);
  const V head = base + part;
  const V y = head + (lost_ordered(head, base, part) + (base_low + part_rest));
  return select(outer & ~negative, twice + twice_rest, y);
}

template <class T>
inline Vec<T> atan(Vec<T> x) {
  const auto [high, low] = detail::atan_parts(abs(x));
  return copysign(high + low, x);
}
template <class T>
inline Vec<T> atan2(Vec<T> y, Vec<T> x) {
  using namespace detail;
  using V = Vec<T>;
  const V a = abs(y), b = abs(x);
  V ratio = a / b;
  ratio = select((a == b) & (a == V(kInf<T>)), T(1), ratio);
  ratio = select((a == V(T(0))) & (b == V(T(0))), T(0), ratio);
  const auto [high, low] = atan_parts(ratio);
  // Left half plane, -0 included: pi - atan.
  const Mask<T> left = mask_cast<T>(bit_cast<IntOf<T>>(x) < Vec<IntOf<T>>(0));
  const V pi(2 * kHalfPi<T>.high), head = pi - high;
  const V far = head + (lost_ordered(head, pi, -high) + (V(2 * kHalfPi<T>.low) - low));
  const V result = copysign(select(left, far, high + low), y);
  return select(is_nan(x) | is_nan(y), kNan<T>, result);
}

}  // namespace math
}  // namespace TC_ISA
}  // namespace tc::simd
