// Memory operations with a width, a cache hint or an order that C++ cannot say, and Ampere's asynchronous copies.
// Addresses given as shared must lie in shared memory, all others in global memory.
#pragma once
#include "cuda/device/cuda.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

// N elements moved by one access; N * sizeof(T) is 1, 2, 4, 8 or 16 bytes and the address a multiple of that.
template <class T, int N>
struct alignas(N * sizeof(T)) Pack {
  static_assert(N * sizeof(T) <= 16 && (N & (N - 1)) == 0);
  T at[N];
};

// PTX takes shared addresses as 32-bit offsets.
TC_DEVICE std::uint32_t shared_address(const void* pointer) {
#if TC_GPU
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
#else
  return ::tc::simt::shared_address(pointer);
#endif
}

namespace detail {
template <std::size_t bytes>
struct Word;
template <>
struct Word<4> {
  using type = unsigned;
};
template <>
struct Word<8> {
  using type = uint2;
};
template <>
struct Word<16> {
  using type = uint4;
};
}  // namespace detail

// Data read once by the whole grid: through the read-only path, and out of the L1 cache's way.
template <class T>
TC_DEVICE T load_once(const T* address) {
#if TC_GPU
  if constexpr (sizeof(T) == 16) {
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(address));
    return *reinterpret_cast<T*>(&v);
  } else if constexpr (sizeof(T) == 8) {
    uint2 v;
    asm volatile("ld.global.nc.L1::no_allocate.v2.u32 {%0, %1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(address));
    return *reinterpret_cast<T*>(&v);
  } else if constexpr (sizeof(T) == 4) {
    unsigned v;
    asm volatile("ld.global.nc.L1::no_allocate.u32 %0, [%1];" : "=r"(v) : "l"(address));
    return *reinterpret_cast<T*>(&v);
  } else {
    return *address;
  }
#else
  return *address;
#endif
}

// Data not read again soon: marked to leave the caches first.
template <class T>
TC_DEVICE void store_once(T* address, const T& value) {
#if TC_GPU
  if constexpr (sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16) {
    using Word = typename detail::Word<sizeof(T)>::type;
    __stcs(reinterpret_cast<Word*>(address), *reinterpret_cast<const Word*>(&value));
  } else {
    *address = value;
  }
#else
  *address = value;
#endif
}

// ---- flags: what one block writes for others to wait on -------------------------------------------------------------

TC_DEVICE unsigned load_acquire(const unsigned* address TC_AND_WHERE) {
#if TC_GPU
  unsigned value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(address) : "memory");
  return value;
#else
  ::tc::simt::check_atomic(address, sizeof(unsigned), where);
  ::tc::simt::synchronises(address, true, false);
  return __atomic_load_n(address, __ATOMIC_ACQUIRE);
#endif
}
TC_DEVICE void store_release(unsigned* address, unsigned value TC_AND_WHERE) {
#if TC_GPU
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(address), "r"(value) : "memory");
#else
  ::tc::simt::fence();
  ::tc::simt::check_atomic(address, sizeof(unsigned), where);
  ::tc::simt::synchronises(address, false, true);
  __atomic_store_n(address, value, __ATOMIC_RELEASE);
  ::tc::simt::progress();
#endif
}
// Waits until *address reaches `value`, counting up.
TC_DEVICE void wait_flag(const unsigned* address, unsigned value TC_AND_WHERE) {
#if TC_GPU
  while (static_cast<int>(load_acquire(address) - value) < 0) __nanosleep(20);
#else
  while (static_cast<int>(load_acquire(address, where) - value) < 0) ::tc::simt::poll("a flag in global memory", where);
#endif
}

// ---- asynchronous copies from global to shared memory (cp.async, sm_80)
// ----------------------------------------------

// Copies `bytes` (4, 8 or 16; both addresses multiples of it), of which the first `filled` are read and the rest become
// zero. The data is there after a wait that covers the copy's group, and for other threads after a barrier too.
template <int bytes>
TC_DEVICE void copy_async(void* shared, const void* global, int filled = bytes TC_AND_WHERE) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
#if TC_GPU
  if constexpr (bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(filled)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(shared)), "l"(global), "n"(bytes),
                 "r"(filled)
                 : "memory");
#else
  ::tc::simt::copy_async(shared, global, bytes, filled, where);
#endif
}
// Closes the group of copies issued since the last commit.
TC_DEVICE void commit_copies() {
#if TC_GPU
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  ::tc::simt::commit_async();
#endif
}
// Waits until all but the `newest` groups are complete.
template <int newest>
TC_DEVICE void wait_copies(TC_WHERE) {
#if TC_GPU
  asm volatile("cp.async.wait_group %0;" ::"n"(newest) : "memory");
#else
  ::tc::simt::wait_async(newest, where);
#endif
}

// ---- named barriers: parts of a block that wait for each other ------------------------------------------------------

TC_DEVICE void barrier_sync(int id, int threads TC_AND_WHERE) {
#if TC_GPU
  asm volatile("barrier.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
#else
  ::tc::simt::named_barrier(id, threads, true, where);
#endif
}
TC_DEVICE void barrier_arrive(int id, int threads TC_AND_WHERE) {
#if TC_GPU
  asm volatile("barrier.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
#else
  ::tc::simt::named_barrier(id, threads, false, where);
#endif
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
