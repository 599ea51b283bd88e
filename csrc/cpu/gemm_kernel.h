// The register kernels of gemm.cpp: a tile of C, up to kTileRows x kTileCols, over a run of k. Each step of k loads two
// vectors of B, broadcasts one element of each row of A, and issues an FMA per accumulator register.
// Tile extents fill the register file as in BLIS (Van Zee, van de Geijn, "BLIS: A Framework for Rapidly Instantiating
// BLAS Functionality", 2015). There is one kernel per number of rows, so that no row is computed for nothing.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "cpu/simd/vec.h"

namespace tc::cpu {
inline namespace TC_ISA {
namespace {

using simd::kLanes;
using simd::Native;

#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int kFloatRows = 14;  // 28 accumulators, 2 vectors of B, 1 of A: 31 of 32 registers
#else
inline constexpr int kFloatRows = 6;  // 12 + 2 + 1: 15 of 16
#endif
template <class P>
inline constexpr int kTileRows = std::is_floating_point_v<P> ? kFloatRows : 4;
template <class P>
inline constexpr int kTileCols = 2 * kLanes<P>;

template <class P>
[[gnu::always_inline]] inline Native<P> broadcast(P x) {
  if constexpr (std::is_floating_point_v<P>)
    return simd::Vec<P>(x).v;
  else
    return Native<P>{} + x;
}
template <class P>
[[gnu::always_inline]] inline Native<P> load_native(const P* p) {
  Native<P> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class P>
[[gnu::always_inline]] inline void store_native(P* p, Native<P> v) {
  std::memcpy(p, &v, sizeof v);
}

// c[r * c_stride + j] = alpha * sum_p a[r * a_row + p * a_step] * b[p * b_step + j] + beta * c[...], for Rows rows and
// Vecs vectors of columns. beta == 0 does not read c.
template <class P, int Rows, int Vecs>
[[gnu::noinline]] void tile_kernel(std::int64_t k, const P* a, std::int64_t a_row, std::int64_t a_step, const P* b,
                                   std::int64_t b_step, P* c, std::int64_t c_stride, P alpha, P beta) {
  constexpr int kBases = (Rows + 3) / 4;  // a pointer for every four rows: few enough to stay in registers
  Native<P> sum[Rows][Vecs];
  const char* base[kBases];  // steps in bytes: otherwise the compiler adds a second copy of the loop for step 1
  const std::int64_t row_bytes = a_row * static_cast<std::int64_t>(sizeof(P)), row_bytes3 = 3 * row_bytes;
  const std::int64_t step_bytes = a_step * static_cast<std::int64_t>(sizeof(P));
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < Vecs; ++v) sum[r][v] = Native<P>{};
  }
#pragma GCC unroll 4
  for (int i = 0; i < kBases; ++i) base[i] = reinterpret_cast<const char*>(a) + 4 * i * row_bytes;
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) __builtin_prefetch(c + r * c_stride, 1);
  asm("" : "+r"(c));  // or else the addresses of all rows are kept, in memory, until the end
#pragma GCC unroll 1
  for (; k > 0; --k) {
    Native<P> row[Vecs];
#pragma GCC unroll 2
    for (int v = 0; v < Vecs; ++v) row[v] = load_native(b + v * kLanes<P>);
    b += b_step;
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const char* at = base[r / 4] + (r % 4 == 3 ? row_bytes3 : r % 4 * row_bytes);
      const Native<P> x = broadcast(*reinterpret_cast<const P*>(at));
#pragma GCC unroll 2
      for (int v = 0; v < Vecs; ++v) sum[r][v] += x * row[v];
    }
#pragma GCC unroll 4
    for (int i = 0; i < kBases; ++i) base[i] += step_bytes;
  }
  const Native<P> scale = broadcast(alpha), keep = broadcast(beta);
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r, c += c_stride) {
#pragma GCC unroll 2
    for (int v = 0; v < Vecs; ++v) {
      P* out = c + v * kLanes<P>;
      if (beta == P(0))
        store_native(out, sum[r][v] * scale);
      else
        store_native(out, sum[r][v] * scale + keep * load_native<P>(out));
    }
  }
}

template <class P>
using TileKernel = void (*)(std::int64_t, const P*, std::int64_t, std::int64_t, const P*, std::int64_t, P*,
                            std::int64_t, P, P);

// kTileKernels<P>[vecs - 1][rows - 1]
template <class P>
inline constexpr auto kTileKernels = []<int... R>(std::integer_sequence<int, R...>) {
  return std::array<std::array<TileKernel<P>, sizeof...(R)>, 2>{
      {{{&tile_kernel<P, R + 1, 1>...}}, {{&tile_kernel<P, R + 1, 2>...}}}};
}(std::make_integer_sequence<int, kTileRows<P>>{});

}  // namespace
}  // namespace TC_ISA
}  // namespace tc::cpu
