// One block of C on one thread: the loops around the register kernel, after Goto and van de Geijn, "Anatomy of
// High-Performance Matrix Multiplication" (2008). k is cut in runs of `depth`, B in panels as wide as a tile that stay
// in the L1 cache while all rows of the block pass, A in the block's rows that stay in L2. Operands are read in place,
// from memory packed before, or packed here.
// An element's sum is the same sequence of operations however C is cut in blocks: runs start at multiples of `depth`,
// tiles at multiples of their extents.
#pragma once
#include <algorithm>
#include <cstdint>

#include "core/allocator.h"
#include "cpu/gemm_epilogue.h"
#include "cpu/gemm_kernel.h"
#include "cpu/gemm_pack.h"

namespace tc::cpu {
inline namespace TC_ISA {
namespace {

inline constexpr std::int64_t kDepth =
    256;  // run of k: a panel of B is 32 KiB (AVX-512), half of that or less elsewhere

template <class P>
class Buffer {
 public:
  explicit Buffer(std::int64_t count) : bytes_(static_cast<std::size_t>(count) * sizeof(P)) {
    if (bytes_) data_ = static_cast<P*>(allocate_cpu(bytes_));
  }
  Buffer(const Buffer&) = delete;
  ~Buffer() {
    if (data_) free_cpu(data_, bytes_);
  }
  P* data() { return data_; }

 private:
  std::size_t bytes_;
  P* data_ = nullptr;
};

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Distance of packed rows of A: an odd number of cache lines more than a power of two, so that the rows of a tile do
// not compete for the same cache set.
template <class P>
std::int64_t packed_row(std::int64_t depth) {
  return ceil_div(depth, kLanes<P>) * kLanes<P> + kLanes<P>;
}

template <class P>
struct Source {
  const P* direct = nullptr;  // element (i, j) at i * row_stride + j * col_stride, if kernels may read it in place
  std::int64_t row_stride = 0, col_stride = 0;
  const P* packed = nullptr;  // else, if not null, packed: rows (A) or columns (B) from `origin`, k from `origin_k`,
  std::int64_t origin = 0, origin_k = 0, extent = 0;  // `extent` rows, or columns rounded up to whole panels
  void (*fill)(const void* context, P* out, std::int64_t ld, std::int64_t row0, std::int64_t row1, std::int64_t col0,
               std::int64_t col1) = nullptr;  // else this
  const void* context = nullptr;
};

template <class P>
struct Product {
  std::int64_t m, n, k;
  std::int64_t depth;       // of a run of k
  std::int64_t height;      // rows of a tile
  std::int64_t begin, end;  // the part of k to sum, from a multiple of depth
  bool last;                // whether it ends the sum: then bias and activation follow
  Source<P> a, b;
  Sink<P> sink;
};

// Packed A: for each run of k, all rows, `packed_row` apart. Packed B: for each run of k, panels of kTileCols columns.
template <class P>
const P* packed_a(const Product<P>& q, std::int64_t i, std::int64_t p) {
  return q.a.packed + ((p - q.a.origin_k) / q.depth * q.a.extent + i - q.a.origin) * packed_row<P>(q.depth);
}
template <class P>
const P* packed_b(const Product<P>& q, std::int64_t j, std::int64_t p, std::int64_t run) {
  return q.b.packed + (p - q.b.origin_k) * q.b.extent + (j - q.b.origin) * run;
}
template <class P>
void fill_panel(const Source<P>& b, P* out, std::int64_t p0, std::int64_t p1, std::int64_t j0, std::int64_t j1) {
  b.fill(b.context, out, kTileCols<P>, p0, p1, j0, j1);
  zero_columns(out, kTileCols<P>, p1 - p0, j1 - j0, kTileCols<P>);
}

template <class P>
void compute_block(const Product<P>& q, std::int64_t i0, std::int64_t i1, std::int64_t j0, std::int64_t j1) {
  constexpr std::int64_t kCols = kTileCols<P>;
  alignas(kAlignment) P panel[kDepth * kCols];
  alignas(kAlignment) P tile[kTileRows<P> * kCols];
  const bool own_a = !q.a.direct && !q.a.packed;
  const bool one_run = q.end - q.begin <= q.depth;
  const bool own_sums = !q.sink.direct && !one_run;  // C cannot hold the sums between runs
  const std::int64_t sums_stride = ceil_div(j1 - j0, kCols) * kCols;
  Buffer<P> a_rows(own_a ? (i1 - i0) * packed_row<P>(q.depth) : 0);
  Buffer<P> sums(own_sums ? (i1 - i0) * sums_stride : 0);
  std::int64_t p = q.begin;
  do {
    const std::int64_t run = std::min(q.depth, q.end - p);
    const bool first = p == q.begin, last = p + run == q.end;
    const P old = first ? q.sink.beta : P(1);  // what C counts for in this run
    std::int64_t a_row = packed_row<P>(q.depth), a_step = 1;
    const P* a = a_rows.data();
    if (q.a.direct) {
      a_row = q.a.row_stride, a_step = q.a.col_stride;
      a = q.a.direct + i0 * a_row + p * a_step;
    } else if (q.a.packed) {
      a = packed_a(q, i0, p);
    } else {
      q.a.fill(q.a.context, a_rows.data(), a_row, i0, i1, p, p + run);
    }
    for (std::int64_t j = j0; j < j1; j += kCols) {
      const std::int64_t cols = std::min(kCols, j1 - j);
      const int vectors = cols > kLanes<P> ? 2 : 1;
      const bool whole = cols == vectors * kLanes<P>;
      const P* b = panel;
      std::int64_t b_step = kCols;
      if (q.b.direct && whole) {
        b = q.b.direct + p * q.b.row_stride + j;
        b_step = q.b.row_stride;
      } else if (q.b.packed) {
        b = packed_b(q, j, p, run);
      } else {
        fill_panel(q.b, panel, p, p + run, j, j + cols);
      }
      const auto& kernels = kTileKernels<P>[static_cast<std::size_t>(vectors - 1)];
      for (std::int64_t i = i0; i < i1; i += q.height) {
        const std::int64_t rows = std::min(q.height, i1 - i);
        const TileKernel<P> kernel = kernels[static_cast<std::size_t>(rows - 1)];
        const P* a_tile = a + (i - i0) * a_row;
        if (q.sink.direct && whole && (q.sink.plain || !(last && q.last))) {
          kernel(run, a_tile, a_row, a_step, b, b_step, q.sink.direct + i * q.sink.direct_stride + j,
                 q.sink.direct_stride, q.sink.alpha, old);
        } else if (!own_sums) {
          kernel(run, a_tile, a_row, a_step, b, b_step, tile, kCols, P(1), P(0));
          q.sink.finish(q.sink.context, tile, kCols, rows, cols, i, j, old, last && q.last);
        } else {
          P* sum = sums.data() + (i - i0) * sums_stride + j - j0;
          kernel(run, a_tile, a_row, a_step, b, b_step, sum, sums_stride, P(1), first ? P(0) : P(1));
          if (last) q.sink.finish(q.sink.context, sum, sums_stride, rows, cols, i, j, q.sink.beta, q.last);
        }
      }
    }
    p += run;
  } while (p < q.end);
}

}  // namespace
}  // namespace TC_ISA
}  // namespace tc::cpu
