#include "cuda/gemm_plan.h"

#include <atomic>
#include <cstdlib>
#include <initializer_list>
#include <limits>

namespace tc::cuda {
namespace {

// What one multiprocessor does per cycle, on sm_90. The model ranks tiles; it does not predict times.
constexpr double kLoadBytes = 32;       // from the L2 cache into shared memory
constexpr double kReduceBytes = 12;     // to and from global memory, as its share of the whole device
constexpr double kBlockCycles = 1500;   // to start a block and fill its ring
constexpr double kWrites = 32;          // sums that leave registers for C
constexpr double kReduceCycles = 4000;  // to start the kernel that adds partial sums
constexpr int kMaxSplit = 256;
constexpr std::int64_t kMinSteps = 128;                    // of k per block of a split
constexpr std::int64_t kMaxSteps = std::int64_t{1} << 30;  // kernels count them in 32 bits
constexpr double kMaxWorkspace = 64 << 20;
// Share of the multiply-adds a tile reaches: small ones read more of shared memory per multiply-add.
constexpr double kTileRate[kGemmTiles] = {1.0, 0.7, 0.55, 0.55};

double multiply_adds(GemmKernel kernel, DType dtype) {
  switch (kernel) {
    case GemmKernel::mma:
      return 1024;
    case GemmKernel::tf32:
      return 512;
    case GemmKernel::tf32x3:
      return 160;
    case GemmKernel::simt:
      break;
  }
  return dtype == DType::float32 ? 128 : 48;
}

GemmKernel kernel_for(DType dtype, MatmulPrecision precision) {
  if (is_half(dtype)) return GemmKernel::mma;
  if (dtype != DType::float32 || precision == MatmulPrecision::ieee) return GemmKernel::simt;
  return precision == MatmulPrecision::tf32 ? GemmKernel::tf32 : GemmKernel::tf32x3;
}

const GemmTile& tile_of(GemmKernel kernel, int index) {
  return kernel == GemmKernel::simt  ? kSimtTiles[index]
         : kernel == GemmKernel::mma ? kMmaTiles[index]
                                     : kTf32Tiles[index];
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Bytes per access when `run` is the direction of neighbours and `line` the other.
int access_width(GemmKernel kernel, int bytes, int alignment, std::int64_t run_extent, std::int64_t run_stride,
                 std::int64_t line_extent, std::int64_t line_stride) {
  if (kernel == GemmKernel::simt && bytes != 4) return bytes;
  if (run_extent > 1 && run_stride != 1) return bytes;
  const int aligned = line_extent > 1 ? std::min(alignment, common_alignment({line_stride * bytes})) : alignment;
  if (aligned >= 16) return 16;
  return aligned >= 4 && kernel == GemmKernel::mma ? 4 : bytes;
}

GemmSidePlan plan_side(GemmKernel kernel, int bytes, const GemmSide& side, std::int64_t outer, std::int64_t k) {
  // The SIMT kernel turns k-major operands around, one element at a time.
  const int along_k = kernel == GemmKernel::simt
                          ? bytes
                          : access_width(kernel, bytes, side.alignment, k, side.k_stride, outer, side.outer_stride);
  const int along_outer = access_width(kernel, bytes, side.alignment, outer, side.outer_stride, k, side.k_stride);
  const auto distance = [](std::int64_t extent, std::int64_t stride) {  // to a neighbour, if there is one
    return extent > 1 ? std::abs(stride) : std::numeric_limits<std::int64_t>::max();
  };
  const bool k_is_nearer = distance(k, side.k_stride) <= distance(outer, side.outer_stride);
  const bool k_major = along_k != along_outer ? along_k > along_outer : k_is_nearer;
  // The stride of a single line is never used to read, but wide copies want every address aligned.
  return {outer > 1 ? side.outer_stride : 0, k > 1 ? side.k_stride : 0, k_major, k_major ? along_k : along_outer, 0, 0};
}

// Threads copy neighbours along lines, and move on by as many lines as the block copies at once.
void plan_copies(GemmSidePlan& side, const GemmTile& tile, int outer, int bytes) {
  const int per_line = (side.k_major ? tile.k : outer) / std::max(side.width / bytes, 1);
  side.copy_stride = tile.threads / per_line * (side.k_major ? side.outer_stride : side.k_stride);
  side.stage_stride = tile.k * side.k_stride;
}

struct Cost {
  const GemmProblem& problem;
  GemmKernel kernel;
  int bytes, accumulator_bytes;

  double elements() const {  // of C
    return static_cast<double>(problem.m) * static_cast<double>(problem.n) * static_cast<double>(problem.batch);
  }

  // Cycles from first to last block: blocks come in waves of one per multiprocessor, and several that share one take
  // turns.
  double operator()(const GemmTile& tile, double tile_rate, int split, std::int64_t k_per_split) const {
    const GemmProblem& p = problem;
    const double tiles = static_cast<double>(ceil_div(p.m, tile.m)) * static_cast<double>(ceil_div(p.n, tile.n)) *
                         static_cast<double>(p.batch);
    const double blocks = tiles * split;
    const double waves = static_cast<double>(static_cast<std::int64_t>((blocks - 1) / p.multiprocessors) + 1);
    const double k = static_cast<double>(std::min(k_per_split, ceil_div(p.k, tile.k) * tile.k));
    const double math = tile.m * tile.n * k / (multiply_adds(kernel, p.dtype) * tile_rate);
    const double load = (tile.m + tile.n) * k * bytes / kLoadBytes;
    const double write = tile.m * tile.n / kWrites;
    double cycles = waves * (std::max(math, load) + write + kBlockCycles);
    if (split > 1)
      cycles += kReduceCycles + 2.0 * split * elements() * accumulator_bytes / (kReduceBytes * p.multiprocessors);
    return cycles;
  }
};

std::atomic<int> forced_tile{-1};

}  // namespace

void force_gemm_tile(int index) { forced_tile.store(index, std::memory_order_relaxed); }
int forced_gemm_tile() { return forced_tile.load(std::memory_order_relaxed); }

const char* name_of(GemmKernel kernel) {
  constexpr const char* names[] = {"simt", "mma", "tf32", "3xtf32"};
  return names[static_cast<int>(kernel)];
}

int common_alignment(std::initializer_list<std::int64_t> byte_offsets) {
  std::int64_t bits = 16;
  for (const std::int64_t offset : byte_offsets) bits |= offset;
  return static_cast<int>(bits & -bits);
}

GemmPlan plan_gemm(const GemmProblem& p) {
  GemmPlan plan{};
  plan.kernel = kernel_for(p.dtype, p.precision);
  const int bytes = static_cast<int>(itemsize(p.dtype));
  const int accumulator_bytes = bytes == 8 ? 8 : 4;
  plan.a = plan_side(plan.kernel, bytes, p.a, p.m, p.k);
  plan.b = plan_side(plan.kernel, bytes, p.b, p.n, p.k);
  const bool whole_rows =
      p.c_col_stride == 1 && p.c_alignment == 16 && (p.m == 1 || common_alignment({p.c_row_stride * bytes}) == 16);
  plan.c_width = whole_rows ? 16 : bytes;

  const bool one_tile = plan.kernel == GemmKernel::simt && p.dtype != DType::float32;
  const Cost cost{p, plan.kernel, bytes, accumulator_bytes};
  double best = std::numeric_limits<double>::infinity();
  const int only = one_tile ? kSmallSimtTile : p.tile_index;
  for (int index = std::max(only, 0); index < (only < 0 ? kGemmTiles : only + 1); ++index) {
    const GemmTile& tile = tile_of(plan.kernel, index);
    const std::int64_t steps = std::max<std::int64_t>(ceil_div(p.k, tile.k), 1);
    const int fewest = static_cast<int>(ceil_div(p.k, kMaxSteps)) + (p.k == 0);
    for (int wanted = fewest; wanted <= std::max(fewest, kMaxSplit);
         wanted += (wanted + 3) / 4) {  // 1 2 3 4 5 7 9 12 …
      const std::int64_t k_per_split = ceil_div(steps, wanted) * tile.k;
      const int split = static_cast<int>(ceil_div(steps * tile.k, k_per_split));
      const double workspace = split > 1 ? cost.elements() * split * accumulator_bytes : 0;
      if (wanted > fewest && (k_per_split < kMinSteps || workspace > kMaxWorkspace)) break;
      const double cycles = cost(tile, kTileRate[index], split, k_per_split);
      if (cycles >= best) continue;
      best = cycles;
      plan.tile_index = index;
      plan.tile = tile;
      plan.split_k = split;
      plan.k_per_split = k_per_split;
      plan.workspace = static_cast<std::size_t>(workspace);
    }
  }
  plan.tiles_m = ceil_div(p.m, plan.tile.m);
  plan.tiles_n = ceil_div(p.n, plan.tile.n);
  plan_copies(plan.a, plan.tile, plan.tile.m, bytes);
  plan_copies(plan.b, plan.tile, plan.tile.n, bytes);
  plan.shared = shared_bytes(plan.kernel, plan.tile, plan.kernel == GemmKernel::simt ? accumulator_bytes : bytes);
  return plan;
}

}  // namespace tc::cuda
