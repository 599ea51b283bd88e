// What a matrix product on a GPU looks like before it runs: which kernel, tile, split of k and widths of access. A pure
// function of extents, strides, alignment, precision and number of multiprocessors: no device needed, nothing measured.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "ops/linalg.h"

namespace tc::cuda {

// simt: multiply-adds of the ordinary cores, any dtype. The others run on tensor cores: float16 and bfloat16; float32
// rounded to tf32; float32 as the sum of two tf32 numbers each.
enum class GemmKernel : std::uint8_t { simt, mma, tf32, tf32x3 };
const char* name_of(GemmKernel kernel);

// A block computes m x n elements of C, k steps at a time, through a ring of `stages` such steps in shared memory. Its
// warps compute parts of 32 columns each, of 64 rows with 256 threads and 32 rows with 128.
struct GemmTile {
  int m, n, k, stages, threads;
  constexpr int warps_n() const { return n / 32; }
  constexpr int warp_m() const { return m * warps_n() * 32 / threads; }
  friend constexpr bool operator==(const GemmTile&, const GemmTile&) = default;
};

// The tiles kernels are compiled for, largest first. Ints and float64 have the second of kSimtTiles only.
inline constexpr int kGemmTiles = 4;
inline constexpr GemmTile kSimtTiles[kGemmTiles] = {
    {128, 128, 16, 3, 256}, {64, 64, 16, 3, 128}, {32, 128, 16, 3, 128}, {128, 32, 16, 3, 128}};
inline constexpr GemmTile kMmaTiles[kGemmTiles] = {
    {128, 128, 32, 4, 256}, {64, 64, 64, 3, 128}, {32, 128, 64, 3, 128}, {128, 32, 64, 3, 128}};
inline constexpr GemmTile kTf32Tiles[kGemmTiles] = {
    {128, 128, 32, 3, 256}, {64, 64, 32, 3, 128}, {32, 128, 32, 3, 128}, {128, 32, 32, 3, 128}};
inline constexpr int kSmallSimtTile = 1;

// The SIMT kernel keeps both operands with k slowest. The padding spreads neighbours along k over the banks.
constexpr int simt_pitch(int outer) { return outer + 4; }
constexpr int simt_stage(const GemmTile& tile) { return tile.k * (simt_pitch(tile.m) + simt_pitch(tile.n)); }

// In the tensor-core kernels an operand's k steps lie in shared memory as they do in global memory, in
// lines: of k for each row of A (column of B), "k-major", or the other way round. Lines are padded so that the reads of
// fragments touch every bank once.
constexpr int mma_pitch(bool k_major, int outer, int k, int bytes) { return k_major ? k + 16 / bytes : outer + 8; }
constexpr int mma_region(int outer, int k, int bytes) {  // elements one operand needs per stage, either way round
  return std::max(outer * mma_pitch(true, outer, k, bytes), k * mma_pitch(false, outer, k, bytes));
}
constexpr int mma_stage(const GemmTile& tile, int bytes) {
  return mma_region(tile.m, tile.k, bytes) + mma_region(tile.n, tile.k, bytes);
}

// Results pass through shared memory, so that rows of C are written whole: all at once by the tensor-core kernels, half
// the tile at a time by the large SIMT one.
constexpr int simt_slab_rows(const GemmTile& tile) { return tile.m * 32 / tile.warp_m(); }
constexpr int simt_slab_pitch(const GemmTile& tile) { return tile.n + 4; }
constexpr int mma_slab_pitch(const GemmTile& tile) { return tile.n + 8; }

constexpr std::size_t shared_bytes(GemmKernel kernel, const GemmTile& tile, int bytes) {  // `bytes` per element
  const int loop = kernel == GemmKernel::simt ? tile.stages * simt_stage(tile) * bytes
                                              : tile.stages * mma_stage(tile, bytes) * bytes;
  const int slab = kernel == GemmKernel::simt ? simt_slab_rows(tile) * simt_slab_pitch(tile) * bytes
                                              : tile.m * mma_slab_pitch(tile) * 4;
  return static_cast<std::size_t>(std::max(loop, slab));
}

// A or B as the kernel sees it: `outer` runs over rows of A or columns of B. `alignment`: the largest power of two, at
// most 16, that divides the address of every matrix of the batch, in bytes.
struct GemmSide {
  std::int64_t outer_stride, k_stride;
  int alignment = 16;
};

struct GemmProblem {
  std::int64_t m, n, k, batch;
  DType dtype;
  GemmSide a, b;
  std::int64_t c_row_stride, c_col_stride;
  int c_alignment;
  MatmulPrecision precision;
  int multiprocessors;
  int tile_index = -1;  // of the tile to take; -1: the best one
};

struct GemmSidePlan {
  std::int64_t outer_stride, k_stride;
  bool k_major;               // neighbours along k are fetched together, else neighbours along rows or columns
  int width;                  // bytes per access: 16, 4 or one element
  std::int64_t copy_stride;   // from one of a thread's copies to its next in a stage, and
  std::int64_t stage_stride;  // to that of the next stage: given here, they cost kernels no registers
};

struct GemmPlan {
  GemmKernel kernel;
  int tile_index;
  GemmTile tile;
  GemmSidePlan a, b;
  int c_width;               // bytes per store to C: 16 or one element
  int split_k;               // blocks that share the k steps of one tile
  std::int64_t k_per_split;  // a multiple of tile.k
  std::int64_t tiles_m, tiles_n;
  std::size_t shared;     // bytes per block
  std::size_t workspace;  // bytes of partial sums, 0 without a split
};

GemmPlan plan_gemm(const GemmProblem& problem);

// For tests and measurements: the tile_index of all products from now on.
void force_gemm_tile(int index);
int forced_gemm_tile();

// The largest power of two, at most 16, that divides all of them.
int common_alignment(std::initializer_list<std::int64_t> byte_offsets);

}  // namespace tc::cuda
