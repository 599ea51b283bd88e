// CUDA's built-in vector types and dim3 for the executor, under CUDA's names and with CUDA's alignment.
#pragma once
#include <cstdint>

// Kernels compiled at run time (tc.cuda.compile) find the executor through the dynamic linker.
#define TC_SIMT_API __attribute__((visibility("default")))

#define TC_SIMT_VECTORS(T, name, align2, align4)                     \
  struct name##1 { T x; };                                           \
  struct alignas(align2) name##2 { T x, y; };                        \
  struct name##3 { T x, y, z; };                                     \
  struct alignas(align4) name##4 { T x, y, z, w; };                  \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }         \
  inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; } \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }

TC_SIMT_VECTORS(signed char, char, 2, 4)
TC_SIMT_VECTORS(unsigned char, uchar, 2, 4)
TC_SIMT_VECTORS(short, short, 4, 8)
TC_SIMT_VECTORS(unsigned short, ushort, 4, 8)
TC_SIMT_VECTORS(int, int, 8, 16)
TC_SIMT_VECTORS(unsigned, uint, 8, 16)
TC_SIMT_VECTORS(long long, longlong, 16, 16)
TC_SIMT_VECTORS(unsigned long long, ulonglong, 16, 16)
TC_SIMT_VECTORS(float, float, 8, 16)
TC_SIMT_VECTORS(double, double, 16, 16)
#undef TC_SIMT_VECTORS

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return {x, y, z}; }
};
