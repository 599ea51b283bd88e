// Element types: the enumeration Python sees, the C++ types behind it, and the one dtype switch of the project.
// half and bfloat16 are storage formats: arithmetic converts to float, rounding to nearest even on the way back.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__CUDACC__)
#define TC_HD __host__ __device__
#else
#define TC_HD
#endif

namespace tc {

enum class DType : std::uint8_t { boolean, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64 };
inline constexpr int kDTypes = 10;

struct half {
  std::uint16_t bits;
  half() = default;
  TC_HD explicit half(float value) : bits(encode(value)) {}
  TC_HD explicit operator float() const { return decode(bits); }

  // IEEE binary16 by integer arithmetic, so that every compiler and instruction set gives the same bits; on a GPU one
  // instruction, which rounds alike.
  TC_HD static std::uint16_t encode(float value) {
#if defined(__CUDA_ARCH__)
    std::uint16_t bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
#else
    const std::uint32_t f = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (f >> 16) & 0x8000u, magnitude = f & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x1ffu));
    if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // rounds past 65504
    if (magnitude < 0x38800000u) {  // subnormal half: adding 0.5 aligns the mantissa and rounds it
      const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
      return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
    }
    const std::uint32_t odd = (magnitude >> 13) & 1u;
    return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
#endif
  }
  TC_HD static float decode(std::uint16_t h) {
#if defined(__CUDA_ARCH__)
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(h));
    return value;
#else
    const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16;
    const std::uint32_t exponent = (h >> 10) & 0x1fu, mantissa = h & 0x3ffu;
    if (exponent == 0x1f)  // a signalling NaN becomes quiet, as in hardware
      return std::bit_cast<float>(sign | 0x7f800000u | (mantissa != 0 ? 0x400000u : 0u) | (mantissa << 13));
    if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
#endif
  }
};

struct bfloat16 {
  std::uint16_t bits;
  bfloat16() = default;
  TC_HD explicit bfloat16(float value) : bits(encode(value)) {}
  TC_HD explicit operator float() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
  TC_HD static std::uint16_t encode(float value) {
#if defined(__CUDA_ARCH__)
    std::uint16_t bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
#else
    const std::uint32_t f = std::bit_cast<std::uint32_t>(value);
    if ((f & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((f >> 16) | 0x40u);  // keep NaN a NaN
    return static_cast<std::uint16_t>((f + 0x7fffu + ((f >> 16) & 1u)) >> 16);
#endif
  }
};

template <class... Ts>
struct Types {};
template <class A, class B>
struct Concat;
template <class... A, class... B>
struct Concat<Types<A...>, Types<B...>> {
  using type = Types<A..., B...>;
};

using Bool = Types<bool>;
using Ints = Types<std::uint8_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t>;
using WideFloats = Types<float, double>;  // the types arithmetic is done in
using HalfFloats = Types<half, bfloat16>;
using Floats = Concat<HalfFloats, WideFloats>::type;
using Reals = Concat<Ints, Floats>::type;
using All = Concat<Bool, Reals>::type;

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>)
    return DType::boolean;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return DType::uint8;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return DType::int8;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return DType::int16;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return DType::int32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return DType::int64;
  else if constexpr (std::is_same_v<T, half>)
    return DType::float16;
  else if constexpr (std::is_same_v<T, bfloat16>)
    return DType::bfloat16;
  else if constexpr (std::is_same_v<T, float>)
    return DType::float32;
  else
    return DType::float64;
}

// The type sums and transcendental functions of T are computed in.
template <class T>
struct AccOf {
  using type = T;
};
template <>
struct AccOf<half> {
  using type = float;
};
template <>
struct AccOf<bfloat16> {
  using type = float;
};
template <class T>
using Acc = typename AccOf<T>::type;

// Value conversion between any two element types. Float to integer saturates and maps NaN to 0 rather than being
// undefined.
template <class To, class From>
TC_HD inline To convert(From value) {
  if constexpr (std::is_same_v<To, From>)
    return value;
  else if constexpr (std::is_same_v<From, half> || std::is_same_v<From, bfloat16>)
    return convert<To>(static_cast<float>(value));
  else if constexpr (std::is_same_v<To, bool>)
    return value != From(0);
  else if constexpr (std::is_same_v<To, half> || std::is_same_v<To, bfloat16>)
    return To(static_cast<float>(value));
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // In range: truncate toward zero. Out of range: through int64, so that narrow types wrap as integer casts do.
    if (!(value >= From(-0x1p63))) return static_cast<To>(value == value ? INT64_MIN : 0);
    if (value >= From(0x1p63)) return static_cast<To>(INT64_MAX);
    return static_cast<To>(static_cast<std::int64_t>(value));
  } else
    return static_cast<To>(value);
}

constexpr std::size_t itemsize(DType dtype) {
  constexpr std::size_t sizes[kDTypes] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8};
  return sizes[static_cast<int>(dtype)];
}
constexpr const char* name_of(DType dtype) {
  constexpr const char* names[kDTypes] = {"bool",  "uint8",   "int8",     "int16",   "int32",
                                          "int64", "float16", "bfloat16", "float32", "float64"};
  return names[static_cast<int>(dtype)];
}
constexpr bool is_bool(DType d) { return d == DType::boolean; }
constexpr bool is_float(DType d) { return d >= DType::float16; }
constexpr bool is_int(DType d) { return !is_bool(d) && !is_float(d); }
constexpr bool is_half(DType d) { return d == DType::float16 || d == DType::bfloat16; }

template <class... Ts>
constexpr bool contains(Types<Ts...>, DType dtype) {
  return ((dtype_of<Ts>() == dtype) || ...);
}

// Calls body.template operator()<T>() with the C++ type of `dtype`, which must be in the list: ops check before.
template <class... Ts, class Body>
inline void dispatch(Types<Ts...>, DType dtype, Body&& body) {
  (void)((dtype == dtype_of<Ts>() ? (body.template operator()<Ts>(), true) : false) || ...);
}

}  // namespace tc
