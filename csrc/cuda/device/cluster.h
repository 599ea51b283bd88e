// Clusters (sm_90): blocks that run together and see each other's shared memory; and the calls by which a kernel starts
// before the one it depends on has ended.
#pragma once
#include "cuda/device/memory.h"
#if !TC_GPU
#include "cuda/simt/cluster.h"
#endif

// Wrappers of this and the other Hopper headers compile for older architectures too, where calling one is an error.
#if TC_GPU
#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define TC_HOPPER_PTX(...) __trap()
#else
#define TC_HOPPER_PTX(...) asm volatile(__VA_ARGS__)
#endif
#endif

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

// The block's place in its cluster, x fastest; 0 and 1 where there are no clusters.
TC_DEVICE unsigned cluster_rank() {
#if TC_GPU
  unsigned rank = 0;
  TC_HOPPER_PTX("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
#else
  return ::tc::simt::cluster_rank();
#endif
}
TC_DEVICE unsigned cluster_size() {
#if TC_GPU
  unsigned size = 0;
  TC_HOPPER_PTX("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
  return size;
#else
  return ::tc::simt::cluster_size();
#endif
}

// A barrier of all threads of the cluster in two halves: what was written before the arrival can be read after the
// wait. No block may end while others still use its shared memory.
TC_DEVICE void cluster_arrive(TC_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("barrier.cluster.arrive.release.aligned;" :: : "memory");
#else
  ::tc::simt::cluster_arrive(where);
#endif
}
TC_DEVICE void cluster_wait(TC_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("barrier.cluster.wait.acquire.aligned;" :: : "memory");
#else
  ::tc::simt::cluster_wait(where);
#endif
}
TC_DEVICE void cluster_sync(TC_WHERE) {
#if TC_GPU
  cluster_arrive();
  cluster_wait();
#else
  ::tc::simt::cluster_arrive(where);
  ::tc::simt::cluster_wait(where);
#endif
}

// The 32-bit address of what block `rank` of the cluster has where this block has *shared.
TC_DEVICE unsigned map_shared(const void* shared, unsigned rank TC_AND_WHERE) {
#if TC_GPU
  unsigned address = 0;
  TC_HOPPER_PTX("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(address) : "r"(shared_address(shared)), "r"(rank));
  return address;
#else
  return ::tc::simt::shared_address(::tc::simt::in_block(shared, rank, where), where);
#endif
}

// Loads and stores at such an address, of 4, 8 or 16 bytes.
template <class T>
TC_DEVICE T load_cluster(unsigned address TC_AND_WHERE) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);
#if TC_GPU
  typename detail::Word<sizeof(T)>::type v = {};
  if constexpr (sizeof(T) == 4)
    TC_HOPPER_PTX("ld.shared::cluster.u32 %0, [%1];" : "=r"(v) : "r"(address) : "memory");
  else if constexpr (sizeof(T) == 8)
    TC_HOPPER_PTX("ld.shared::cluster.v2.u32 {%0, %1}, [%2];" : "=r"(v.x), "=r"(v.y) : "r"(address) : "memory");
  else
    TC_HOPPER_PTX("ld.shared::cluster.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z),
                  "=r"(v.w) : "r"(address) : "memory");
  return *reinterpret_cast<T*>(&v);
#else
  T value;
  std::memcpy(&value, ::tc::simt::cluster_pointer(address, sizeof(T), false, where), sizeof(T));
  return value;
#endif
}
template <class T>
TC_DEVICE void store_cluster(unsigned address, const T& value TC_AND_WHERE) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16);
#if TC_GPU
  [[maybe_unused]] const auto v = *reinterpret_cast<const typename detail::Word<sizeof(T)>::type*>(&value);
  if constexpr (sizeof(T) == 4)
    TC_HOPPER_PTX("st.shared::cluster.u32 [%0], %1;" ::"r"(address), "r"(v) : "memory");
  else if constexpr (sizeof(T) == 8)
    TC_HOPPER_PTX("st.shared::cluster.v2.u32 [%0], {%1, %2};" ::"r"(address), "r"(v.x), "r"(v.y) : "memory");
  else
    TC_HOPPER_PTX("st.shared::cluster.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(v.x), "r"(v.y), "r"(v.z),
                  "r"(v.w) : "memory");
#else
  std::memcpy(::tc::simt::cluster_pointer(address, sizeof(T), true, where), &value, sizeof(T));
#endif
}

// Programmatic dependent launch: the next kernel of the stream may start now; wait for the previous one's results.
TC_DEVICE void launch_dependents() {
#if TC_GPU
  TC_HOPPER_PTX("griddepcontrol.launch_dependents;" :: : "memory");
#endif
}
TC_DEVICE void wait_for_previous_kernel() {
#if TC_GPU
  TC_HOPPER_PTX("griddepcontrol.wait;" :: : "memory");
#endif
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
