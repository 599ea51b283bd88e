// Matrix product on the ordinary cores, for every dtype. The ladder of siboehm/SGEMM_CUDA to its top: block tiles in
// shared memory, warp tiles, 8 x 8 sums per thread in registers, both operands with k slowest so that fragments are
// read 16 bytes at a time; and a ring of stages filled by asynchronous copies, which turn an operand whose neighbours
// lie along k element by element on the way.
//
// Floor: m n k / 128 cycles of one multiprocessor's multiply-adds (float32). Per step of k a thread reads 16 numbers
// for 64 multiply-adds; a warp reads 8 x 4 different fragments, the rest are broadcasts, and touches every bank once.
#pragma once
#include "cuda/gemm_epilogue.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

// Copies one operand's part of a step of k to a stage, element (k, o) to line k, zeros past the edges.
template <class T, int outer, int depth, int threads>
struct SimtLoader {
  using P = GemmSum<T>;
  static constexpr int kPitch = simt_pitch(outer);

  const T* base;  // of this block's tile
  const GemmSidePlan& side;
  int outer_left;  // rows (columns) of the matrix from here on

  // Step `k` of this block's sum, of which `k_left` remain.
  TC_DEVICE void load(P* stage, std::int64_t k, int k_left) const {
    const T* from = base + k * side.k_stride;
    if (sizeof(T) == 4 && side.width == 16) {  // neighbours lie along `outer`
      constexpr int kPerLine = outer / 4;
#pragma unroll
      for (int i = 0; i < depth * kPerLine / threads; ++i) {
        const int index = static_cast<int>(threadIdx.x) + i * threads;
        const int line = index / kPerLine, run = index % kPerLine * 4;
        const int filled = line < k_left ? min(max(outer_left - run, 0), 4) : 0;
        copy_async<16>(stage + line * kPitch + run, filled ? from + line * side.k_stride + run : from, filled * 4);
      }
      return;
    }
#pragma unroll 2
    for (int i = static_cast<int>(threadIdx.x); i < outer * depth; i += threads) {
      const int line = side.k_major ? i % depth : i / outer, o = side.k_major ? i / depth : i % outer;
      const bool inside = line < k_left && o < outer_left;
      const T* source = inside ? from + line * side.k_stride + o * side.outer_stride : from;
      if constexpr (sizeof(T) == sizeof(P))
        copy_async<sizeof(T)>(stage + line * kPitch + o, source, inside ? static_cast<int>(sizeof(T)) : 0);
      else
        stage[line * kPitch + o] = inside ? convert<P>(*source) : P(0);
    }
  }
};

template <class P>
TC_DEVICE void read_four(P* to, const P* from) {
  constexpr int kWide = 16 / sizeof(P);
#pragma unroll
  for (int i = 0; i < 4; i += kWide) {
    const Pack<P, kWide> pack = *reinterpret_cast<const Pack<P, kWide>*>(from + i);
#pragma unroll
    for (int j = 0; j < kWide; ++j) to[i + j] = pack.at[j];
  }
}

template <class T, int tile_index>
__global__ void __launch_bounds__(kSimtTiles[tile_index].threads,
                                  (sizeof(T) == 8 ? 256 : 512) / kSimtTiles[tile_index].threads)
    gemm_simt(const __grid_constant__ GemmArguments<T> g) {
  using P = GemmSum<T>;
  constexpr GemmTile tile = kSimtTiles[tile_index];
  constexpr int kM = tile.m, kN = tile.n, kK = tile.k, kStages = tile.stages, kStage = simt_stage(tile);
  constexpr int kPitchA = simt_pitch(kM), kPitchB = simt_pitch(kN);
  constexpr int kPiecesM = tile.warp_m() / 32, kPiecesN = 2;  // a thread's 4 x 4 pieces; those of a warp cover 32 x 16
  P* const shared = dynamic_shared<P>();

  const BlockTile t = block_tile<kM, kN, kK>(g);
  const SimtLoader<T, kM, kK, tile.threads> a{tile_of_a(g, t), g.a_side,
                                              static_cast<int>(min(g.m - t.row(), std::int64_t{kM}))};
  const SimtLoader<T, kN, kK, tile.threads> b{tile_of_b(g, t), g.b_side,
                                              static_cast<int>(min(g.n - t.col(), std::int64_t{kN}))};
  const auto load = [&](int step) {
    if (step < t.k_steps) {
      P* stage = shared + step % kStages * kStage;
      const std::int64_t k = static_cast<std::int64_t>(step) * kK;
      const int left = step + 1 < t.k_steps ? kK : t.k_last;
      a.load(stage, k, left);
      b.load(stage + kK * kPitchA, k, left);
    }
    commit_copies();  // also of nothing: groups are counted
  };

  const int warp_row = warp_id() / tile.warps_n() * tile.warp_m(), warp_col = warp_id() % tile.warps_n() * 32;
  const int row = warp_row + lane_id() / 4 * 4, col = warp_col + lane_id() % 4 * 4;
  P sums[kPiecesM * 4][kPiecesN * 4] = {};
  SideSums<T, kM, kN, kK, tile.threads> sides(g, t);

#pragma unroll
  for (int step = 0; step < kStages - 1; ++step) load(step);
#pragma unroll 1
  for (int step = 0; step < t.k_steps; ++step) {
    wait_copies<kStages - 2>();
    __syncthreads();           // this stage is there for all, and all have left the stage before it,
    load(step + kStages - 1);  // which is the next to be filled
    const P* stage_a = shared + step % kStages * kStage;
    const P* stage_b = stage_a + kK * kPitchA;
#pragma unroll
    for (int k = 0; k < kK; ++k) {
      P left[kPiecesM * 4], right[kPiecesN * 4];
#pragma unroll
      for (int i = 0; i < kPiecesM; ++i) read_four(left + 4 * i, stage_a + k * kPitchA + row + 32 * i);
#pragma unroll
      for (int j = 0; j < kPiecesN; ++j) read_four(right + 4 * j, stage_b + k * kPitchB + col + 16 * j);
#pragma unroll
      for (int i = 0; i < kPiecesM * 4; ++i)
#pragma unroll
        for (int j = 0; j < kPiecesN * 4; ++j) sums[i][j] += left[i] * right[j];
    }
    sides.add([&](int o, int k) { return stage_a[k * kPitchA + o]; },
              [&](int o, int k) { return stage_b[k * kPitchB + o]; });
  }
  wait_copies<0>();
  __syncthreads();

  sides.write(g, t, shared);
  constexpr int kSlabRows = simt_slab_rows(tile), kPitch = simt_slab_pitch(tile);
#pragma unroll
  for (int piece = 0; piece < kPiecesM; ++piece) {
    const int slab_row = warp_row / kPiecesM + lane_id() / 4 * 4;
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int j = 0; j < kPiecesN * 4; ++j)
        shared[(slab_row + i) * kPitch + col + j / 4 * 16 + j % 4] = sums[piece * 4 + i][j];
    __syncthreads();
    write_slab<kSlabRows, kN, kPitch, tile.threads, kPiecesM * 32>(g, t, shared, piece * 32);
    __syncthreads();
  }
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
