// __half and __nv_bfloat16 on the executor: tc::half and tc::bfloat16 with the conversions and operators of CUDA's
// headers. Each operation rounds its result, as the hardware's do.
#pragma once
#include "core/dtype.h"
#include "cuda/simt/cuda_names.h"

#define TC_SIMT_HALF(name, storage, letter)                                          \
  struct name : ::tc::storage {                                                      \
    name() = default;                                                                \
    name(float value) : ::tc::storage(value) {}                                      \
    name(double value) : ::tc::storage(static_cast<float>(value)) {}                 \
    name(int value) : ::tc::storage(static_cast<float>(value)) {}                    \
    name(::tc::storage value) : ::tc::storage(value) {}                              \
    operator float() const { return ::tc::storage::operator float(); }               \
  };                                                                                 \
  inline name operator+(name a, name b) { return name(float(a) + float(b)); }        \
  inline name operator-(name a, name b) { return name(float(a) - float(b)); }        \
  inline name operator*(name a, name b) { return name(float(a) * float(b)); }        \
  inline name operator/(name a, name b) { return name(float(a) / float(b)); }        \
  inline name operator-(name a) { return name(-float(a)); }                          \
  inline name& operator+=(name& a, name b) { return a = a + b; }                     \
  inline name& operator-=(name& a, name b) { return a = a - b; }                     \
  inline name& operator*=(name& a, name b) { return a = a * b; }                     \
  inline name& operator/=(name& a, name b) { return a = a / b; }                     \
  inline bool operator==(name a, name b) { return float(a) == float(b); }            \
  inline bool operator!=(name a, name b) { return float(a) != float(b); }            \
  inline bool operator<(name a, name b) { return float(a) < float(b); }              \
  inline bool operator>(name a, name b) { return float(a) > float(b); }              \
  inline bool operator<=(name a, name b) { return float(a) <= float(b); }            \
  inline bool operator>=(name a, name b) { return float(a) >= float(b); }            \
  inline name __hadd(name a, name b) { return a + b; }                               \
  inline name __hsub(name a, name b) { return a - b; }                               \
  inline name __hmul(name a, name b) { return a * b; }                               \
  inline name __hdiv(name a, name b) { return a / b; }                               \
  inline name __hneg(name a) { return -a; }                                          \
  inline name __habs(name a) { return name(std::fabs(float(a))); }                   \
  inline name __hmax(name a, name b) { return name(std::fmax(float(a), float(b))); } \
  inline name __hmin(name a, name b) { return name(std::fmin(float(a), float(b))); } \
  inline name __hfma(name a, name b, name c) {                                       \
    return name(static_cast<float>(double(float(a)) * float(b) + float(c)));         \
  }                                                                                  \
  inline bool __heq(name a, name b) { return a == b; }                               \
  inline bool __hlt(name a, name b) { return a < b; }                                \
  inline bool __hgt(name a, name b) { return a > b; }                                \
  struct alignas(4) name##2 { name x, y; };

TC_SIMT_HALF(__half, half, h)
TC_SIMT_HALF(__nv_bfloat16, bfloat16, b)
#undef TC_SIMT_HALF

using half = __half;
using half2 = __half2;
using nv_bfloat16 = __nv_bfloat16;
using nv_bfloat162 = __nv_bfloat162;

inline __half __float2half(float x) { return __half(x); }
inline __half __float2half_rn(float x) { return __half(x); }
inline float __half2float(__half x) { return float(x); }
inline __half __int2half_rn(int x) { return __half(float(x)); }
inline __half __ushort_as_half(unsigned short bits) { return __half(std::bit_cast<::tc::half>(bits)); }
inline unsigned short __half_as_ushort(__half x) { return x.bits; }
inline __half2 make_half2(__half x, __half y) { return {x, y}; }
inline __half2 __halves2half2(__half x, __half y) { return {x, y}; }
inline __half2 __float2half2_rn(float x) { return {__half(x), __half(x)}; }
inline __half2 __floats2half2_rn(float x, float y) { return {__half(x), __half(y)}; }
inline __half2 __float22half2_rn(float2 v) { return {__half(v.x), __half(v.y)}; }
inline float2 __half22float2(__half2 v) { return {float(v.x), float(v.y)}; }
inline __half __low2half(__half2 v) { return v.x; }
inline __half __high2half(__half2 v) { return v.y; }
inline float __low2float(__half2 v) { return float(v.x); }
inline float __high2float(__half2 v) { return float(v.y); }
inline __half2 __hadd2(__half2 a, __half2 b) { return {a.x + b.x, a.y + b.y}; }
inline __half2 __hmul2(__half2 a, __half2 b) { return {a.x * b.x, a.y * b.y}; }
inline __half2 __hfma2(__half2 a, __half2 b, __half2 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }

inline __nv_bfloat16 __float2bfloat16(float x) { return __nv_bfloat16(x); }
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return __nv_bfloat16(x); }
inline float __bfloat162float(__nv_bfloat16 x) { return float(x); }
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) {
  return __nv_bfloat16(std::bit_cast<::tc::bfloat16>(bits));
}
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) { return x.bits; }
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {__nv_bfloat16(x), __nv_bfloat16(y)}; }
inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
inline float2 __bfloat1622float2(__nv_bfloat162 v) { return {float(v.x), float(v.y)}; }
