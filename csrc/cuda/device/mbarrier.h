// mbarriers (sm_90): objects in shared memory on which threads wait for arrivals of threads and of bytes. A phase is
// complete when its arrivals are in and all bytes expected were delivered; then the next one begins. The first phase
// has parity 0, the next parity 1, and so on in turn.
#pragma once
#include "cuda/device/cluster.h"
#if !TC_GPU
#include "cuda/simt/mbarrier.h"
#endif

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

struct alignas(8) MBarrier {
  std::uint64_t bits;  // the hardware's; never read or written by other means than these functions
};

// By one thread, before any other uses it: then fence_mbarrier_init() and a barrier of the block or the cluster.
TC_DEVICE void mbarrier_init(MBarrier* barrier, unsigned arrivals TC_AND_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
#else
  ::tc::simt::mbarrier_init(barrier, arrivals, where);
#endif
}
// Before its memory is used for anything else.
TC_DEVICE void mbarrier_invalidate(MBarrier* barrier TC_AND_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("mbarrier.inval.shared::cta.b64 [%0];" ::"r"(shared_address(barrier)) : "memory");
#else
  ::tc::simt::mbarrier_invalidate(barrier, where);
#endif
}

TC_DEVICE void mbarrier_arrive(MBarrier* barrier, unsigned count = 1 TC_AND_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("mbarrier.arrive.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(count) : "memory");
#else
  ::tc::simt::mbarrier_arrive(barrier, count, where);
#endif
}
// At the mbarrier that block `rank` of the cluster has where this block has *barrier.
TC_DEVICE void mbarrier_arrive_remote(MBarrier* barrier, unsigned rank, unsigned count = 1 TC_AND_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX(
      "{ .reg .b32 remote;\n"
      "mapa.shared::cluster.u32 remote, %0, %1;\n"
      "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [remote], %2; }" ::"r"(shared_address(barrier)),
      "r"(rank), "r"(count) : "memory");
#else
  ::tc::simt::mbarrier_arrive(::tc::simt::in_block(barrier, rank, where), count, where);
#endif
}
// The phase also waits for `bytes` more, which bulk copies deliver.
TC_DEVICE void mbarrier_expect(MBarrier* barrier, unsigned bytes TC_AND_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
                "r"(bytes) : "memory");
#else
  ::tc::simt::mbarrier_expect(barrier, bytes, where);
#endif
}
TC_DEVICE void mbarrier_arrive_expect(MBarrier* barrier, unsigned bytes TC_AND_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
                "r"(bytes) : "memory");
#else
  ::tc::simt::mbarrier_expect(barrier, bytes, where);
  ::tc::simt::mbarrier_arrive(barrier, 1, where);
#endif
}

// Whether the phase of that parity is complete; may wait a while before it says no.
TC_DEVICE bool mbarrier_try_wait(MBarrier* barrier, unsigned parity TC_AND_WHERE) {
#if TC_GPU
  unsigned complete = 0;
  TC_HOPPER_PTX(
      "{ .reg .pred p;\n"
      "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
      "selp.u32 %0, 1, 0, p; }" : "=r"(complete) : "r"(shared_address(barrier)),
      "r"(parity) : "memory");
  return complete != 0;
#else
  return ::tc::simt::mbarrier_try_wait(barrier, parity, where);
#endif
}
// Waits until the phase of that parity is complete. What others wrote before they arrived can be read then.
TC_DEVICE void mbarrier_wait(MBarrier* barrier, unsigned parity TC_AND_WHERE) {
#if TC_GPU
  while (!mbarrier_try_wait(barrier, parity)) {
  }
#else
  ::tc::simt::mbarrier_wait(barrier, parity, where);
#endif
}

// Makes initialised mbarriers known to the cluster and to bulk copies.
TC_DEVICE void fence_mbarrier_init() {
#if TC_GPU
  TC_HOPPER_PTX("fence.mbarrier_init.release.cluster;" :: : "memory");
#endif
}
// Between a thread's own accesses to shared memory and those of wgmma and bulk copies: whoever wrote calls it before
// the barrier after which another thread starts the copy.
TC_DEVICE void fence_proxy_async() {
#if TC_GPU
  TC_HOPPER_PTX("fence.proxy.async.shared::cta;" :: : "memory");
#endif
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
