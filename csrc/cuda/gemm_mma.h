// Matrix product on tensor cores by mma.sync (sm_80): float16 and bfloat16, float32 rounded to tf32, and float32 split
// into two tf32 numbers. Asynchronous copies fill a ring of stages in shared memory while warps compute from the
// oldest. Operands stay the way round they have in global memory; transposing happens on the way to registers.
//
// Three products for one ("3xtf32"): x = big + small with big = tf32(x), small = tf32(x - big), so a b = small big +
// big small + big big to 21 bits or so. The tensor core truncates as it accumulates; its sums are therefore kept to one
// stage and added to float32 sums by the ordinary cores, which round to nearest (Ootomo and Yokota, arXiv 2203.03341).
// Infinities become NaN in this mode.
#pragma once
#include "cuda/device/mma.h"
#include "cuda/gemm_epilogue.h"
#include "cuda/gemm_stages.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

// Copies one operand's part of a step of k to a stage, in lines of neighbours, zeros past the edges. Neighbouring
// threads copy neighbours; each thread then moves on along the other axis, line by line.
template <class T, int outer, int depth, int threads>
struct MmaLoader {
  const T* from;  // of this block's tile, moving along k
  const GemmSidePlan& side;
  int outer_left;  // rows (columns) of the matrix from here on

  TC_DEVICE int pitch() const { return mma_pitch(side.k_major, outer, depth, sizeof(T)); }

  // The next step of this block's sum, of which `k_left` remain.
  TC_DEVICE void load(T* stage, int k_left) {
    if (side.width == 16)
      copy<16 / sizeof(T)>(stage, k_left);
    else if (sizeof(T) == 4 || side.width == 4)
      copy<4 / sizeof(T)>(stage, k_left);
    else
      copy<0>(stage, k_left);
    from += side.stage_stride;
  }

  // `width` elements at a time by asynchronous copies, or, as those have 4 bytes at least, one through registers (0).
  template <int width>
  TC_DEVICE void copy(T* stage, int k_left) const {
    constexpr int kStep = width == 0 ? 1 : width, kCopies = outer * depth / kStep / threads;
    static_assert(kCopies * kStep * threads == outer * depth);
    const int lines = side.k_major ? outer_left : k_left, runs = side.k_major ? k_left : outer_left;
    const std::int64_t line_stride = side.k_major ? side.outer_stride : side.k_stride;
    const std::int64_t run_stride = kStep > 1 ? 1 : side.k_major ? side.k_stride : side.outer_stride;
    // Lines have one of two lengths, powers of two: positions are shifts.
    const int thread = static_cast<int>(threadIdx.x);
    const int line = side.k_major ? thread / (depth / kStep) : thread / (outer / kStep);
    const int run = (side.k_major ? thread % (depth / kStep) : thread % (outer / kStep)) * kStep;
    const int line_step = side.k_major ? threads / (depth / kStep) : threads / (outer / kStep);
    const int filled = min(max(runs - run, 0), kStep) * static_cast<int>(sizeof(T));
    const T* source = from + line * line_stride + run * run_stride;
    T* to = stage + line * pitch() + run;
    if constexpr (width > 0) {
#pragma unroll(kCopies < 8 ? kCopies : 4)
      for (int i = 0; i < kCopies; ++i) {  // where nothing is to be read, the source may lie anywhere
        copy_async<kStep * sizeof(T)>(to + i * line_step * pitch(), source, line + i * line_step < lines ? filled : 0);
        source += side.copy_stride;
      }
    } else {
      constexpr int kTogether = 8;  // loads issued before the first store: each takes some hundred cycles
#pragma unroll 1
      for (int i = 0; i < kCopies; i += kTogether) {
        T held[kTogether];
#pragma unroll
        for (int j = 0; j < kTogether; ++j) {
          held[j] = filled > 0 && line + (i + j) * line_step < lines ? *source : T(0.0f);
          source += side.copy_stride;
        }
#pragma unroll
        for (int j = 0; j < kTogether; ++j) to[(i + j) * line_step * pitch()] = held[j];
      }
    }
  }
};

// Four 8x8 matrices each for `count` fragments `step` elements apart: from lines along k or, transposed, across it.
template <int count, class T>
TC_DEVICE void load_fragments(unsigned (&out)[count][4], const T* row, int step, bool k_major) {
  if (k_major) {
#pragma unroll
    for (int i = 0; i < count; ++i) load_matrices<4>(out[i], row + i * step);
  } else {
#pragma unroll
    for (int i = 0; i < count; ++i) load_matrices<4, true>(out[i], row + i * step);
  }
}

// The part of a warp: kM fragments of 16 rows by kN of 8 columns, from one stage of `depth` steps of k.
template <class T, int kM, int kN, int depth>
struct WarpHalf {  // T is 16 bits wide
  const T *a, *b;  // this lane's rows of the first matrices
  int a_outer, a_k, b_outer, b_k;
  bool a_k_major, b_k_major;

  TC_DEVICE WarpHalf(int a_pitch, int b_pitch, bool a_k_major, bool b_k_major)
      : a_outer(a_k_major ? a_pitch : 1),
        a_k(a_k_major ? 1 : a_pitch),
        b_outer(b_k_major ? b_pitch : 1),
        b_k(b_k_major ? 1 : b_pitch),
        a_k_major(a_k_major),
        b_k_major(b_k_major) {}

  // The four matrices of A are ordered rows first, those of B, two fragments', k first. Lane 8 q + r gives row r of
  // matrix q, which is a line of shared memory: of one row or column if k-major, else of one step of k.
  TC_DEVICE void at(const T* stage_a, const T* stage_b, int row, int col) {
    const int q = lane_id() / 8, r = lane_id() % 8;
    a = stage_a + (row + q % 2 * 8 + (a_k_major ? r : 0)) * a_outer + (q / 2 * 8 + (a_k_major ? 0 : r)) * a_k;
    b = stage_b + (col + q / 2 * 8 + (b_k_major ? r : 0)) * b_outer + (q % 2 * 8 + (b_k_major ? 0 : r)) * b_k;
  }

  TC_DEVICE void multiply(float (&sums)[kM][kN][4]) const {
#pragma unroll
    for (int k = 0; k < depth; k += 16) {
      unsigned left[kM][4], right[kN / 2][4];
      load_fragments(left, a + k * a_k, 16 * a_outer, a_k_major);
      load_fragments(right, b + k * b_k, 16 * b_outer, b_k_major);
#pragma unroll
      for (int i = 0; i < kM; ++i)
#pragma unroll
        for (int j = 0; j < kN; ++j) {
          const unsigned pair[2] = {right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]};
          mma_16x8x16<T>(sums[i][j], left[i], pair);
        }
    }
  }
};

// The same in tf32, whose elements ldmatrix cannot transpose: lanes read their elements themselves. With the padding of
// mma_pitch() a warp's 32 reads touch 32 banks either way round.
template <bool split, int kM, int kN, int depth>
struct WarpTf32 {
  const float *a, *b;  // element (g, t) of the first fragment, (t, g) for B
  int a_outer, a_k, b_outer, b_k;

  TC_DEVICE WarpTf32(int a_pitch, int b_pitch, bool a_k_major, bool b_k_major)
      : a_outer(a_k_major ? a_pitch : 1),
        a_k(a_k_major ? 1 : a_pitch),
        b_outer(b_k_major ? b_pitch : 1),
        b_k(b_k_major ? 1 : b_pitch) {}

  TC_DEVICE void at(const float* stage_a, const float* stage_b, int row, int col) {
    const int g = lane_id() / 4, t = lane_id() % 4;
    a = stage_a + (row + g) * a_outer + t * a_k;
    b = stage_b + (col + g) * b_outer + t * b_k;
  }

  TC_DEVICE static void parts(float x, unsigned& big, unsigned& small) {
    big = to_tf32(x);
    if constexpr (split) small = to_tf32(x - __uint_as_float(big));
  }

  TC_DEVICE void multiply(float (&sums)[kM][kN][4]) const {
    if constexpr (!split) {
      add_stage(sums);
    } else {
      float stage[kM][kN][4] = {};
      add_stage(stage);
#pragma unroll
      for (int i = 0; i < kM; ++i)
#pragma unroll
        for (int j = 0; j < kN; ++j)
#pragma unroll
          for (int e = 0; e < 4; ++e) sums[i][j][e] += stage[i][j][e];
    }
  }

  TC_DEVICE void add_stage(float (&sums)[kM][kN][4]) const {
#pragma unroll 2
    for (int k = 0; k < depth; k += 8) {
      unsigned big[kM][4], small[kM][4], right_big[kN][2], right_small[kN][2];
#pragma unroll
      for (int i = 0; i < kM; ++i)
#pragma unroll
        for (int e = 0; e < 4; ++e)
          parts(a[(16 * i + e % 2 * 8) * a_outer + (k + e / 2 * 4) * a_k], big[i][e], small[i][e]);
#pragma unroll
      for (int j = 0; j < kN; ++j)
#pragma unroll
        for (int e = 0; e < 2; ++e) parts(b[8 * j * b_outer + (k + e * 4) * b_k], right_big[j][e], right_small[j][e]);
#pragma unroll
      for (int i = 0; i < kM; ++i)
#pragma unroll
        for (int j = 0; j < kN; ++j) {
          if constexpr (split) {
            mma_16x8x8_tf32(sums[i][j], small[i], right_big[j]);
            mma_16x8x8_tf32(sums[i][j], big[i], right_small[j]);
          }
          mma_16x8x8_tf32(sums[i][j], big[i], right_big[j]);
        }
    }
  }
};

template <class T, GemmKernel kernel, int kM, int kN, int depth>
struct WarpOf {
  using type = WarpTf32<kernel == GemmKernel::tf32x3, kM, kN, depth>;
};
template <class T, int kM, int kN, int depth>
struct WarpOf<T, GemmKernel::mma, kM, kN, depth> {
  using type = WarpHalf<T, kM, kN, depth>;
};

constexpr GemmTile mma_tile(GemmKernel kernel, int index) {
  return kernel == GemmKernel::mma ? kMmaTiles[index] : kTf32Tiles[index];
}
// Blocks a multiprocessor is to hold: what bounds the registers per thread.
constexpr int mma_blocks(GemmKernel kernel, int index) {
  return (kernel == GemmKernel::tf32x3 ? 256 : 512) / mma_tile(kernel, index).threads;
}

template <class T, GemmKernel kernel, int tile_index>
__global__ void __launch_bounds__(mma_tile(kernel, tile_index).threads, mma_blocks(kernel, tile_index))
    gemm_mma(const __grid_constant__ GemmArguments<T> g) {
  constexpr GemmTile tile = mma_tile(kernel, tile_index);
  constexpr int kK = tile.k, kStage = mma_stage(tile, sizeof(T));
  constexpr int kRegionA = mma_region(tile.m, kK, sizeof(T)), kRow = tile.warp_m() / 16, kCol = 4;
  T* const shared = dynamic_shared<T>();

  const BlockTile t = block_tile<tile.m, tile.n>(g);
  MmaLoader<T, tile.m, kK, tile.threads> a{tile_of_a(g, t), g.a_side,
                                           static_cast<int>(min(g.m - t.row(), std::int64_t{tile.m}))};
  MmaLoader<T, tile.n, kK, tile.threads> b{tile_of_b(g, t), g.b_side,
                                           static_cast<int>(min(g.n - t.col(), std::int64_t{tile.n}))};
  const int row = warp_id() / tile.warps_n() * tile.warp_m(), col = warp_id() % tile.warps_n() * 32;
  typename WarpOf<T, kernel, kRow, kCol, kK>::type warp(a.pitch(), b.pitch(), g.a_side.k_major, g.b_side.k_major);
  float sums[kRow][kCol][4] = {};
  SideSums<T, tile.m, tile.n, kK, tile.threads> sides(g, t);

  const auto load = [&](int stage, int left) {
    a.load(shared + stage * kStage, left);
    b.load(shared + stage * kStage + kRegionA, left);
  };
  run_stages<tile.stages, kK>(t.k, load, [&](int stage) {
    const T* stage_a = shared + stage * kStage;
    const T* stage_b = stage_a + kRegionA;
    warp.at(stage_a, stage_b, row, col);
    warp.multiply(sums);
    const auto read = [](const T* stage, const auto& loader) {
      return [stage, pitch = loader.pitch(), k_major = loader.side.k_major](int o, int k) {
        return stage[k_major ? o * pitch + k : k * pitch + o];
      };
    };
    sides.add(read(stage_a, a), read(stage_b, b));
  });

  float* const slab = reinterpret_cast<float*>(shared);
  sides.write(g, t, slab);
  constexpr int kPitch = mma_slab_pitch(tile);
  const int lane_row = lane_id() / 4, lane_col = lane_id() % 4 * 2;
#pragma unroll
  for (int i = 0; i < kRow; ++i)
#pragma unroll
    for (int j = 0; j < kCol; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float* to = slab + (row + 16 * i + 8 * half + lane_row) * kPitch + col + 8 * j + lane_col;
        *reinterpret_cast<Pack<float, 2>*>(to) = {{sums[i][j][2 * half], sums[i][j][2 * half + 1]}};
      }
  __syncthreads();
  write_slab<tile.m, tile.n, kPitch, tile.threads, 32>(g, t, slab, 0);
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
