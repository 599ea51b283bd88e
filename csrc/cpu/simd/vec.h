// Vec<T>: one SIMD register of float, double, int32_t or int64_t on the compiler's vector extensions; intrinsics only
// where the extensions give poor code. Width follows the instruction set a kernel file is compiled for, and everything
// lives in an inline namespace of that name, so the copies of a template built for different sets never mix.
// Kernels are generic in the storage type: load(p) of half or bfloat16 gives Vec<float>, store(p, v) rounds back.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "core/dtype.h"

#ifndef TC_ISA
#define TC_ISA baseline
#endif

// TC_SIMD_BITS: width of the intrinsics in use; 0 where there are none (other processors, or TC_SIMD_GENERIC in tests).
#if defined(TC_SIMD_GENERIC)
#define TC_SIMD_BITS 0
#define TC_SIMD_BYTES 16
#elif defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define TC_SIMD_BITS 512
#define TC_SIMD_BYTES 64
#define TC_MM(op) _mm512_##op
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define TC_SIMD_BITS 256
#define TC_SIMD_BYTES 32
#define TC_MM(op) _mm256_##op
#elif defined(__SSE4_1__)
#define TC_SIMD_BITS 128
#define TC_SIMD_BYTES 16
#define TC_MM(op) _mm_##op
#else
#define TC_SIMD_BITS 0
#define TC_SIMD_BYTES 16
#endif
#if TC_SIMD_BITS
#ifndef __clang__  // g++ 12 warns of its own _mm512_undefined (PR 105593)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#ifndef __clang__
#pragma GCC diagnostic pop
#endif
#endif

#define TC_INLINE [[gnu::always_inline]] inline
#define TC_INLINE_LAMBDA __attribute__((always_inline))

namespace tc::simd {
inline namespace TC_ISA {

inline constexpr int kVectorBytes = TC_SIMD_BYTES;
inline constexpr bool kHasFma = TC_SIMD_BITS >= 256;  // fma() rounds once
template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

template <class T>
struct NativeOf;
template <>
struct NativeOf<float> {
  typedef float type __attribute__((vector_size(TC_SIMD_BYTES)));
};
template <>
struct NativeOf<double> {
  typedef double type __attribute__((vector_size(TC_SIMD_BYTES)));
};
template <>
struct NativeOf<std::int32_t> {
  typedef std::int32_t type __attribute__((vector_size(TC_SIMD_BYTES)));
};
template <>
struct NativeOf<std::int64_t> {
  typedef std::int64_t type __attribute__((vector_size(TC_SIMD_BYTES)));
};
template <>
struct NativeOf<std::uint32_t> {
  typedef std::uint32_t type __attribute__((vector_size(TC_SIMD_BYTES)));
};
template <>
struct NativeOf<std::uint64_t> {
  typedef std::uint64_t type __attribute__((vector_size(TC_SIMD_BYTES)));
};
template <class T>
using Native = typename NativeOf<T>::type;
template <class T>
using IntOf = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;  // the integer as wide as T
template <class T>
using UintOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

// One truth value per lane: a mask register on AVX-512, all-ones or all-zeros lanes elsewhere.
template <class T>
struct Mask {
#if TC_SIMD_BITS == 512
  using Bits = std::conditional_t<sizeof(T) == 4, __mmask16, __mmask8>;
#else
  using Bits = Native<IntOf<T>>;
#endif
  Bits m;

  TC_INLINE friend Mask operator&(Mask a, Mask b) { return {static_cast<Bits>(a.m & b.m)}; }
  TC_INLINE friend Mask operator|(Mask a, Mask b) { return {static_cast<Bits>(a.m | b.m)}; }
  TC_INLINE friend Mask operator^(Mask a, Mask b) { return {static_cast<Bits>(a.m ^ b.m)}; }
  TC_INLINE friend Mask operator~(Mask a) { return {static_cast<Bits>(~a.m)}; }
};

template <class T>
struct Vec {
  using Scalar = T;
  using Int = IntOf<T>;
  static constexpr bool kIsFloat = std::is_floating_point_v<T>;
  using Wrapping = Native<std::conditional_t<kIsFloat, T, UintOf<T>>>;  // integer overflow wraps
  Native<T> v;

  Vec() = default;
  TC_INLINE Vec(Native<T> native) : v(native) {}
  TC_INLINE Vec(T x) {  // all lanes alike
#if TC_SIMD_BITS
    if constexpr (std::is_same_v<T, float>)
      v = TC_MM(set1_ps)(x);
    else if constexpr (std::is_same_v<T, double>)
      v = TC_MM(set1_pd)(x);
    else if constexpr (sizeof(T) == 4)
      v = (Native<T>)TC_MM(set1_epi32)(x);
#if TC_SIMD_BITS == 512
    else
      v = (Native<T>)_mm512_set1_epi64(x);
#else
    else
      v = (Native<T>)TC_MM(set1_epi64x)(x);
#endif
#else
    for (int i = 0; i < kLanes<T>; ++i) v[i] = x;
#endif
  }
  TC_INLINE T operator[](int lane) const { return v[lane]; }

  TC_INLINE friend Vec operator+(Vec a, Vec b) { return (Native<T>)((Wrapping)a.v + (Wrapping)b.v); }
  TC_INLINE friend Vec operator-(Vec a, Vec b) { return (Native<T>)((Wrapping)a.v - (Wrapping)b.v); }
  TC_INLINE friend Vec operator*(Vec a, Vec b) { return (Native<T>)((Wrapping)a.v * (Wrapping)b.v); }
  TC_INLINE friend Vec operator/(Vec a, Vec b) { return a.v / b.v; }
  TC_INLINE friend Vec operator-(Vec a) { return (Native<T>)(-(Wrapping)a.v); }
  TC_INLINE Vec& operator+=(Vec b) { return *this = *this + b; }
  TC_INLINE Vec& operator-=(Vec b) { return *this = *this - b; }
  TC_INLINE Vec& operator*=(Vec b) { return *this = *this * b; }
  TC_INLINE Vec& operator/=(Vec b) { return *this = *this / b; }

  // Bitwise operators work on the bits of floats too.
  TC_INLINE friend Vec operator&(Vec a, Vec b) { return from_bits(a.bits() & b.bits()); }
  TC_INLINE friend Vec operator|(Vec a, Vec b) { return from_bits(a.bits() | b.bits()); }
  TC_INLINE friend Vec operator^(Vec a, Vec b) { return from_bits(a.bits() ^ b.bits()); }
  TC_INLINE friend Vec operator~(Vec a) { return from_bits(~a.bits()); }
  TC_INLINE Native<Int> bits() const { return (Native<Int>)v; }
  TC_INLINE static Vec from_bits(Native<Int> bits) { return (Native<T>)bits; }

#if TC_SIMD_BITS == 512
#define TC_COMPARE(op, float_op, int_op)                                  \
  TC_INLINE friend Mask<T> operator op(Vec a, Vec b) {                    \
    if constexpr (std::is_same_v<T, float>)                               \
      return {_mm512_cmp_ps_mask(a.v, b.v, float_op)};                    \
    else if constexpr (std::is_same_v<T, double>)                         \
      return {_mm512_cmp_pd_mask(a.v, b.v, float_op)};                    \
    else if constexpr (sizeof(T) == 4)                                    \
      return {_mm512_cmp_epi32_mask((__m512i)a.v, (__m512i)b.v, int_op)}; \
    else                                                                  \
      return {_mm512_cmp_epi64_mask((__m512i)a.v, (__m512i)b.v, int_op)}; \
  }
#else
#define TC_COMPARE(op, float_op, int_op) \
  TC_INLINE friend Mask<T> operator op(Vec a, Vec b) { return {a.v op b.v}; }
#endif
  TC_COMPARE(==, _CMP_EQ_OQ, _MM_CMPINT_EQ)
  TC_COMPARE(!=, _CMP_NEQ_UQ, _MM_CMPINT_NE)
  TC_COMPARE(<, _CMP_LT_OQ, _MM_CMPINT_LT)
  TC_COMPARE(<=, _CMP_LE_OQ, _MM_CMPINT_LE)
  TC_COMPARE(>, _CMP_GT_OQ, _MM_CMPINT_NLE)
  TC_COMPARE(>=, _CMP_GE_OQ, _MM_CMPINT_NLT)
#undef TC_COMPARE
};

// The same bits as another type of the same width.
template <class To, class From>
TC_INLINE Vec<To> bit_cast(Vec<From> x) {
  static_assert(sizeof(To) == sizeof(From));
  return (Native<To>)x.v;
}
template <class T>
TC_INLINE Vec<T> shift_left(Vec<T> x, int count) {
  return (Native<T>)((Native<UintOf<T>>)x.v << count);
}
template <class T>
TC_INLINE Vec<T> shift_right(Vec<T> x, int count) {  // keeps the sign
  return x.v >> count;
}
template <class T>
TC_INLINE Vec<T> shift_right_logical(Vec<T> x, int count) {
  return (Native<T>)((Native<UintOf<T>>)x.v >> count);
}

// ---- masks and selection ----

// Lanes 0 .. n-1; 0 <= n <= kLanes.
template <class T>
TC_INLINE Mask<T> first_lanes(std::int64_t n) {
#if TC_SIMD_BITS == 512
  return {static_cast<typename Mask<T>::Bits>((1u << n) - 1u)};
#else
  Native<IntOf<T>> lane;
  for (int i = 0; i < kLanes<T>; ++i) lane[i] = i;
  return {(Vec<IntOf<T>>(lane) < Vec<IntOf<T>>(static_cast<IntOf<T>>(n))).m};
#endif
}
template <class T>
TC_INLINE std::uint32_t mask_bits(Mask<T> mask) {  // bit i is lane i
#if TC_SIMD_BITS == 512
  return mask.m;
#elif TC_SIMD_BITS
  if constexpr (sizeof(T) == 4)
    return static_cast<std::uint32_t>(TC_MM(movemask_ps)((Native<float>)mask.m));
  else
    return static_cast<std::uint32_t>(TC_MM(movemask_pd)((Native<double>)mask.m));
#else
  std::uint32_t bits = 0;
  for (int i = 0; i < kLanes<T>; ++i) bits |= (mask.m[i] ? 1u : 0u) << i;
  return bits;
#endif
}
template <class T>
TC_INLINE bool any(Mask<T> mask) {
  return mask_bits(mask) != 0;
}
template <class T>
TC_INLINE bool all(Mask<T> mask) {
  return mask_bits(mask) == (1u << kLanes<T>)-1u;
}
// The mask of an equally wide type.
template <class To, class From>
TC_INLINE Mask<To> mask_cast(Mask<From> mask) {
  static_assert(sizeof(To) == sizeof(From));
  return {mask.m};
}

// mask ? a : b, lane by lane.
template <class T>
TC_INLINE Vec<T> select(Mask<T> mask, Vec<T> a, Vec<T> b) {
#if TC_SIMD_BITS == 512
  if constexpr (std::is_same_v<T, float>)
    return (Native<T>)_mm512_mask_blend_ps(mask.m, b.v, a.v);
  else if constexpr (std::is_same_v<T, double>)
    return (Native<T>)_mm512_mask_blend_pd(mask.m, b.v, a.v);
  else if constexpr (sizeof(T) == 4)
    return (Native<T>)_mm512_mask_blend_epi32(mask.m, (__m512i)b.v, (__m512i)a.v);
  else
    return (Native<T>)_mm512_mask_blend_epi64(mask.m, (__m512i)b.v, (__m512i)a.v);
#elif TC_SIMD_BITS
  if constexpr (sizeof(T) == 4)
    return (Native<T>)TC_MM(blendv_ps)((Native<float>)b.v, (Native<float>)a.v, (Native<float>)mask.m);
  else
    return (Native<T>)TC_MM(blendv_pd)((Native<double>)b.v, (Native<double>)a.v, (Native<double>)mask.m);
#else
  return Vec<T>::from_bits((mask.m & a.bits()) | (~mask.m & b.bits()));
#endif
}
template <class T>
TC_INLINE Vec<T> select(Mask<T> mask, std::type_identity_t<T> a, Vec<T> b) {
  return select(mask, Vec<T>(a), b);
}
template <class T>
TC_INLINE Vec<T> select(Mask<T> mask, Vec<T> a, std::type_identity_t<T> b) {
  return select(mask, a, Vec<T>(b));
}

// ---- arithmetic ----

// a * b + c; rounds once where the processor can (kHasFma).
template <class T>
TC_INLINE Vec<T> fma(Vec<T> a, std::type_identity_t<Vec<T>> b, std::type_identity_t<Vec<T>> c) {
#if TC_SIMD_BITS >= 256
  if constexpr (std::is_same_v<T, float>)
    return (Native<T>)TC_MM(fmadd_ps)(a.v, b.v, c.v);
  else if constexpr (std::is_same_v<T, double>)
    return (Native<T>)TC_MM(fmadd_pd)(a.v, b.v, c.v);
#endif
  return a.v * b.v + c.v;
}
// Hides a value from the optimiser, so that it cannot contract a rounded product into a later sum.
template <class T>
TC_INLINE Vec<T> opaque(Vec<T> x) {
#if TC_SIMD_BITS == 512
  asm("" : "+v"(x.v));
#elif TC_SIMD_BITS
  asm("" : "+x"(x.v));
#elif defined(__aarch64__)
  asm("" : "+w"(x.v));
#else
  asm("" : "+m"(x.v));
#endif
  return x;
}

template <class T>
TC_INLINE Vec<T> sign_bit() {
  return Vec<T>::from_bits(Vec<IntOf<T>>(std::numeric_limits<IntOf<T>>::min()).v);
}
template <class T>
TC_INLINE Vec<T> abs(Vec<T> x) {
  if constexpr (Vec<T>::kIsFloat)
    return x & ~sign_bit<T>();
  else
    return select(x < T(0), Vec<T>((Native<T>)(-(Native<UintOf<T>>)x.v)), x);
}
template <class T>
TC_INLINE Vec<T> copysign(Vec<T> magnitude, std::type_identity_t<Vec<T>> sign) {
  return (magnitude & ~sign_bit<T>()) | (sign & sign_bit<T>());
}
template <class T>
TC_INLINE Mask<T> is_nan(Vec<T> x) {
  return x != x;
}

// a < b ? a : b, so the second argument where one is NaN: a single instruction.
template <class T>
TC_INLINE Vec<T> fast_min(Vec<T> a, std::type_identity_t<Vec<T>> b) {
#if TC_SIMD_BITS
  if constexpr (std::is_same_v<T, float>)
    return (Native<T>)TC_MM(min_ps)(a.v, b.v);
  else if constexpr (std::is_same_v<T, double>)
    return (Native<T>)TC_MM(min_pd)(a.v, b.v);
#endif
  return a.v < b.v ? a.v : b.v;
}
template <class T>
TC_INLINE Vec<T> fast_max(Vec<T> a, std::type_identity_t<Vec<T>> b) {
#if TC_SIMD_BITS
  if constexpr (std::is_same_v<T, float>)
    return (Native<T>)TC_MM(max_ps)(a.v, b.v);
  else if constexpr (std::is_same_v<T, double>)
    return (Native<T>)TC_MM(max_pd)(a.v, b.v);
#endif
  return a.v > b.v ? a.v : b.v;
}
// NaN where either argument is NaN, as NumPy's minimum and maximum.
template <class T>
TC_INLINE Vec<T> min(Vec<T> a, std::type_identity_t<Vec<T>> b) {
  if constexpr (Vec<T>::kIsFloat)
    return select(is_nan(a), a, fast_min(a, b));
  else
    return fast_min(a, b);
}
template <class T>
TC_INLINE Vec<T> max(Vec<T> a, std::type_identity_t<Vec<T>> b) {
  if constexpr (Vec<T>::kIsFloat)
    return select(is_nan(a), a, fast_max(a, b));
  else
    return fast_max(a, b);
}

// Applies a scalar function to every lane: for what has no vector form.
template <class T, class F>
TC_INLINE Vec<T> map_lanes(F&& f, Vec<T> x) {
  Native<T> out;
  for (int i = 0; i < kLanes<T>; ++i) out[i] = f(static_cast<T>(x.v[i]));
  return out;
}

template <class T>
TC_INLINE Vec<T> sqrt(Vec<T> x) {
#if TC_SIMD_BITS
  if constexpr (std::is_same_v<T, float>)
    return (Native<T>)TC_MM(sqrt_ps)(x.v);
  else
    return (Native<T>)TC_MM(sqrt_pd)(x.v);
#else
  return map_lanes([](T lane) { return std::sqrt(lane); }, x);
#endif
}

#if TC_SIMD_BITS == 512
#define TC_ROUND(type) TC_MM(roundscale_##type)
#elif TC_SIMD_BITS
#define TC_ROUND(type) TC_MM(round_##type)
#endif
#if TC_SIMD_BITS
#define TC_ROUNDING(name, mode, scalar)                              \
  template <class T>                                                 \
  TC_INLINE Vec<T> name(Vec<T> x) {                                  \
    if constexpr (std::is_same_v<T, float>)                          \
      return (Native<T>)TC_ROUND(ps)(x.v, mode | _MM_FROUND_NO_EXC); \
    else if constexpr (std::is_same_v<T, double>)                    \
      return (Native<T>)TC_ROUND(pd)(x.v, mode | _MM_FROUND_NO_EXC); \
    else                                                             \
      return x;                                                      \
  }
#else
#define TC_ROUNDING(name, mode, scalar)                   \
  template <class T>                                      \
  TC_INLINE Vec<T> name(Vec<T> x) {                       \
    if constexpr (Vec<T>::kIsFloat)                       \
      return map_lanes([](T v) { return scalar(v); }, x); \
    else                                                  \
      return x;                                           \
  }
#endif
TC_ROUNDING(floor, _MM_FROUND_TO_NEG_INF, std::floor)
TC_ROUNDING(ceil, _MM_FROUND_TO_POS_INF, std::ceil)
TC_ROUNDING(trunc, _MM_FROUND_TO_ZERO, std::trunc)
TC_ROUNDING(round, _MM_FROUND_TO_NEAREST_INT, std::nearbyint)  // halves to even
#undef TC_ROUNDING
#undef TC_ROUND

}  // namespace TC_ISA
}  // namespace tc::simd

#include "cpu/simd/vec_memory.h"
