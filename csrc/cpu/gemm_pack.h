// Copies a block of a strided matrix into the row-major form the kernels of gemm.cpp read: rows are copied, columns
// are transposed in registers, half types become float on the way.
#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>

#include "cpu/gemm.h"
#include "cpu/gemm_kernel.h"

namespace tc::cpu {
inline namespace TC_ISA {
namespace {

template <class T>
[[gnu::always_inline]] inline Native<Packed<T>> load_packed(const T* p) {
  if constexpr (std::is_integral_v<T>) {  // sign-extended, so that any width wraps as T does
    if constexpr (sizeof(T) == sizeof(Packed<T>)) return load_native(reinterpret_cast<const Packed<T>*>(p));
    Native<Packed<T>> v;
    for (int i = 0; i < kLanes<Packed<T>>; ++i) v[i] = static_cast<Packed<T>>(p[i]);
    return v;
  } else {
    return simd::load(p).v;
  }
}

// Lanes of two vectors, Distance apart, change places: one stage of a transpose (Eklundh, 1972).
template <int Distance, class V, int... I>
[[gnu::always_inline]] inline void exchange(V& a, V& b, std::integer_sequence<int, I...>) {
  constexpr int kCount = sizeof...(I);
#if defined(__clang__) || __GNUC__ >= 12
  const V low = __builtin_shufflevector(a, b, (I & Distance ? kCount + I - Distance : I)...);
  b = __builtin_shufflevector(a, b, (I & Distance ? kCount + I : I + Distance)...);
#else
  using Index = Native<simd::UintOf<std::remove_reference_t<decltype(a[0])>>>;
  const V low = __builtin_shuffle(a, b, Index{(I & Distance ? kCount + I - Distance : I)...});
  b = __builtin_shuffle(a, b, Index{(I & Distance ? kCount + I : I + Distance)...});
#endif
  a = low;
}
template <int Distance, class V, int Count>
[[gnu::always_inline]] inline void transpose_stages(V (&v)[Count]) {
  if constexpr (Distance < Count) {
#pragma GCC unroll 16
    for (int i = 0; i < Count; ++i)
      if (!(i & Distance)) exchange<Distance>(v[i], v[i + Distance], std::make_integer_sequence<int, Count>{});
    transpose_stages<2 * Distance>(v);
  }
}

// out[r * ld + c] = source[r * row_stride + c * col_stride], r < rows, c < cols.
template <class T>
void copy_block(Packed<T>* out, std::int64_t ld, const T* source, std::int64_t row_stride, std::int64_t col_stride,
                std::int64_t rows, std::int64_t cols) {
  using P = Packed<T>;
  constexpr int kCount = kLanes<P>;
  if (col_stride == 1) {
    for (std::int64_t r = 0; r < rows; ++r) {
      const T* from = source + r * row_stride;
      P* to = out + r * ld;
      std::int64_t c = 0;
      for (; c + kCount <= cols; c += kCount) store_native(to + c, load_packed(from + c));
      for (; c < cols; ++c) to[c] = static_cast<P>(from[c]);
    }
    return;
  }
  std::int64_t r = 0;
  if (row_stride == 1) {
    for (; r + kCount <= rows; r += kCount) {
      std::int64_t c = 0;
      for (; c + kCount <= cols; c += kCount) {
        Native<P> v[kCount];
#pragma GCC unroll 16
        for (int i = 0; i < kCount; ++i) v[i] = load_packed(source + r + (c + i) * col_stride);
        transpose_stages<1>(v);
#pragma GCC unroll 16
        for (int i = 0; i < kCount; ++i) store_native(out + (r + i) * ld + c, v[i]);
      }
      for (; c < cols; ++c)
        for (int i = 0; i < kCount; ++i) out[(r + i) * ld + c] = static_cast<P>(source[r + i + c * col_stride]);
    }
  }
  for (; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c) out[r * ld + c] = static_cast<P>(source[r * row_stride + c * col_stride]);
}

// Fills the columns from `cols` to `width` with zeros: lanes of a tile beyond the matrix stay finite and fast.
template <class P>
void zero_columns(P* out, std::int64_t ld, std::int64_t rows, std::int64_t cols, std::int64_t width) {
  if (cols == width) return;
  for (std::int64_t r = 0; r < rows; ++r) std::fill(out + r * ld + cols, out + r * ld + width, P(0));
}

}  // namespace
}  // namespace TC_ISA
}  // namespace tc::cpu
