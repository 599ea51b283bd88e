// Vec and memory: whole and partial loads and stores, half types, conversions between lane types, horizontal
// reductions. Part of vec.h, which includes it. Partial forms touch exactly n elements.
#pragma once
#include "cpu/simd/vec.h"

namespace tc::simd {
inline namespace TC_ISA {

template <class T>
concept Lane = std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, std::int32_t> ||
               std::is_same_v<T, std::int64_t>;
template <class T>
concept HalfFloat = std::is_same_v<T, half> || std::is_same_v<T, bfloat16>;

// ---- lane types ----

template <Lane T>
TC_INLINE Vec<T> load(const T* p) {
  Native<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <Lane T>
TC_INLINE void store(T* p, Vec<T> x) {
  std::memcpy(p, &x.v, sizeof x.v);
}

// The first n elements, zero in the other lanes; 0 <= n <= kLanes.
template <Lane T>
TC_INLINE Vec<T> load_partial(const T* p, std::int64_t n) {
#if TC_SIMD_BITS == 512
  if constexpr (sizeof(T) == 4)
    return (Native<T>)_mm512_maskz_loadu_epi32(first_lanes<T>(n).m, p);
  else
    return (Native<T>)_mm512_maskz_loadu_epi64(first_lanes<T>(n).m, p);
#elif TC_SIMD_BITS == 256
  const __m256i mask = (__m256i)first_lanes<T>(n).m;
  if constexpr (sizeof(T) == 4)
    return (Native<T>)_mm256_maskload_epi32(reinterpret_cast<const int*>(p), mask);
  else
    return (Native<T>)_mm256_maskload_epi64(reinterpret_cast<const long long*>(p), mask);
#else
  Native<T> v{};
  for (std::int64_t i = 0; i < n && i < kLanes<T>; ++i) v[i] = p[i];
  return v;
#endif
}
template <Lane T>
TC_INLINE void store_partial(T* p, std::int64_t n, std::type_identity_t<Vec<T>> x) {
#if TC_SIMD_BITS == 512
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_epi32(p, first_lanes<T>(n).m, (__m512i)x.v);
  else
    _mm512_mask_storeu_epi64(p, first_lanes<T>(n).m, (__m512i)x.v);
#elif TC_SIMD_BITS == 256
  const __m256i mask = (__m256i)first_lanes<T>(n).m;
  if constexpr (sizeof(T) == 4)
    _mm256_maskstore_epi32(reinterpret_cast<int*>(p), mask, (__m256i)x.v);
  else
    _mm256_maskstore_epi64(reinterpret_cast<long long*>(p), mask, (__m256i)x.v);
#else
  for (std::int64_t i = 0; i < n && i < kLanes<T>; ++i) p[i] = x.v[i];
#endif
}
// Writes around the caches; p must be aligned to kVectorBytes. Call stream_fence() before another thread reads.
template <Lane T>
TC_INLINE void stream(T* p, Vec<T> x) {
#if TC_SIMD_BITS == 512
  _mm512_stream_si512(reinterpret_cast<__m512i*>(p), (__m512i)x.v);
#elif TC_SIMD_BITS == 256
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), (__m256i)x.v);
#elif TC_SIMD_BITS == 128
  _mm_stream_si128(reinterpret_cast<__m128i*>(p), (__m128i)x.v);
#else
  store(p, x);
#endif
}
TC_INLINE void stream_fence() {
#if TC_SIMD_BITS
  _mm_sfence();
#endif
}

// ---- half types: 16 bits in memory, float in registers ----

typedef std::uint16_t Native16 __attribute__((vector_size(TC_SIMD_BYTES / 2)));

template <HalfFloat T>
TC_INLINE Vec<float> decode(Native16 bits) {
#if TC_SIMD_BITS == 512
  if constexpr (std::is_same_v<T, half>)
    return (Native<float>)_mm512_cvtph_ps((__m256i)bits);
  else
    return (Native<float>)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)bits), 16);
#elif TC_SIMD_BITS == 256
  if constexpr (std::is_same_v<T, half>)
    return (Native<float>)_mm256_cvtph_ps((__m128i)bits);
  else
    return (Native<float>)_mm256_slli_epi32(_mm256_cvtepu16_epi32((__m128i)bits), 16);
#else
  Native<float> v;
  for (int i = 0; i < kLanes<float>; ++i)
    v[i] = static_cast<float>(std::bit_cast<T>(static_cast<std::uint16_t>(bits[i])));
  return v;
#endif
}
template <HalfFloat T>
TC_INLINE Native16 encode(Vec<float> x) {
#if TC_SIMD_BITS == 512
  if constexpr (std::is_same_v<T, half>) {
    return (Native16)_mm512_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  } else {
    // Not vcvtneps2bf16: it flushes subnormals.
    const Vec<std::int32_t> bits = bit_cast<std::int32_t>(x), high = shift_right_logical(bits, 16);
    const Vec<std::int32_t> rounded = shift_right_logical(bits + 0x7fff + (high & 1), 16);
    const Vec<std::int32_t> out = select(mask_cast<std::int32_t>(is_nan(x)), high | 0x40, rounded);
    return (Native16)_mm512_cvtepi32_epi16((__m512i)out.v);
  }
#elif TC_SIMD_BITS == 256
  if constexpr (std::is_same_v<T, half>) {
    return (Native16)_mm256_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  } else {
    const Vec<std::int32_t> bits = bit_cast<std::int32_t>(x), high = shift_right_logical(bits, 16);
    const Vec<std::int32_t> rounded = shift_right_logical(bits + 0x7fff + (high & 1), 16);
    const Vec<std::int32_t> out = select(mask_cast<std::int32_t>(is_nan(x)), high | 0x40, rounded);
    return (Native16)_mm_packus_epi32(_mm256_castsi256_si128((__m256i)out.v),
                                      _mm256_extracti128_si256((__m256i)out.v, 1));
  }
#else
  Native16 out;
  for (int i = 0; i < kLanes<float>; ++i) out[i] = std::bit_cast<std::uint16_t>(T(static_cast<float>(x.v[i])));
  return out;
#endif
}

template <HalfFloat T>
TC_INLINE Vec<float> load(const T* p) {
  Native16 bits;
  std::memcpy(&bits, p, sizeof bits);
  return decode<T>(bits);
}
template <HalfFloat T>
TC_INLINE void store(T* p, Vec<float> x) {
  const Native16 bits = encode<T>(x);
  std::memcpy(p, &bits, sizeof bits);
}
template <HalfFloat T>
TC_INLINE Vec<float> load_partial(const T* p, std::int64_t n) {
#if TC_SIMD_BITS == 512
  return decode<T>((Native16)_mm256_maskz_loadu_epi16(first_lanes<float>(n).m, p));
#else
  Native16 bits{};
  for (std::int64_t i = 0; i < n && i < kLanes<float>; ++i) bits[i] = p[i].bits;
  return decode<T>(bits);
#endif
}
template <HalfFloat T>
TC_INLINE void store_partial(T* p, std::int64_t n, Vec<float> x) {
  const Native16 bits = encode<T>(x);
#if TC_SIMD_BITS == 512
  _mm256_mask_storeu_epi16(p, first_lanes<float>(n).m, (__m256i)bits);
#else
  for (std::int64_t i = 0; i < n && i < kLanes<float>; ++i) p[i].bits = bits[i];
#endif
}

// The first n elements, `fill` in the other lanes.
template <class T>
TC_INLINE Vec<Acc<T>> load_partial(const T* p, std::int64_t n, Acc<T> fill) {
  return select(first_lanes<Acc<T>>(n), load_partial(p, n), fill);
}

// ---- conversions ----

// Lane values as integers, toward zero; a value outside the integer's range gives an unspecified lane.
template <class T>
TC_INLINE Vec<IntOf<T>> truncate_to_int(Vec<T> x) {
  return __builtin_convertvector(x.v, Native<IntOf<T>>);
}
template <class T>
TC_INLINE auto int_to_float(Vec<T> x) {
  using F = std::conditional_t<sizeof(T) == 4, float, double>;
  return Vec<F>(__builtin_convertvector(x.v, Native<F>));
}

// Float to double and back; first: lanes 0 .. L/2-1, second: the rest.
TC_INLINE std::pair<Vec<double>, Vec<double>> widen(Vec<float> x) {
#if TC_SIMD_BITS == 512
  return {(Native<double>)_mm512_cvtps_pd(_mm512_castps512_ps256(x.v)),
          (Native<double>)_mm512_cvtps_pd(_mm512_extractf32x8_ps(x.v, 1))};
#elif TC_SIMD_BITS == 256
  return {(Native<double>)_mm256_cvtps_pd(_mm256_castps256_ps128(x.v)),
          (Native<double>)_mm256_cvtps_pd(_mm256_extractf128_ps(x.v, 1))};
#elif TC_SIMD_BITS == 128
  return {(Native<double>)_mm_cvtps_pd(x.v), (Native<double>)_mm_cvtps_pd(_mm_movehl_ps(x.v, x.v))};
#else
  Native<double> low, high;
  for (int i = 0; i < kLanes<double>; ++i) low[i] = x.v[i], high[i] = x.v[i + kLanes<double>];
  return {low, high};
#endif
}
TC_INLINE Vec<float> narrow(Vec<double> low, Vec<double> high) {
#if TC_SIMD_BITS == 512
  return (Native<float>)_mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low.v)), _mm512_cvtpd_ps(high.v), 1);
#elif TC_SIMD_BITS == 256
  return (Native<float>)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(low.v)), _mm256_cvtpd_ps(high.v),
                                             1);
#elif TC_SIMD_BITS == 128
  return (Native<float>)_mm_movelh_ps(_mm_cvtpd_ps(low.v), _mm_cvtpd_ps(high.v));
#else
  Native<float> out;
  for (int i = 0; i < kLanes<double>; ++i) {
    out[i] = static_cast<float>(low.v[i]);
    out[i + kLanes<double>] = static_cast<float>(high.v[i]);
  }
  return out;
#endif
}

// ---- horizontal reductions: halves are combined until one lane is left, so the order is fixed ----

template <class T, class Op>
TC_INLINE T reduce(Vec<T> x, Op op) {
#if TC_SIMD_BITS
  typedef T Native128 __attribute__((vector_size(16)));
#if TC_SIMD_BITS == 512
  typedef T Native256 __attribute__((vector_size(32)));
  const auto q =
      op((Native256)_mm512_castpd512_pd256((__m512d)x.v), (Native256)_mm512_extractf64x4_pd((__m512d)x.v, 1));
#else
  const auto q = x.v;
#endif
#if TC_SIMD_BITS >= 256
  const Native128 h =
      op((Native128)_mm256_castpd256_pd128((__m256d)q), (Native128)_mm256_extractf128_pd((__m256d)q, 1));
#else
  const Native128 h = q;
#endif
  const Native128 pair = op(h, (Native128)_mm_unpackhi_pd((__m128d)h, (__m128d)h));
  if constexpr (sizeof(T) == 8)
    return pair[0];
  else
    return op(static_cast<T>(pair[0]), static_cast<T>(pair[1]));
#else
  T lanes[kLanes<T>];
  std::memcpy(lanes, &x.v, sizeof lanes);
  for (int width = kLanes<T> / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lanes[i] = op(lanes[i], lanes[i + width]);
  return lanes[0];
#endif
}
template <class T>
TC_INLINE T reduce_add(Vec<T> x) {
  const auto add = [](auto a, auto b) TC_INLINE_LAMBDA { return a + b; };
  if constexpr (Vec<T>::kIsFloat)
    return reduce(x, add);
  else
    return static_cast<T>(reduce(bit_cast<UintOf<T>>(x), add));  // overflow wraps
}
// NaN if any lane is NaN.
template <class T>
TC_INLINE T reduce_max(Vec<T> x) {
  return reduce(x, [](auto a, auto b) TC_INLINE_LAMBDA { return ((a > b) | (a != a)) ? a : b; });
}
template <class T>
TC_INLINE T reduce_min(Vec<T> x) {
  return reduce(x, [](auto a, auto b) TC_INLINE_LAMBDA { return ((a < b) | (a != a)) ? a : b; });
}

}  // namespace TC_ISA
}  // namespace tc::simd
