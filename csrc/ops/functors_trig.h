// sin, cos and tan of one number without a single byte of stack: what GPUs use, whose own library spills the reduction
// of huge arguments into local memory. x = n pi/2 + r with |r| <= pi/4, by Cody and Waite in three parts where |n| is
// small, by Payne and Hanek's multiplication with the bits of 2/pi that matter where it is not; then one polynomial,
// whose coefficients the quadrant chooses. At most 2 units in the last place (tests/cpp/test_trig.cpp). Do not compile
// with options that let floating-point sums be rearranged.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "core/dtype.h"

#if defined(__CUDACC__)
#define TC_TRIG_RARE __host__ __device__ __noinline__  // one copy: few arguments ever get there
#else
#define TC_TRIG_RARE inline
#endif

namespace tc::functors::trig {

template <class T>
inline constexpr bool kSingle = std::is_same_v<T, float>;
template <class T>
using Word = std::conditional_t<kSingle<T>, std::uint32_t, std::uint64_t>;

// r + low is the angle within its quadrant, low below the last place of r.
template <class T>
struct Angle {
  T r, low;
  std::uint32_t quadrant;  // counts modulo 4
};

// pi/2 rounded down to multiples of a power of two, and the same of what is left, twice.
template <class T>
inline constexpr T kPart1 = kSingle<T> ? T(0x1.921fb4p+0) : T(0x1.921fb54442d18p+0);
template <class T>
inline constexpr T kPart2 = kSingle<T> ? T(0x1.4442d0p-24) : T(0x1.1a62633145c06p-54);
template <class T>
inline constexpr T kPart3 = kSingle<T> ? T(0x1.846988p-48) : T(0x1.c1cd129024e08p-107);
// |x| up to which three parts are exact enough.
template <class T>
inline constexpr T kLimit = kSingle<T> ? T(1e5) : T(1e9);

TC_HD inline float fused(float a, float b, float c) { return std::fma(a, b, c); }
TC_HD inline double fused(double a, double b, double c) { return std::fma(a, b, c); }
// a b, rounded, in code where the compiler would otherwise fuse it with a sum.
TC_HD inline float product(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}
TC_HD inline double product(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}
TC_HD inline std::uint32_t high_product(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(a) * b >> 32);
}
TC_HD inline std::uint64_t high_product(std::uint64_t a, std::uint64_t b) {
#if defined(__CUDA_ARCH__)
  return __umul64hi(a, b);
#else
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>(static_cast<Wide>(a) * b >> 64);
#endif
}
TC_HD inline int leading_zeros(std::uint32_t x) {
#if defined(__CUDA_ARCH__)
  return __clz(static_cast<int>(x));
#else
  return std::countl_zero(x);
#endif
}
TC_HD inline int leading_zeros(std::uint64_t x) {
#if defined(__CUDA_ARCH__)
  return __clzll(static_cast<long long>(x));
#else
  return std::countl_zero(x);
#endif
}

// 2/pi, 64 bits a word, after a word of zeros.
TC_HD inline std::uint64_t two_over_pi(int i) {
  static constexpr std::uint64_t kWords[20] = {
      0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
      0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41,
      0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7,
      0x4f463f669e5fea2d, 0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab};
  return kWords[i];
}
template <class T>
TC_HD Word<T> two_over_pi_word(int i) {
  if constexpr (kSingle<T>)
    return static_cast<std::uint32_t>(two_over_pi(i >> 1) >> (i & 1 ? 0 : 32));
  else
    return two_over_pi(i);
}

// Any finite |x| above kLimit. With x = m 2^e, m an integer, bits of 2/pi that stand for multiples of 4 quadrants are
// left out; of the product of m with the next three words W only the low three words are wanted, two bits of quadrant
// and a fraction that has far more bits than the closest float to a multiple of pi/2 can cancel.
template <class T>
TC_TRIG_RARE Angle<T> reduce_large(T x) {
  using W = Word<T>;
  constexpr int kBits = static_cast<int>(sizeof(T)) * 8, kMantissa = kSingle<T> ? 24 : 53;
  constexpr int kBias = kSingle<T> ? 127 : 1023;
  const W bits = std::bit_cast<W>(x);
  const int biased = static_cast<int>(bits >> (kMantissa - 1)) & (2 * kBias + 1);
  if (biased == 2 * kBias + 1) return {x - x, x - x, 0};  // infinity or NaN
  const W m = (bits & ((W(1) << (kMantissa - 1)) - 1)) | W(1) << (kMantissa - 1);
  const int position = biased - kBias - (kMantissa - 1) + 62;  // of the first bit wanted in two_over_pi
  const int first = position / kBits, shift = position % kBits;
  const W t0 = two_over_pi_word<T>(first), t1 = two_over_pi_word<T>(first + 1), t2 = two_over_pi_word<T>(first + 2),
          t3 = two_over_pi_word<T>(first + 3);
  const auto window = [shift](W high, W low) { return high << shift | low >> 1 >> (kBits - 1 - shift); };
  const W w0 = window(t0, t1), w1 = window(t1, t2), w2 = window(t2, t3);

  W low = m * w2, middle = m * w1, high = m * w0 + high_product(m, w1);
  const W carried = high_product(m, w2);
  middle += carried;
  high += middle < carried;

  std::uint32_t quadrant = static_cast<std::uint32_t>((high + (W(1) << (kBits - 3))) >> (kBits - 2));
  high -= static_cast<W>(quadrant) << (kBits - 2);  // to the nearest multiple: now a signed fraction
  bool negative = (high >> (kBits - 1)) != 0;
  if (negative) high = ~high, middle = ~middle, low = ~low;  // short of the last bit
  int exponent = -(kBits - 2);
  if (high == 0) high = middle, middle = low, exponent -= kBits;
  const int zeros = leading_zeros(high);
  if (zeros) high = high << zeros | middle >> (kBits - zeros), middle <<= zeros;
  exponent -= zeros;

  // high 2^exponent as a sum of two floats, times pi/2.
  constexpr int kRest = kBits - kMantissa;
  const T a = static_cast<T>(high >> kRest);
  const T b =
      static_cast<T>((high & ((W(1) << kRest) - 1)) << (kMantissa - kRest) | middle >> (kBits - kMantissa + kRest)) *
      std::bit_cast<T>(static_cast<W>(kBias - kMantissa) << (kMantissa - 1));
  const T scale = std::bit_cast<T>(static_cast<W>(kBias + exponent + kRest) << (kMantissa - 1));
  const T r0 = product(a, kPart1<T>), low0 = fused(a, kPart1<T>, -r0) + fused(a, kPart2<T>, product(b, kPart1<T>));
  const T r = r0 + low0;
  T r_low = (r0 - r) + low0;
  if ((bits >> (kBits - 1)) != 0) negative = !negative, quadrant = 0u - quadrant;
  const T signed_scale = negative ? -scale : scale;
  return {r * signed_scale, r_low * signed_scale, quadrant};
}

// `exact` asks for the part of the angle below r's last place, which float sin and cos do without.
template <bool exact, class T>
TC_HD Angle<T> reduce(T x) {
  if (!(std::abs(x) <= kLimit<T>)) return reduce_large(x);
  constexpr T kInverse = kSingle<T> ? T(0x1.45f306p-1) : T(0x1.45f306dc9c883p-1);
  constexpr T kRound = kSingle<T> ? T(0x1.8p+23) : T(0x1.8p+52);  // sums with it have no places after the point
  const T shifted = fused(x, kInverse, kRound), n = shifted - kRound;
  const auto quadrant = static_cast<std::uint32_t>(std::bit_cast<Word<T>>(shifted));
  const T r1 = fused(-n, kPart1<T>, x);  // exact
  if constexpr (!exact) {
    return {fused(-n, kPart3<T>, fused(-n, kPart2<T>, r1)), T(0), quadrant};
  } else {
    const T p = product(n, kPart2<T>), p_low = fused(n, kPart2<T>, -p);
    const T r2 = r1 - p, back = r2 - r1;
    const T lost = (r1 - (r2 - back)) - (p + back);
    const T low = fused(-n, kPart3<T>, lost - p_low), r = r2 + low;
    return {r, (r2 - r) + low, quadrant};
  }
}

// The sine of r + low is r + rest, or where `cosine` holds its cosine is 1 + rest.
template <class T>
TC_HD T rest(Angle<T> angle, bool cosine) {
  const T z = angle.r * angle.r;
  const auto pick = [cosine](double c, double s) { return cosine ? T(c) : T(s); };
  const T start = cosine ? T(1) : angle.r;
  T p;
  if constexpr (kSingle<T>) {
    p = pick(2.44381026e-05, 0);
    p = fused(p, z, pick(-0.00138873642, -0.000195169778));
    p = fused(p, z, pick(0.0416666456, 0.00833217613));
    p = fused(p, z, pick(-0.5, -0.166666552));
  } else {
    p = pick(-1.1359559353419945e-11, 0);
    p = fused(p, z, pick(2.087572162503591e-09, 1.5896664799911057e-10));
    p = fused(p, z, pick(-2.7557314340675877e-07, -2.5050755934929525e-08));
    p = fused(p, z, pick(2.480158728944356e-05, 2.755731367852945e-06));
    p = fused(p, z, pick(-0.0013888888888874064, -0.00019841269829770953));
    p = fused(p, z, pick(0.0416666666666666, 0.00833333333332237));
    p = fused(p, z, pick(-0.5, -0.16666666666666632));
  }
  return fused(p, start * z, cosine ? -angle.r * angle.low : angle.low);
}

// The sine of x plus `turns` quarter turns.
template <class T>
TC_HD T sine(T x, std::uint32_t turns) {
  const Angle<T> angle = reduce<!kSingle<T>>(x);
  const std::uint32_t quadrant = angle.quadrant + turns;
  const bool cosine = (quadrant & 1) != 0;
  const T y = (cosine ? T(1) : angle.r) + rest(angle, cosine);
  return (quadrant & 2) != 0 ? -y : y;
}

template <class T>
TC_HD T sin(T x) {
  return x == 0 ? x : sine(x, 0);  // keeps -0
}
template <class T>
TC_HD T cos(T x) {
  return sine(x, 1);
}
// s / c or -c / s, numerator and denominator in two parts each: the error of a plain quotient would exceed the bound.
template <class T>
TC_HD T tan(T x) {
  const Angle<T> angle = reduce<true>(x);
  const T s = rest(angle, false), c = rest(angle, true);
  const bool odd = (angle.quadrant & 1) != 0;
  const T sine_high = angle.r + s, sine_low = (angle.r - sine_high) + s;
  const T cosine_high = 1 + c, cosine_low = (1 - cosine_high) + c;
  const T above = odd ? -cosine_high : sine_high, above_low = odd ? -cosine_low : sine_low;
  const T below = odd ? sine_high : cosine_high, below_low = odd ? sine_low : cosine_low;
  const T inverse = 1 / below, q = above * inverse;
  const T remainder = fused(-q, below, above) + fused(-q, below_low, above_low);
  return x == 0 ? x : fused(remainder, inverse, q);
}

}  // namespace tc::functors::trig

#undef TC_TRIG_RARE
