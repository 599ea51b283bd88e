// Broken kernels, each beside its sound twin. `at: NAME` marks the line a report must name as the faulty access of
// kernel NAME, `with: NAME` the other access of a race.
#include <cooperative_groups.h>
#include <cuda_pipeline.h>

#include "cuda/device/memory.h"

constexpr unsigned kFull = 0xffffffffu;

// ---- bounds and alignment -------------------------------------------------------------------------------------------

__global__ void read_past_end(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = x[i + 1];  // at: read_past_end
}
__global__ void read_past_end_sound(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = i + 1 < n ? x[i + 1] : 0;
}

__global__ void write_past_end(float* y) {
  y[threadIdx.x * 2] = 1;  // at: write_past_end
}
__global__ void write_past_end_sound(float* y) { y[threadIdx.x] = 1; }

__global__ void write_before_begin(float* y) {
  int i = threadIdx.x;
  y[i - 1] = 1;  // at: write_before_begin
}
__global__ void write_before_begin_sound(float* y) {
  int i = threadIdx.x;
  if (i > 0) y[i - 1] = 1;
}

__global__ void read_before_begin(const float* x, float* y) {
  int i = threadIdx.x;
  y[i] = x[i - 4];  // at: read_before_begin
}
__global__ void read_before_begin_sound(const float* x, float* y) {
  int i = threadIdx.x;
  y[i] = i < 4 ? 0 : x[i - 4];
}

__global__ void between_arrays(float* y) {
  __shared__ float a[64], b[64];
  int i = threadIdx.x;
  b[i] = 0;
  a[i + 1] = 1;  // at: between_arrays
  __syncthreads();
  y[i] = a[i] + b[i];
}
__global__ void between_arrays_sound(float* y) {
  __shared__ float a[65], b[64];
  int i = threadIdx.x;
  b[i] = 0;
  a[i + 1] = 1;
  if (i == 0) a[0] = 0;
  __syncthreads();
  y[i] = a[i] + b[i];
}

__global__ void past_dynamic(float* y) {
  extern __shared__ float s[];
  s[threadIdx.x] = 1;  // at: past_dynamic
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}
__global__ void past_dynamic_sound(float* y) {
  extern __shared__ float s[];
  s[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}

__global__ void misaligned_global(const float* x, float4* y) {
  if (threadIdx.x == 5) y[0] = *reinterpret_cast<const float4*>(x + 1);  // at: misaligned_global
}
__global__ void misaligned_global_sound(const float* x, float4* y) {
  if (threadIdx.x == 5) y[0] = *reinterpret_cast<const float4*>(x + 4);
}

__global__ void misaligned_shared(float* y) {
  __shared__ float s[64];
  int i = threadIdx.x;
  s[i] = i;
  __syncthreads();
  if (i == 7) {
    float2 v = *reinterpret_cast<float2*>(&s[7]);  // at: misaligned_shared
    y[0] = v.x + v.y;
  }
}
__global__ void misaligned_shared_sound(float* y) {
  __shared__ alignas(8) float s[64];
  int i = threadIdx.x;
  s[i] = i;
  __syncthreads();
  if (i == 7) {
    float2 v = *reinterpret_cast<float2*>(&s[8]);
    y[0] = v.x + v.y;
  }
}

// ---- what was never written, or is no memory of the device's --------------------------------------------------------

__global__ void uninitialised_global(const float* x, float* y) {
  y[threadIdx.x] = x[threadIdx.x];  // at: uninitialised_global
}
__global__ void uninitialised_global_sound(float* x, float* y) {
  x[threadIdx.x] = 2;
  y[threadIdx.x] = x[threadIdx.x];
}

__global__ void uninitialised_shared(float* y) {
  __shared__ float s[64];
  int i = threadIdx.x;
  if (i != 33) s[i] = i;
  __syncthreads();
  y[i] = s[i];  // at: uninitialised_shared
}
__global__ void uninitialised_shared_sound(float* y) {
  __shared__ float s[64];
  int i = threadIdx.x;
  s[i] = i;
  __syncthreads();
  y[i] = s[i];
}

__global__ void read_address(long long address, float* y) {
  const float* x = reinterpret_cast<const float*>(address);
  y[threadIdx.x] = x[threadIdx.x];  // at: read_address
}

__global__ void null_pointer(const float* x, float* y) {
  y[threadIdx.x] = x[threadIdx.x];  // at: null_pointer
}
__global__ void null_pointer_sound(const float* x, float* y) { y[threadIdx.x] = x ? x[threadIdx.x] : 0; }

// ---- races ----------------------------------------------------------------------------------------------------------

__global__ void read_after_write(const float* x, float* y) {
  __shared__ float s[64];
  int i = threadIdx.x;
  s[i] = 0;
  __syncthreads();
  s[i] = x[i];       // at: read_after_write
  y[i] = s[63 - i];  // with: read_after_write
}
__global__ void read_after_write_sound(const float* x, float* y) {
  __shared__ float s[64];
  int i = threadIdx.x;
  s[i] = 0;
  __syncthreads();
  s[i] = x[i];
  __syncthreads();
  y[i] = s[63 - i];
}

__global__ void write_after_read(const float* x, float* y) {
  __shared__ float s[64];
  int i = threadIdx.x;
  s[i] = x[i];
  __syncthreads();
  float v = s[63 - i];  // at: write_after_read
  s[i] = 2 * v;         // with: write_after_read
  __syncthreads();
  y[i] = s[i];
}
__global__ void write_after_read_sound(const float* x, float* y) {
  __shared__ float s[64];
  int i = threadIdx.x;
  s[i] = x[i];
  __syncthreads();
  float v = s[63 - i];
  __syncthreads();
  s[i] = 2 * v;
  __syncthreads();
  y[i] = s[i];
}

__global__ void blocks_race(float* y) {
  if (threadIdx.x == 0) y[0] = blockIdx.x;  // at: blocks_race
}
__global__ void blocks_race_sound(float* y) {
  if (threadIdx.x == 0) y[blockIdx.x] = blockIdx.x;
}

__global__ void warp_race(const float* x, float* y) {
  __shared__ float s[32];
  int i = threadIdx.x;
  s[i] = 0;
  __syncwarp();
  s[i] = x[i];      // at: warp_race
  y[i] = s[i ^ 1];  // with: warp_race
}
__global__ void warp_race_sound(const float* x, float* y) {
  __shared__ float s[32];
  int i = threadIdx.x;
  s[i] = 0;
  __syncwarp();
  s[i] = x[i];
  __syncwarp();
  y[i] = s[i ^ 1];
}

__global__ void missing_fence(const float* x, float* partial, unsigned* count, float* y) {
  if (threadIdx.x != 0) return;
  partial[blockIdx.x] = 2 * x[blockIdx.x];  // with: missing_fence
  if (atomicAdd(count, 1) == gridDim.x - 1) {
    float sum = 0;
    for (int b = 0; b < gridDim.x; ++b) sum += partial[b];  // at: missing_fence
    y[0] = sum;
  }
}
__global__ void missing_fence_sound(const float* x, float* partial, unsigned* count, float* y) {
  if (threadIdx.x != 0) return;
  partial[blockIdx.x] = 2 * x[blockIdx.x];
  __threadfence();
  if (atomicAdd(count, 1) == gridDim.x - 1) {
    float sum = 0;
    for (int b = 0; b < gridDim.x; ++b) sum += partial[b];
    y[0] = sum;
  }
}

// ---- threads that do not meet ---------------------------------------------------------------------------------------

__global__ void exits_before_barrier(float* y) {
  int i = threadIdx.x;
  if (i >= 48) return;
  __syncthreads();  // at: exits_before_barrier
  y[i] = 1;
}
__global__ void exits_before_barrier_sound(float* y) {
  int i = threadIdx.x;
  __syncthreads();
  if (i >= 48) return;
  y[i] = 1;
}

__global__ void two_barriers(float* y) {
  int i = threadIdx.x;
  if (i < 32)
    __syncthreads();  // with: two_barriers
  else
    __syncthreads();  // at: two_barriers
  y[i] = 1;
}
__global__ void two_barriers_sound(float* y) {
  int i = threadIdx.x;
  __syncthreads();
  y[i] = 1;
}

__global__ void named_counts(float* y) {
  int i = threadIdx.x;
  if (i < 32)
    tc::cuda::barrier_sync(1, 64);  // with: named_counts
  else
    tc::cuda::barrier_sync(1, 32);  // at: named_counts
  y[i] = 1;
}
__global__ void named_counts_sound(float* y) {
  int i = threadIdx.x;
  tc::cuda::barrier_sync(1, 64);
  y[i] = 1;
}

__global__ void diverged_shuffle(float* y) {
  int i = threadIdx.x;
  float v = i;
  if (i < 16)
    v = __shfl_sync(kFull, v, 0);  // with: diverged_shuffle
  else
    v = __shfl_sync(kFull, v, 16);  // at: diverged_shuffle
  y[i] = v;
}
__global__ void diverged_shuffle_sound(float* y) {
  int i = threadIdx.x;
  y[i] = __shfl_sync(kFull, float(i), i < 16 ? 0 : 16);
}

__global__ void shuffle_outside_mask(float* y) {
  int i = threadIdx.x;
  if (i < 16) y[i] = __shfl_sync(0xffffu, float(i), 20);  // at: shuffle_outside_mask
}
__global__ void shuffle_outside_mask_sound(float* y) {
  int i = threadIdx.x;
  if (i < 16) y[i] = __shfl_sync(0xffffu, float(i), 4);
}

__global__ void not_in_mask(float* y) {
  int i = threadIdx.x;
  y[i] = __shfl_xor_sync(0xffffu, float(i), 1);  // at: not_in_mask
}
__global__ void not_in_mask_sound(float* y) {
  int i = threadIdx.x;
  y[i] = __shfl_xor_sync(kFull, float(i), 1);
}

__global__ void deadlock_barrier(float* y) {
  int i = threadIdx.x;
  if (i < 32) tc::cuda::barrier_sync(2, 64);  // at: deadlock_barrier
  y[i] = 1;
}
__global__ void deadlock_barrier_sound(float* y) {
  int i = threadIdx.x;
  if (i < 32) tc::cuda::barrier_sync(2, 32);
  y[i] = 1;
}

__global__ void deadlock_atomic(unsigned* flag, float* y) {
  if (threadIdx.x == 32) atomicExch(flag, 0u);
  while (atomicAdd(flag, 0u) == 0) {  // at: deadlock_atomic
  }
  y[threadIdx.x] = 1;
}
__global__ void deadlock_atomic_sound(unsigned* flag, float* y) {
  if (threadIdx.x == 32) atomicExch(flag, 1u);
  while (atomicAdd(flag, 0u) == 0) {
  }
  y[threadIdx.x] = 1;
}

__global__ void deadlock_volatile(volatile int* flag, float* y) {
  if (threadIdx.x == 32) flag[0] = 0;
  while (flag[0] == 0) {  // at: deadlock_volatile
  }
  y[threadIdx.x] = 1;
}
__global__ void deadlock_volatile_sound(volatile int* flag, float* y) {
  if (threadIdx.x == 32) flag[0] = 1;
  while (flag[0] == 0) {
  }
  y[threadIdx.x] = 1;
}

__global__ void lock_of_a_warp(int* lock, int* y) {  // two threads of a warp wait for each other's lock
  int* first = lock + (threadIdx.x == 0 ? 0 : 1);
  int* second = lock + (threadIdx.x == 0 ? 1 : 0);
  if (threadIdx.x >= 2) return;
  while (atomicCAS(first, 0, 1) != 0) {
  }
  __syncwarp(3);
  while (atomicCAS(second, 0, 1) != 0) {  // at: lock_of_a_warp
  }
  y[threadIdx.x] = 1;
}
__global__ void lock_of_a_warp_sound(int* lock, int* y) {
  while (atomicCAS(lock, 0, 1) != 0) {
  }
  __threadfence();
  y[0] += 1;
  __threadfence();
  atomicExch(lock, 0);
}

__global__ void grid_sync(float* y) {
  cooperative_groups::this_grid().sync();  // at: grid_sync
  y[blockIdx.x * blockDim.x + threadIdx.x] = 1;
}
__global__ void grid_exchange(const float* x, float* y, float* z) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
  y[i] = x[i];
  cooperative_groups::this_grid().sync();
  z[i] = y[n - 1 - i];
}

// ---- asynchronous copies --------------------------------------------------------------------------------------------

__global__ void early_read(const float* x, float* y) {
  __shared__ alignas(16) float s[128];
  int i = threadIdx.x;
  __pipeline_memcpy_async(&s[4 * i], &x[4 * i], 16);
  __pipeline_commit();
  y[i] = s[4 * i];  // at: early_read
  __pipeline_wait_prior(0);
}
__global__ void early_read_sound(const float* x, float* y) {
  __shared__ alignas(16) float s[128];
  int i = threadIdx.x;
  __pipeline_memcpy_async(&s[4 * i], &x[4 * i], 16);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  y[i] = s[4 * i];
}

__global__ void copy_without_barrier(const float* x, float* y) {
  __shared__ float s[64];
  int i = threadIdx.x;
  tc::cuda::copy_async<4>(&s[i], &x[i]);
  tc::cuda::commit_copies();
  tc::cuda::wait_copies<0>();
  y[i] = s[i ^ 32];  // at: copy_without_barrier
}
__global__ void copy_without_barrier_sound(const float* x, float* y) {
  __shared__ float s[64];
  int i = threadIdx.x;
  tc::cuda::copy_async<4>(&s[i], &x[i]);
  tc::cuda::commit_copies();
  tc::cuda::wait_copies<0>();
  __syncthreads();
  y[i] = s[i ^ 32];
}

__global__ void misaligned_copy(const float* x, float* y) {
  __shared__ alignas(16) float s[128];
  int i = threadIdx.x;
  __pipeline_memcpy_async(&s[4 * i], &x[i], 16);  // at: misaligned_copy
  __pipeline_commit();
  __pipeline_wait_prior(0);
  y[i] = s[4 * i];
}
__global__ void misaligned_copy_sound(const float* x, float* y) {
  __shared__ float s[32];
  int i = threadIdx.x;
  __pipeline_memcpy_async(&s[i], &x[i], 4);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  y[i] = s[i];
}

// ---- limits, and errors of a program's own --------------------------------------------------------------------------

template <int elements>
__global__ void over_budget(float* y) {
  __shared__ float s[elements];  // at: over_budget
  s[threadIdx.x] = 1;
  y[threadIdx.x] = s[threadIdx.x];
}

__global__ void assertion(const float* x, float* y) {
  assert(x[threadIdx.x] < 40);  // at: assertion
  y[threadIdx.x] = x[threadIdx.x];
}

__global__ void divides(int divisor, int* y) {
  y[threadIdx.x] = 100 / divisor;  // at: divides
}
