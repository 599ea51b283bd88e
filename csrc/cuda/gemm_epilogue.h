// The ends of a product kernel: which tile a block owns, and what happens to its sums on their way to memory. Sums pass
// through shared memory, so that whichever thread holds them, neighbouring threads write neighbouring columns, 16 bytes
// at a time, and the code of the activations is there once and needs few registers.
#pragma once
#include "cuda/device/cuda.h"
#include "cuda/device/memory.h"
#include "cuda/gemm.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

// The type a product of T is summed in. Integers wrap around, so the sign of narrow ones does not matter.
template <class T>
using GemmSum =
    std::conditional_t<std::is_integral_v<T>, std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>, Acc<T>>;

template <class T>
struct GemmArguments {
  using P = GemmSum<T>;
  const T *a, *b;
  GemmSidePlan a_side, b_side;
  std::int64_t m, n, k, k_per_split;
  int tiles_m, tiles_n;
  std::int64_t first_batch;  // of this launch

  T* c;
  std::int64_t c_row_stride, c_col_stride;
  int c_width;
  P alpha, beta;
  const T* residual;  // null where beta is 0
  std::int64_t residual_row_stride, residual_col_stride;
  const T *row_bias, *column_bias;
  std::int64_t row_bias_stride, column_bias_stride;
  Activation activation;
  bool plain;  // C is the sums, rounded

  P* partial;  // (split, batch, m, n) sums, or null: this kernel finishes C
  T* sums;     // over k, of A's rows or B's columns; null where not asked for
  P* partial_sums;
  bool sums_of_b;
  GemmBatch batch;
};

// What a block computes. blockIdx: (tile, split of k, matrix of the batch). Few numbers, since they are held in
// registers throughout.
template <int m, int n>
struct BlockTile {
  int tile_row, tile_col;
  int k;  // steps of it, this block's part
  TC_DEVICE std::int64_t row() const { return static_cast<std::int64_t>(tile_row) * m; }  // of C, where it begins
  TC_DEVICE std::int64_t col() const { return static_cast<std::int64_t>(tile_col) * n; }
};

struct BatchOffsets {
  std::int64_t a, b, c, residual;
};

TC_DEVICE BatchOffsets batch_offsets(const GemmBatch& batch, std::int64_t matrix) {
  BatchOffsets at{0, 0, 0, 0};
  for (int axis = batch.ndim - 1; axis >= 0; --axis) {
    const std::int64_t index = matrix % batch.shape[axis];
    matrix /= batch.shape[axis];
    at.a += index * batch.a[axis], at.b += index * batch.b[axis];
    at.c += index * batch.c[axis], at.residual += index * batch.residual[axis];
  }
  return at;
}

template <class T>
TC_DEVICE std::int64_t k_begin(const GemmArguments<T>& g) {
  return static_cast<std::int64_t>(blockIdx.y) * g.k_per_split;
}
template <class T>
TC_DEVICE std::int64_t matrix_index(const GemmArguments<T>& g) {
  return g.first_batch + blockIdx.z;
}

// Tiles are taken in groups of 8 rows of tiles, column by column, so that blocks that run at the same time read few
// distinct rows of A and columns of B, which stay in the L2 cache.
template <int m, int n, class T>
TC_DEVICE BlockTile<m, n> block_tile(const GemmArguments<T>& g) {
  const int per_group = min(g.tiles_m, 8), tiles = per_group * g.tiles_n;
  const int first = static_cast<int>(blockIdx.x) / tiles * per_group, within = static_cast<int>(blockIdx.x) % tiles;
  const int rows = min(g.tiles_m - first, per_group);
  BlockTile<m, n> t;
  t.tile_row = first + within % rows;
  t.tile_col = within / rows;
  t.k = static_cast<int>(min(g.k - k_begin(g), g.k_per_split));
  return t;
}

// The first elements of a block's tiles of A and B.
template <class T, class Tile>
TC_DEVICE const T* tile_of_a(const GemmArguments<T>& g, const Tile& t) {
  return g.a + batch_offsets(g.batch, matrix_index(g)).a + t.row() * g.a_side.outer_stride +
         k_begin(g) * g.a_side.k_stride;
}
template <class T, class Tile>
TC_DEVICE const T* tile_of_b(const GemmArguments<T>& g, const Tile& t) {
  return g.b + batch_offsets(g.batch, matrix_index(g)).b + t.col() * g.b_side.outer_stride +
         k_begin(g) * g.b_side.k_stride;
}

template <class P>
TC_DEVICE P activated(Activation activation, P x) {
  if constexpr (std::is_floating_point_v<P>) {
    switch (activation) {
      case Activation::relu:
        return x < P(0) ? P(0) : x;  // keeps NaN
      case Activation::gelu:
        return x * P(0.5) * (std::erf(x * P(0.70710678118654752)) + P(1));
      case Activation::tanh:
        return std::tanh(x);
      case Activation::sigmoid:
        return P(1) / (P(1) + std::exp(-x));
      case Activation::silu:
        return x / (P(1) + std::exp(-x));
      case Activation::none:
        break;
    }
  }
  return x;
}

// One element of C before it is rounded: activation(alpha sum + beta residual + biases).
template <class T>
TC_DEVICE GemmSum<T> finished(const GemmArguments<T>& g, GemmSum<T> sum, std::int64_t matrix_residual, std::int64_t row,
                              std::int64_t col) {
  using P = GemmSum<T>;
  P x = g.alpha * sum;
  if (g.residual)
    x += g.beta * convert<P>(g.residual[matrix_residual + row * g.residual_row_stride + col * g.residual_col_stride]);
  if (g.column_bias) x += convert<P>(g.column_bias[col * g.column_bias_stride]);
  if (g.row_bias) x += convert<P>(g.row_bias[row * g.row_bias_stride]);
  return activated(g.activation, x);
}

// Takes a slab of sums, `rows` x `cols` in lines of `pitch`, to C or to the partial sums. Slab row r is row
// r / 32 * row_step + r % 32 + row_offset of the tile. All threads call it, after a barrier.
template <int rows, int cols, int pitch, int threads, int row_step, class T, class Tile>
TC_DEVICE void write_slab(const GemmArguments<T>& g, const Tile& t, GemmSum<T>* slab, int row_offset) {
  using P = GemmSum<T>;
  const auto row_of = [&](int r) { return t.row() + r / 32 * row_step + r % 32 + row_offset; };
  const std::int64_t matrix = matrix_index(g);
  const BatchOffsets at = batch_offsets(g.batch, matrix);
  if (!g.partial && !g.plain) {
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x); i < rows * cols; i += threads) {
      const int r = i / cols, q = i % cols;
      const std::int64_t row = row_of(r), col = t.col() + q;
      if (row < g.m && col < g.n) slab[r * pitch + q] = finished(g, slab[r * pitch + q], at.residual, row, col);
    }
    __syncthreads();
  }
  constexpr int kColumns = sizeof(T) == 8 ? 2 : sizeof(T) == 2 ? 8 : 4;  // per thread and pass
  constexpr int kPerRow = cols / kColumns;
  static_assert(rows * kPerRow % threads == 0);
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x); i < rows * kPerRow; i += threads) {
    const int r = i / kPerRow, q = i % kPerRow * kColumns;
    const std::int64_t row = row_of(r), col = t.col() + q;
    if (row >= g.m || col >= g.n) continue;
    const int count = static_cast<int>(min(g.n - col, static_cast<std::int64_t>(kColumns)));
    const P* sums = slab + r * pitch + q;
    if (g.partial) {
      P* to = g.partial + ((blockIdx.y * g.batch.count + matrix) * g.m + row) * g.n + col;
#pragma unroll
      for (int j = 0; j < kColumns; ++j)
        if (j < count) to[j] = sums[j];
      continue;
    }
    T* to = g.c + at.c + row * g.c_row_stride + col * g.c_col_stride;
    if (count == kColumns && g.c_width == 16 && sizeof(T) > 1) {
      Pack<T, kColumns> pack;
#pragma unroll
      for (int j = 0; j < kColumns; ++j) pack.at[j] = convert<T>(sums[j]);
      *reinterpret_cast<Pack<T, kColumns>*>(to) = pack;
    } else {
#pragma unroll
      for (int j = 0; j < kColumns; ++j)
        if (j < count) to[j * g.c_col_stride] = convert<T>(sums[j]);
    }
  }
}

// The sum over k of one operand, taken along by the blocks at the matrix' edge: A's rows by those of the first column
// of tiles, B's columns by those of the first row. Each thread adds a part of every step of one row or column; the
// parts are added in order at the end.
template <class T, int tile_m, int tile_n, int depth, int threads>
struct SideSums {
  using P = GemmSum<T>;
  bool of_a, of_b;
  P sum = P(0);

  TC_DEVICE SideSums(const GemmArguments<T>& g, const BlockTile<tile_m, tile_n>& t)
      : of_a(g.sums && !g.sums_of_b && t.tile_col == 0), of_b(g.sums && g.sums_of_b && t.tile_row == 0) {}

  // read_a(o, k): element of the stage in shared memory, zero past the edges.
  template <class ReadA, class ReadB>
  TC_DEVICE void add(ReadA read_a, ReadB read_b) {
    if (of_a) sum += part<tile_m>(read_a);
    if (of_b) sum += part<tile_n>(read_b);
  }

  template <int outer, class Read>
  TC_DEVICE static P part(Read read) {
    constexpr int kSteps = depth / (threads / outer);
    const int o = static_cast<int>(threadIdx.x) % outer, first = static_cast<int>(threadIdx.x) / outer * kSteps;
    P here = P(0);
#pragma unroll 1
    for (int k = 0; k < kSteps; ++k) here += convert<P>(read(o, first + k));
    return here;
  }

  // `scratch`: one P per thread of shared memory that nobody uses.
  TC_DEVICE void write(const GemmArguments<T>& g, const BlockTile<tile_m, tile_n>& t, P* scratch) {
    if (!of_a && !of_b) return;  // the whole block
    const int i = static_cast<int>(threadIdx.x), outer = of_a ? tile_m : tile_n;
    const std::int64_t at = (of_a ? t.row() : t.col()) + i, extent = of_a ? g.m : g.n;
    scratch[i] = sum;
    __syncthreads();
    if (i < outer && at < extent) {
      P total = sum;
      for (int next = i + outer; next < threads; next += outer) total += scratch[next];
      if (g.partial_sums)
        g.partial_sums[blockIdx.y * extent + at] = total;
      else
        g.sums[at] = convert<T>(total);
    }
    __syncthreads();
  }
};

// Adds the partial sums of a split in order of k and finishes C. Blocks of 32 elements x 8 parts of the split: thread y
// adds every eighth, then the eight are added in order.
template <class T>
__global__ void __launch_bounds__(256) gemm_reduce(const __grid_constant__ GemmArguments<T> g, int split) {
  using P = GemmSum<T>;
  TC_SHARED(P, parts, [8][32]);
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  const std::int64_t per_split = g.batch.count * g.m * g.n;
  const std::int64_t element = static_cast<std::int64_t>(blockIdx.x) * 32 + x;
  P sum = P(0);
  if (element < per_split) {
#pragma unroll 4
    for (int s = y; s < split; s += 8) sum += g.partial[s * per_split + element];
  }
  parts[y][x] = sum;
  __syncthreads();
  if (y != 0 || element >= per_split) return;
  for (int part = 1; part < 8; ++part) sum += parts[part][x];
  const BatchOffsets at = batch_offsets(g.batch, element / (g.m * g.n));
  const std::int64_t row = element / g.n % g.m, col = element % g.n;
  g.c[at.c + row * g.c_row_stride + col * g.c_col_stride] = convert<T>(finished(g, sum, at.residual, row, col));
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
