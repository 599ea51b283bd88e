// Matrix product on the ordinary cores, for every dtype. The ladder of siboehm/SGEMM_CUDA to its top: block tiles in
// shared memory, warp tiles, 8 x 8 sums per thread in registers, both operands with k slowest so that fragments are
// read 16 bytes at a time; and a ring of stages filled by asynchronous copies, which turn an operand whose neighbours
// lie along k element by element on the way.
//
// Floor: m n k / 128 cycles of one multiprocessor's multiply-adds (float32). Per step of k a thread reads 16 numbers
// for 64 multiply-adds; a warp reads 8 x 4 different fragments, the rest are broadcasts, and touches every bank once.
#pragma once
#include "cuda/gemm_epilogue.h"
#include "cuda/gemm_stages.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

// Copies one operand's part of a step of k to a stage, element (k, o) to line k, zeros past the edges. Neighbouring
// threads copy neighbours, four at a time if `wide`; each thread then moves on along the other axis. What it has to
// remember is kept small: every register here is one less for sums.
template <class T, int outer, int depth, int threads>
struct SimtLoader {
  using P = GemmSum<T>;
  static constexpr int kPitch = simt_pitch(outer);
  // How far a thread moves along the other axis: rows (columns) if k-major, else steps of k.
  static constexpr int kTurned = threads / depth, kStraight = threads / outer, kWide = threads / (outer / 4);

  const T* from;  // this thread's first element of the next stage
  int to;         // where it goes in the stage
  int line;       // its step of k
  int left;       // elements from there to the edge of the matrix, along `outer`
  const GemmSidePlan& side;

  // `tile`: first element of this block's tile, which has `outer_left` rows (columns) of the matrix.
  TC_DEVICE SimtLoader(const T* tile, const GemmSidePlan& side, std::int64_t outer_left) : side(side) {
    const bool k_major = side.k_major, wide = sizeof(T) == 4 && side.width == 16;
    const int thread = static_cast<int>(threadIdx.x);
    const int run = wide ? thread % (outer / 4) * 4 : thread % outer;
    line = k_major ? thread % depth : wide ? thread / (outer / 4) : thread / outer;
    const int o = k_major ? thread / depth : run;
    from = tile + line * side.k_stride + o * side.outer_stride;
    to = line * kPitch + o;
    left = static_cast<int>(min(outer_left, std::int64_t{outer})) - o;
    if (wide) left = min(max(left, 0), 4);
  }

  // The next step of this block's sum, of which `k_left` remain. Where nothing is to be read, the source may lie
  // anywhere.
  TC_DEVICE void load(P* stage, int k_left) {
    const T* source = from;
    P* at = stage + to;
    if (sizeof(T) == 4 && side.width == 16) {
      if constexpr (sizeof(T) == 4) {
#pragma unroll
        for (int i = 0; i < depth; i += kWide) {
          copy_async<16>(at + i * kPitch, source, line + i < k_left ? left * 4 : 0);
          source += side.copy_stride;
        }
      }
    } else {
      const int inside = side.k_major ? (line < k_left ? left : 0) : (left > 0 ? k_left - line : 0);
      const int moved = side.k_major ? kTurned : kStraight, at_step = side.k_major ? kTurned : kStraight * kPitch;
      constexpr int kCopies = outer * depth / threads;
      if constexpr (sizeof(T) == sizeof(P)) {
#pragma unroll 2
        for (int i = 0; i < kCopies; ++i) {
          copy_async<sizeof(T)>(at + i * at_step, source, i * moved < inside ? static_cast<int>(sizeof(T)) : 0);
          source += side.copy_stride;
        }
      } else {  // through registers, which also widens them; all loads before the first store
        T held[kCopies];
#pragma unroll
        for (int i = 0; i < kCopies; ++i) {
          held[i] = i * moved < inside ? *source : T(0);
          source += side.copy_stride;
        }
#pragma unroll
        for (int i = 0; i < kCopies; ++i) at[i * at_step] = convert<P>(held[i]);
      }
    }
    from += side.stage_stride;
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
  constexpr int kM = tile.m, kN = tile.n, kK = tile.k, kStage = simt_stage(tile);
  constexpr int kPitchA = simt_pitch(kM), kPitchB = simt_pitch(kN);
  constexpr int kPiecesM = tile.warp_m() / 32, kPiecesN = 2;  // a thread's 4 x 4 pieces; those of a warp cover 32 x 16
  P* const shared = dynamic_shared<P>();

  const BlockTile t = block_tile<kM, kN>(g);
  SimtLoader<T, kM, kK, tile.threads> a(tile_of_a(g, t), g.a_side, g.m - t.row());
  SimtLoader<T, kN, kK, tile.threads> b(tile_of_b(g, t), g.b_side, g.n - t.col());
  const int warp_row = warp_id() / tile.warps_n() * tile.warp_m(), warp_col = warp_id() % tile.warps_n() * 32;
  const int row = warp_row + lane_id() / 4 * 4, col = warp_col + lane_id() % 4 * 4;
  P sums[kPiecesM * 4][kPiecesN * 4] = {};
  SideSums<T, kM, kN, kK, tile.threads> sides(g, t);

  const auto load = [&](int stage, int left) {
    a.load(shared + stage * kStage, left);
    b.load(shared + stage * kStage + kK * kPitchA, left);
  };
  run_stages<tile.stages, kK>(t.k, load, [&](int stage) {
    const P* stage_a = shared + stage * kStage;
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
  });

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
