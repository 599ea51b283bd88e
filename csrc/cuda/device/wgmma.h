// Products of a warpgroup, 128 threads of 4 neighbouring warps, on matrices in shared memory (sm_90a), and the calls
// that such kernels need around them.
//     wgmma_fence();                       // before the first, and after touching d
//     for (k...) wgmma<T>(d, a, b, true);  // d is in use from here on
//     wgmma_commit();
//     wgmma_wait<0>();                     // d can be read
// Thread 32 w + 4 g + t of the warpgroup has of columns 8 j to 8 j + 7 of d
//     d[4 j] (16 w + g, 8 j + 2 t)  d[4 j + 1] its right neighbour  d[4 j + 2] (16 w + g + 8, 8 j + 2 t)  d[4 j + 3]
//     ...
#pragma once
#include "cuda/device/mbarrier.h"
#include "cuda/device/mma.h"
#include "cuda/tensor_map.h"
#if !TC_GPU
#include "cuda/simt/wgmma.h"
#endif

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

// How a matrix of 16 columns of k lies in shared memory, in bytes; `start` is a multiple of 16, patterns of a swizzle
// begin at multiples of 8 of its rows.
// k contiguous (not transposed):
//   swizzled: rows of span_of(swizzle) bytes, 8 rows after each other, the next 8 rows `stride` on; `leading` unused.
//   none:     pieces of 8 rows by 16 bytes, the next 8 rows `stride` on, the next 8 of k `leading` on.
// m or n contiguous (transposed):
//   swizzled: for each k a row of span_of(swizzle) bytes, 8 of k after each other, the next 8 of k `stride` on, the
//   next
//             rows' worth of m or n `leading` on.
//   none:     pieces of 8 of k by 16 bytes, the next 8 of m or n `stride` on, the next 8 of k `leading` on.
TC_DEVICE std::uint64_t matrix_descriptor(const void* start, unsigned leading, unsigned stride,
                                          Swizzle swizzle TC_AND_WHERE) {
#if TC_GPU
  const unsigned address = shared_address(start);
#else
  const unsigned address = ::tc::simt::shared_address(start, where) & 0xffffffu;
  if (address % 16 != 0 || leading % 16 != 0 || stride % 16 != 0 || leading >= 1u << 18 || stride >= 1u << 18)
    ::tc::simt::fault("matrix_descriptor: address and offsets must be multiples of 16 below 2^18", where);
#endif
  const unsigned mode = swizzle == Swizzle::none ? 0u : 4u - static_cast<unsigned>(swizzle);
  return static_cast<std::uint64_t>((address & 0x3ffffu) >> 4) | static_cast<std::uint64_t>(leading >> 4) << 16 |
         static_cast<std::uint64_t>(stride >> 4) << 32 | static_cast<std::uint64_t>(mode) << 62;
}
// The same matrix `bytes` further on: the next 16 of k of a tile.
TC_DEVICE std::uint64_t advance(std::uint64_t descriptor, unsigned bytes) { return descriptor + (bytes >> 4); }

TC_DEVICE void wgmma_fence(TC_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("wgmma.fence.sync.aligned;" :: : "memory");
#else
  ::tc::simt::wgmma_fence(where);
#endif
}
TC_DEVICE void wgmma_commit() {
#if TC_GPU
  TC_HOPPER_PTX("wgmma.commit_group.sync.aligned;" :: : "memory");
#else
  ::tc::simt::wgmma_commit();
#endif
}
// Waits until all but the `newest` groups are complete.
template <int newest>
TC_DEVICE void wgmma_wait(TC_WHERE) {
  static_assert(newest >= 0 && newest <= 7);
#if TC_GPU
  TC_HOPPER_PTX("wgmma.wait_group.sync.aligned %0;" ::"n"(newest) : "memory");
#else
  ::tc::simt::wgmma_wait(newest, where);
#endif
}
// Keeps the compiler from moving uses of d across this place: on both sides of products in flight.
template <int count>
TC_DEVICE void keep_in_registers([[maybe_unused]] float (&d)[count]) {
#if TC_GPU
#pragma unroll
  for (int i = 0; i < count; ++i) asm volatile("" : "+f"(d[i])::"memory");
#endif
}

#if TC_GPU
namespace detail {
// Operands 8 registers at a time: their places in the text, and themselves.
#define TC_P0 "%0, %1, %2, %3, %4, %5, %6, %7"
#define TC_P1 "%8, %9, %10, %11, %12, %13, %14, %15"
#define TC_P2 "%16, %17, %18, %19, %20, %21, %22, %23"
#define TC_P3 "%24, %25, %26, %27, %28, %29, %30, %31"
#define TC_P4 "%32, %33, %34, %35, %36, %37, %38, %39"
#define TC_P5 "%40, %41, %42, %43, %44, %45, %46, %47"
#define TC_P6 "%48, %49, %50, %51, %52, %53, %54, %55"
#define TC_P7 "%56, %57, %58, %59, %60, %61, %62, %63"
#define TC_P8 "%64, %65, %66, %67, %68, %69, %70, %71"
#define TC_P9 "%72, %73, %74, %75, %76, %77, %78, %79"
#define TC_P10 "%80, %81, %82, %83, %84, %85, %86, %87"
#define TC_P11 "%88, %89, %90, %91, %92, %93, %94, %95"
#define TC_P12 "%96, %97, %98, %99, %100, %101, %102, %103"
#define TC_P13 "%104, %105, %106, %107, %108, %109, %110, %111"
#define TC_P14 "%112, %113, %114, %115, %116, %117, %118, %119"
#define TC_P15 "%120, %121, %122, %123, %124, %125, %126, %127"
#define TC_D(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define TC_D8(i) TC_D(i), TC_D(i + 4)
// `a`, `b`, ...: places of the descriptors, the flag, and the transpositions.
#define TC_WGMMA(n, type, places, a, b, flag, ta, tb, ...)                                                           \
  TC_HOPPER_PTX("{ .reg .pred p;\nsetp.ne.b32 p, " flag ", 0;\nwgmma.mma_async.sync.aligned.m64n" #n "k16.f32." type \
                "." type " {" places "}, " a ", " b ", p, 1, 1, " ta ", " tb ";\n}" : __VA_ARGS__ : "l"(a_matrix),   \
                "l"(b_matrix), "r"(flag_value), "n"(transposed_a), "n"(transposed_b) : "memory")

template <class T, int n, bool transposed_a, bool transposed_b>
TC_DEVICE void wgmma(float (&d)[n / 2], std::uint64_t a_matrix, std::uint64_t b_matrix, int flag_value) {
  if constexpr (n == 8 && std::is_same_v<T, half>)
    TC_WGMMA(8, "f16", "%0, %1, %2, %3", "%4", "%5", "%6", "%7", "%8", TC_D(0));
  else if constexpr (n == 8 && !std::is_same_v<T, half>)
    TC_WGMMA(8, "bf16", "%0, %1, %2, %3", "%4", "%5", "%6", "%7", "%8", TC_D(0));
  else if constexpr (n == 16 && std::is_same_v<T, half>)
    TC_WGMMA(16, "f16", TC_P0, "%8", "%9", "%10", "%11", "%12", TC_D8(0));
  else if constexpr (n == 16 && !std::is_same_v<T, half>)
    TC_WGMMA(16, "bf16", TC_P0, "%8", "%9", "%10", "%11", "%12", TC_D8(0));
  else if constexpr (n == 32 && std::is_same_v<T, half>)
    TC_WGMMA(32, "f16", TC_P0 ", " TC_P1, "%16", "%17", "%18", "%19", "%20", TC_D8(0), TC_D8(8));
  else if constexpr (n == 32 && !std::is_same_v<T, half>)
    TC_WGMMA(32, "bf16", TC_P0 ", " TC_P1, "%16", "%17", "%18", "%19", "%20", TC_D8(0), TC_D8(8));
  else if constexpr (n == 64 && std::is_same_v<T, half>)
    TC_WGMMA(64, "f16", TC_P0 ", " TC_P1 ", " TC_P2 ", " TC_P3, "%32", "%33", "%34", "%35", "%36", TC_D8(0), TC_D8(8),
             TC_D8(16), TC_D8(24));
  else if constexpr (n == 64 && !std::is_same_v<T, half>)
    TC_WGMMA(64, "bf16", TC_P0 ", " TC_P1 ", " TC_P2 ", " TC_P3, "%32", "%33", "%34", "%35", "%36", TC_D8(0), TC_D8(8),
             TC_D8(16), TC_D8(24));
  else if constexpr (n == 96 && std::is_same_v<T, half>)
    TC_WGMMA(96, "f16", TC_P0 ", " TC_P1 ", " TC_P2 ", " TC_P3 ", " TC_P4 ", " TC_P5, "%48", "%49", "%50", "%51", "%52",
             TC_D8(0), TC_D8(8), TC_D8(16), TC_D8(24), TC_D8(32), TC_D8(40));
  else if constexpr (n == 96 && !std::is_same_v<T, half>)
    TC_WGMMA(96, "bf16", TC_P0 ", " TC_P1 ", " TC_P2 ", " TC_P3 ", " TC_P4 ", " TC_P5, "%48", "%49", "%50", "%51",
             "%52", TC_D8(0), TC_D8(8), TC_D8(16), TC_D8(24), TC_D8(32), TC_D8(40));
  else if constexpr (n == 128 && std::is_same_v<T, half>)
    TC_WGMMA(128, "f16", TC_P0 ", " TC_P1 ", " TC_P2 ", " TC_P3 ", " TC_P4 ", " TC_P5 ", " TC_P6 ", " TC_P7, "%64",
             "%65", "%66", "%67", "%68", TC_D8(0), TC_D8(8), TC_D8(16), TC_D8(24), TC_D8(32), TC_D8(40), TC_D8(48),
             TC_D8(56));
  else if constexpr (n == 128 && !std::is_same_v<T, half>)
    TC_WGMMA(128, "bf16", TC_P0 ", " TC_P1 ", " TC_P2 ", " TC_P3 ", " TC_P4 ", " TC_P5 ", " TC_P6 ", " TC_P7, "%64",
             "%65", "%66", "%67", "%68", TC_D8(0), TC_D8(8), TC_D8(16), TC_D8(24), TC_D8(32), TC_D8(40), TC_D8(48),
             TC_D8(56));
  else if constexpr (n == 160 && std::is_same_v<T, half>)
    TC_WGMMA(160, "f16",
             TC_P0 ", " TC_P1 ", " TC_P2 ", " TC_P3 ", " TC_P4 ", " TC_P5 ", " TC_P6 ", " TC_P7 ", " TC_P8 ", " TC_P9,
             "%80", "%81", "%82", "%83", "%84", TC_D8(0), TC_D8(8), TC_D8(16), TC_D8(24), TC_D8(32), TC_D8(40),
             TC_D8(48), TC_D8(56), TC_D8(64), TC_D8(72));
  else if constexpr (n == 160 && !std::is_same_v<T, half>)
    TC_WGMMA(160, "bf16",
             TC_P0 ", " TC_P1 ", " TC_P2 ", " TC_P3 ", " TC_P4 ", " TC_P5 ", " TC_P6 ", " TC_P7 ", " TC_P8 ", " TC_P9,
             "%80", "%81", "%82", "%83", "%84", TC_D8(0), TC_D8(8), TC_D8(16), TC_D8(24), TC_D8(32), TC_D8(40),
             TC_D8(48), TC_D8(56), TC_D8(64), TC_D8(72));
  else if constexpr (n == 192 && std::is_same_v<T, half>)
    TC_WGMMA(192, "f16",
             TC_P0 ", " TC_P1 ", " TC_P2 ", " TC_P3 ", " TC_P4 ", " TC_P5 ", " TC_P6 ", " TC_P7 ", " TC_P8 ", " TC_P9
                   ", " TC_P10 ", " TC_P11,
             "%96", "%97", "%98", "%99", "%100", TC_D8(0), TC_D8(8), TC_D8(16), TC_D8(24), TC_D8(32), TC_D8(40),
             TC_D8(48), TC_D8(56), TC_D8(64), TC_D8(72), TC_D8(80), TC_D8(88));
  else if constexpr (n == 192 && !std::is_same_v<T, half>)
    TC_WGMMA(192, "bf16",
             TC_P0 ", " TC_P1 ", " TC_P2 ", " TC_P3 ", " TC_P4 ", " TC_P5 ", " TC_P6 ", " TC_P7 ", " TC_P8 ", " TC_P9
                   ", " TC_P10 ", " TC_P11,
             "%96", "%97", "%98", "%99", "%100", TC_D8(0), TC_D8(8), TC_D8(16), TC_D8(24), TC_D8(32), TC_D8(40),
             TC_D8(48), TC_D8(56), TC_D8(64), TC_D8(72), TC_D8(80), TC_D8(88));
  else if constexpr (n == 224 && std::is_same_v<T, half>)
    TC_WGMMA(224, "f16",
             TC_P0 ", " TC_P1 ", " TC_P2 ", " TC_P3 ", " TC_P4 ", " TC_P5 ", " TC_P6 ", " TC_P7 ", " TC_P8 ", " TC_P9
                   ", " TC_P10 ", " TC_P11 ", " TC_P12 ", " TC_P13,
             "%112", "%113", "%114", "%115", "%116", TC_D8(0), TC_D8(8), TC_D8(16), TC_D8(24), TC_D8(32), TC_D8(40),
             TC_D8(48), TC_D8(56), TC_D8(64), TC_D8(72), TC_D8(80), TC_D8(88), TC_D8(96), TC_D8(104));
  else if constexpr (n == 224 && !std::is_same_v<T, half>)
    TC_WGMMA(224, "bf16",
             TC_P0 ", " TC_P1 ", " TC_P2 ", " TC_P3 ", " TC_P4 ", " TC_P5 ", " TC_P6 ", " TC_P7 ", " TC_P8 ", " TC_P9
                   ", " TC_P10 ", " TC_P11 ", " TC_P12 ", " TC_P13,
             "%112", "%113", "%114", "%115", "%116", TC_D8(0), TC_D8(8), TC_D8(16), TC_D8(24), TC_D8(32), TC_D8(40),
             TC_D8(48), TC_D8(56), TC_D8(64), TC_D8(72), TC_D8(80), TC_D8(88), TC_D8(96), TC_D8(104));
  else if constexpr (n == 256 && std::is_same_v<T, half>)
    TC_WGMMA(256, "f16",
             TC_P0 ", " TC_P1 ", " TC_P2 ", " TC_P3 ", " TC_P4 ", " TC_P5 ", " TC_P6 ", " TC_P7 ", " TC_P8 ", " TC_P9
                   ", " TC_P10 ", " TC_P11 ", " TC_P12 ", " TC_P13 ", " TC_P14 ", " TC_P15,
             "%128", "%129", "%130", "%131", "%132", TC_D8(0), TC_D8(8), TC_D8(16), TC_D8(24), TC_D8(32), TC_D8(40),
             TC_D8(48), TC_D8(56), TC_D8(64), TC_D8(72), TC_D8(80), TC_D8(88), TC_D8(96), TC_D8(104), TC_D8(112),
             TC_D8(120));
  else if constexpr (n == 256 && !std::is_same_v<T, half>)
    TC_WGMMA(256, "bf16",
             TC_P0 ", " TC_P1 ", " TC_P2 ", " TC_P3 ", " TC_P4 ", " TC_P5 ", " TC_P6 ", " TC_P7 ", " TC_P8 ", " TC_P9
                   ", " TC_P10 ", " TC_P11 ", " TC_P12 ", " TC_P13 ", " TC_P14 ", " TC_P15,
             "%128", "%129", "%130", "%131", "%132", TC_D8(0), TC_D8(8), TC_D8(16), TC_D8(24), TC_D8(32), TC_D8(40),
             TC_D8(48), TC_D8(56), TC_D8(64), TC_D8(72), TC_D8(80), TC_D8(88), TC_D8(96), TC_D8(104), TC_D8(112),
             TC_D8(120));
}
#undef TC_P0
#undef TC_P1
#undef TC_P2
#undef TC_P3
#undef TC_P4
#undef TC_P5
#undef TC_P6
#undef TC_P7
#undef TC_P8
#undef TC_P9
#undef TC_P10
#undef TC_P11
#undef TC_P12
#undef TC_P13
#undef TC_P14
#undef TC_P15
#undef TC_D
#undef TC_D8
#undef TC_WGMMA
}  // namespace detail
#endif

// d = a b, with `accumulate` d += a b, for T half or bfloat16: 64 x n x 16 where d has n / 2 elements. Asynchronous.
template <class T, bool transposed_a = false, bool transposed_b = false, int registers>
TC_DEVICE void wgmma(float (&d)[registers], std::uint64_t a, std::uint64_t b, bool accumulate TC_AND_WHERE) {
  constexpr int n = 2 * registers;
  static_assert(n == 8 || n == 16 || n == 32 || n == 64 || n == 96 || n == 128 || n == 160 || n == 192 || n == 224 ||
                n == 256);
  static_assert(std::is_same_v<T, half> || std::is_same_v<T, bfloat16>);
#if TC_GPU
  detail::wgmma<T, n, transposed_a, transposed_b>(d, a, b, accumulate);
#else
  ::tc::simt::wgmma(d, {n, std::is_same_v<T, half>, transposed_a, transposed_b, accumulate, a, b}, where);
#endif
}

// `count` 8x8 matrices of 16-bit elements from registers to shared memory, the reverse of load_matrices: lane 8 m + r
// gives the address of row r of matrix m.
template <int count, bool transposed = false>
TC_DEVICE void store_matrices(void* row, const unsigned (&in)[count] TC_AND_WHERE) {
  static_assert(count == 1 || count == 2 || count == 4);
#if TC_GPU
  const unsigned a = shared_address(row);
#define TC_STORE(trans)                                                                                             \
  if constexpr (count == 4)                                                                                         \
    TC_HOPPER_PTX("stmatrix.sync.aligned.m8n8.x4" trans ".shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(a), "r"(in[0]), \
                  "r"(in[1]), "r"(in[2]), "r"(in[3]) : "memory");                                                   \
  else if constexpr (count == 2)                                                                                    \
    TC_HOPPER_PTX("stmatrix.sync.aligned.m8n8.x2" trans ".shared.b16 [%0], {%1, %2};" ::"r"(a), "r"(in[0]),         \
                  "r"(in[1]) : "memory");                                                                           \
  else                                                                                                              \
    TC_HOPPER_PTX("stmatrix.sync.aligned.m8n8.x1" trans ".shared.b16 [%0], {%1};" ::"r"(a), "r"(in[0]) : "memory")
  if constexpr (transposed) {
    TC_STORE(".trans");
  } else {
    TC_STORE("");
  }
#undef TC_STORE
#else
  ::tc::simt::store_matrices(in, count, row, transposed, where);
#endif
}

// Registers per thread of the calling warps, a multiple of 8 from 24 to 256: given back to the block, or taken from
// what others gave back, for which it waits. Called by all warps of a warpgroup; the kernel has __launch_bounds__.
template <int count>
TC_DEVICE void give_registers(TC_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(count));
#else
  ::tc::simt::set_registers(count, false, where);
#endif
}
template <int count>
TC_DEVICE void take_registers(TC_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(count));
#else
  ::tc::simt::set_registers(count, true, where);
#endif
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
