// Vector times matrix: one row of C. Bound by reading B once, so B is read in the order it lies in memory: adjacent
// columns as a sum of scaled rows, adjacent rows as dot products.
#pragma once
#include <algorithm>
#include <cstdint>

#include "cpu/gemm_block.h"

namespace tc::cpu {
inline namespace TC_ISA {
namespace {

inline constexpr std::int64_t kStrip = 1024;  // columns of one call: their sums stay in the L1 cache

template <class P>
bool is_vector_product(const Product<P>& q) {
  return q.m == 1 && q.a.direct && q.b.direct && (q.b.col_stride == 1 || q.b.row_stride == 1);
}

// sums[j] += sum_p x[p * x_step] * b[p * row_stride + j], four rows at a time.
template <class P>
void add_scaled_rows(std::int64_t k, std::int64_t cols, const P* x, std::int64_t x_step, const P* b,
                     std::int64_t row_stride, P* sums) {
  std::int64_t p = 0;
  for (; p + 4 <= k; p += 4, x += 4 * x_step, b += 4 * row_stride) {
    const P *b0 = b, *b1 = b0 + row_stride, *b2 = b1 + row_stride, *b3 = b2 + row_stride;
    const P s0 = x[0], s1 = x[x_step], s2 = x[2 * x_step], s3 = x[3 * x_step];
    const Native<P> x0 = broadcast(s0), x1 = broadcast(s1), x2 = broadcast(s2), x3 = broadcast(s3);
    std::int64_t j = 0;
    for (; j + kLanes<P> <= cols; j += kLanes<P>) {
      Native<P> sum = load_native<P>(sums + j);
      sum += x0 * load_native(b0 + j);
      sum += x1 * load_native(b1 + j);
      sum += x2 * load_native(b2 + j);
      sum += x3 * load_native(b3 + j);
      store_native(sums + j, sum);
    }
    for (; j < cols; ++j) {
      P sum = sums[j];
      sum += s0 * b0[j];
      sum += s1 * b1[j];
      sum += s2 * b2[j];
      sum += s3 * b3[j];
      sums[j] = sum;
    }
  }
  for (; p < k; ++p, x += x_step, b += row_stride)
    for (std::int64_t j = 0; j < cols; ++j) sums[j] += x[0] * b[j];
}

// sums[c] = sum_p x[p] * b[c * col_stride + p] for Cols columns, in two vectors of partial sums each.
template <int Cols, class P>
void dot_columns(std::int64_t k, const P* x, const P* b, std::int64_t col_stride, P* sums) {
  constexpr std::int64_t kStep = 2 * kLanes<P>;
  Native<P> even[Cols], odd[Cols];
#pragma GCC unroll 4
  for (int c = 0; c < Cols; ++c) even[c] = odd[c] = Native<P>{};
  std::int64_t p = 0;
  for (; p + kStep <= k; p += kStep) {
    const Native<P> x0 = load_native(x + p), x1 = load_native(x + p + kLanes<P>);
#pragma GCC unroll 4
    for (int c = 0; c < Cols; ++c) {
      const P* column = b + c * col_stride + p;
      even[c] += x0 * load_native(column);
      odd[c] += x1 * load_native(column + kLanes<P>);
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < Cols; ++c) {
    P lanes[kLanes<P>];
    store_native<P>(lanes, even[c] + odd[c]);
    for (int width = kLanes<P> / 2; width > 0; width /= 2)
      for (int l = 0; l < width; ++l) lanes[l] += lanes[l + width];
    P sum = lanes[0];
    for (std::int64_t r = p; r < k; ++r) sum += x[r] * b[c * col_stride + r];
    sums[c] = sum;
  }
}

// Columns j0 .. j1 of the one row, at most kStrip.
template <class P>
void compute_strip(const Product<P>& q, std::int64_t j0, std::int64_t j1) {
  alignas(kAlignment) P sums[kStrip];
  const std::int64_t cols = j1 - j0, k = q.end - q.begin;
  std::fill(sums, sums + ceil_div(cols, kLanes<P>) * kLanes<P>, P(0));
  const P* x = q.a.direct + q.begin * q.a.col_stride;
  const P* b = q.b.direct + q.begin * q.b.row_stride + j0 * q.b.col_stride;
  if (q.b.col_stride == 1) {
    add_scaled_rows(k, cols, x, q.a.col_stride, b, q.b.row_stride, sums);
  } else {
    Buffer<P> adjacent(q.a.col_stride == 1 ? 0 : k);
    if (q.a.col_stride != 1) {
      for (std::int64_t p = 0; p < k; ++p) adjacent.data()[p] = x[p * q.a.col_stride];
      x = adjacent.data();
    }
    std::int64_t j = 0;
    for (; j + 4 <= cols; j += 4) dot_columns<4>(k, x, b + j * q.b.col_stride, q.b.col_stride, sums + j);
    for (; j < cols; ++j) dot_columns<1>(k, x, b + j * q.b.col_stride, q.b.col_stride, sums + j);
  }
  q.sink.finish(q.sink.context, sums, kStrip, 1, cols, 0, j0, q.sink.beta, q.last);
}

}  // namespace
}  // namespace TC_ISA
}  // namespace tc::cpu
