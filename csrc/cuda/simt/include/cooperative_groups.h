// The groups of CUDA's header that kernels use most, on the executor: the grid, the block, and tiles of a warp.
#pragma once
#include "cuda/simt/user.h"

namespace cooperative_groups {

struct grid_group {
  bool is_valid() const { return true; }
  void sync(TC_SIMT_WHERE) const { ::tc::simt::grid_barrier(where); }
  unsigned long long size() const {
    const dim3 g = gridDim, b = blockDim;
    return 1ull * g.x * g.y * g.z * b.x * b.y * b.z;
  }
  unsigned long long thread_rank() const {
    const dim3 g = gridDim, b = blockDim;
    const uint3 i = blockIdx, t = threadIdx;
    const unsigned long long block = (1ull * i.z * g.y + i.y) * g.x + i.x;
    return block * (1ull * b.x * b.y * b.z) + (1ull * t.z * b.y + t.y) * b.x + t.x;
  }
};
TC_SIMT_INLINE grid_group this_grid() { return {}; }

struct thread_block {
  void sync(TC_SIMT_WHERE) const { __syncthreads(where); }
  unsigned size() const { return blockDim.x * blockDim.y * blockDim.z; }
  unsigned thread_rank() const { return (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x; }
  dim3 group_index() const { return blockIdx; }
  dim3 thread_index() const { return threadIdx; }
};
TC_SIMT_INLINE thread_block this_thread_block() { return {}; }

template <unsigned Size>
struct thread_block_tile {
  static_assert(Size <= 32 && (Size & (Size - 1)) == 0);
  static unsigned mask() {
    const unsigned first = static_cast<unsigned>(::tc::simt::lane_number()) & ~(Size - 1);
    return (Size == 32 ? 0xffffffffu : (1u << Size) - 1) << first;
  }
  unsigned size() const { return Size; }
  unsigned thread_rank() const { return static_cast<unsigned>(::tc::simt::lane_number()) & (Size - 1); }
  void sync(TC_SIMT_WHERE) const { __syncwarp(mask(), where); }
  template <class T>
  T shfl(T value, int source, TC_SIMT_WHERE) const {
    return __shfl_sync(mask(), value, source, Size, where);
  }
  template <class T>
  T shfl_down(T value, unsigned delta, TC_SIMT_WHERE) const {
    return __shfl_down_sync(mask(), value, delta, Size, where);
  }
  template <class T>
  T shfl_up(T value, unsigned delta, TC_SIMT_WHERE) const {
    return __shfl_up_sync(mask(), value, delta, Size, where);
  }
  template <class T>
  T shfl_xor(T value, int lanes, TC_SIMT_WHERE) const {
    return __shfl_xor_sync(mask(), value, lanes, Size, where);
  }
};
template <unsigned Size>
TC_SIMT_INLINE thread_block_tile<Size> tiled_partition(const thread_block&) {
  return {};
}

}  // namespace cooperative_groups
