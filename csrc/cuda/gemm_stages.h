// The main loop of a product kernel: steps of k go through a ring of stages in shared memory, filled by asynchronous
// copies while the block computes from the oldest.
#pragma once
#include "cuda/device/memory.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

// Takes `k` in steps of `depth`: load(stage, left) starts the copies of the next step, of which `left` elements along k
// exist, and use(stage) computes from one that is there for all threads. Ends after a barrier, with nothing under way.
template <int stages, int depth, class Load, class Use>
TC_DEVICE void run_stages(int k, Load&& load, Use&& use) {
  const auto issue = [&](int step) {
    if (step * depth < k) load(step % stages, min(k - step * depth, depth));
    commit_copies();  // also of nothing: groups are counted
  };
#pragma unroll
  for (int step = 0; step < stages - 1; ++step) issue(step);
#pragma unroll 1
  for (int step = 0; step * depth < k; ++step) {
    wait_copies<stages - 2>();
    __syncthreads();           // this stage is there for all, and all have left the stage before it,
    issue(step + stages - 1);  // which is the next to be filled
    use(step % stages);
  }
  wait_copies<0>();
  __syncthreads();
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
