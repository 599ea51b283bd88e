// CUDA C++'s own names on the executor: kernels, ours and users', use them as under nvcc. Each call that waits for
// other threads takes its place in the source along, for reports.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "cuda/simt/lane.h"

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define __restrict __restrict__
#define __grid_constant__

#define threadIdx (::tc::simt::thread_index())
#define blockIdx (::tc::simt::block_index())
#define blockDim (::tc::simt::block_extents())
#define gridDim (::tc::simt::grid_extents())
inline constexpr int warpSize = 32;

// `TC_SHARED(float, tile, [32][33]);` declares what `__shared__ float tile[32][33];` does under nvcc.
#define TC_SHARED(type, name, ...)                              \
  typedef type name##_shared_type __VA_ARGS__;                  \
  static const char name##_shared_key = 0;                      \
  name##_shared_type& name = *static_cast<name##_shared_type*>( \
      ::tc::simt::static_shared(&name##_shared_key, #name, sizeof(name##_shared_type), alignof(name##_shared_type)))

#define TC_SIMT_INLINE [[gnu::always_inline]] inline
#define TC_SIMT_WHERE ::tc::simt::Where where = ::tc::simt::Where::current()

// ---- barriers and votes of a block ----------------------------------------------------------------------------------

TC_SIMT_INLINE void __syncthreads(TC_SIMT_WHERE) {
  ::tc::simt::block_barrier(::tc::simt::Vote::none, 0, "__syncthreads", where);
}
TC_SIMT_INLINE int __syncthreads_count(int predicate, TC_SIMT_WHERE) {
  return ::tc::simt::block_barrier(::tc::simt::Vote::count, predicate, "__syncthreads_count", where);
}
TC_SIMT_INLINE int __syncthreads_and(int predicate, TC_SIMT_WHERE) {
  return ::tc::simt::block_barrier(::tc::simt::Vote::all, predicate, "__syncthreads_and", where);
}
TC_SIMT_INLINE int __syncthreads_or(int predicate, TC_SIMT_WHERE) {
  return ::tc::simt::block_barrier(::tc::simt::Vote::any, predicate, "__syncthreads_or", where);
}

// ---- warps ----------------------------------------------------------------------------------------------------------

namespace tc::simt {

template <class T>
TC_SIMT_INLINE T shuffle(const char* name, std::uint32_t mask, T value, int source, Where where) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
  Shuffled s{0, 0, source};
  std::memcpy(&s.value, &value, sizeof(T));
  warp_collective(name, mask, &s, &execute_shuffle, false, where);
  std::memcpy(&value, &s.result, sizeof(T));
  return value;
}

template <class T>
TC_SIMT_INLINE T fold(const char* name, std::uint32_t mask, T value, Fold how, Where where) {
  Voted v{static_cast<std::uint64_t>(static_cast<std::int64_t>(value)), 0};
  warp_collective(name, mask, &v, execute_fold(how), false, where);
  return static_cast<T>(v.result);
}

}  // namespace tc::simt

TC_SIMT_INLINE void __syncwarp(unsigned mask = 0xffffffffu, TC_SIMT_WHERE) {
  ::tc::simt::warp_collective("__syncwarp", mask, nullptr, nullptr, true, where);
}
template <class T>
TC_SIMT_INLINE T __shfl_sync(unsigned mask, T value, int source, int width = 32, TC_SIMT_WHERE) {
  const int me = ::tc::simt::lane_number();
  return ::tc::simt::shuffle("__shfl_sync", mask, value, (me & ~(width - 1)) | (source & (width - 1)), where);
}
template <class T>
TC_SIMT_INLINE T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, TC_SIMT_WHERE) {
  const int me = ::tc::simt::lane_number(), from = me - static_cast<int>(delta);
  return ::tc::simt::shuffle("__shfl_up_sync", mask, value, from >= (me & ~(width - 1)) ? from : -1, where);
}
template <class T>
TC_SIMT_INLINE T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, TC_SIMT_WHERE) {
  const int me = ::tc::simt::lane_number(), from = me + static_cast<int>(delta);
  return ::tc::simt::shuffle("__shfl_down_sync", mask, value, from <= (me | (width - 1)) ? from : -1, where);
}
template <class T>
TC_SIMT_INLINE T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, TC_SIMT_WHERE) {
  const int me = ::tc::simt::lane_number(), from = me ^ lanes;
  return ::tc::simt::shuffle("__shfl_xor_sync", mask, value, from <= (me | (width - 1)) ? from : -1, where);
}
TC_SIMT_INLINE unsigned __ballot_sync(unsigned mask, int predicate, TC_SIMT_WHERE) {
  ::tc::simt::Voted v{predicate != 0, 0};
  ::tc::simt::warp_collective("__ballot_sync", mask, &v, &::tc::simt::execute_ballot, false, where);
  return static_cast<unsigned>(v.result);
}
TC_SIMT_INLINE int __any_sync(unsigned mask, int predicate, TC_SIMT_WHERE) {
  ::tc::simt::Voted v{predicate != 0, 0};
  ::tc::simt::warp_collective("__any_sync", mask, &v, &::tc::simt::execute_ballot, false, where);
  return v.result != 0;
}
TC_SIMT_INLINE int __all_sync(unsigned mask, int predicate, TC_SIMT_WHERE) {
  ::tc::simt::Voted v{predicate == 0, 0};
  ::tc::simt::warp_collective("__all_sync", mask, &v, &::tc::simt::execute_ballot, false, where);
  return v.result == 0;
}
template <class T>
TC_SIMT_INLINE unsigned __match_any_sync(unsigned mask, T value, TC_SIMT_WHERE) {
  static_assert(sizeof(T) <= 8);
  ::tc::simt::Voted v{0, 0};
  std::memcpy(&v.value, &value, sizeof(T));
  ::tc::simt::warp_collective("__match_any_sync", mask, &v, &::tc::simt::execute_match_any, false, where);
  return static_cast<unsigned>(v.result);
}
// Lanes run apart from each other here, so that a mask of the calling lane alone is a true answer.
TC_SIMT_INLINE unsigned __activemask() { return 1u << ::tc::simt::lane_number(); }

#define TC_SIMT_REDUCE(name, T, how)                                           \
  TC_SIMT_INLINE T name(unsigned mask, T value, TC_SIMT_WHERE) {               \
    return ::tc::simt::fold(#name, mask, value, ::tc::simt::Fold::how, where); \
  }
TC_SIMT_REDUCE(__reduce_add_sync, int, add)
TC_SIMT_REDUCE(__reduce_add_sync, unsigned, add)
TC_SIMT_REDUCE(__reduce_min_sync, int, min)
TC_SIMT_REDUCE(__reduce_min_sync, unsigned, umin)
TC_SIMT_REDUCE(__reduce_max_sync, int, max)
TC_SIMT_REDUCE(__reduce_max_sync, unsigned, umax)
TC_SIMT_REDUCE(__reduce_and_sync, unsigned, bit_and)
TC_SIMT_REDUCE(__reduce_or_sync, unsigned, bit_or)
TC_SIMT_REDUCE(__reduce_xor_sync, unsigned, bit_xor)
#undef TC_SIMT_REDUCE

// ---- memory ---------------------------------------------------------------------------------------------------------

TC_SIMT_INLINE void __threadfence() { ::tc::simt::fence(); }
TC_SIMT_INLINE void __threadfence_block() {}
TC_SIMT_INLINE void __threadfence_system() { ::tc::simt::fence(); }
template <class T>
TC_SIMT_INLINE T __ldg(const T* address) {
  return *address;
}
template <class T>
TC_SIMT_INLINE T __ldcs(const T* address) {
  return *address;
}
template <class T>
TC_SIMT_INLINE T __ldcg(const T* address) {
  return *address;
}
template <class T>
TC_SIMT_INLINE void __stcg(T* address, T value) {
  *address = value;
}
template <class T>
TC_SIMT_INLINE void __stcs(T* address, T value) {
  *address = value;
}

namespace tc::simt {

// Never instrumented: the accesses below are reported by check_atomic.
template <class T, class Bits, class Change>
[[gnu::no_sanitize_thread, gnu::noinline]] inline T atomic_bits(Bits* address, Change& change, bool* changed) {
  Bits old = __atomic_load_n(address, __ATOMIC_RELAXED), next;
  do {
    next = std::bit_cast<Bits>(change(std::bit_cast<T>(old)));
  } while (!__atomic_compare_exchange_n(address, &old, next, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
  *changed = next != old;
  return std::bit_cast<T>(old);
}

// old = *address; *address = change(old), in one step. Bits of floats are exchanged as integers.
template <class T, class Change>
[[gnu::always_inline]] inline T atomic_update(T* address, Change&& change, Where where) {
  using Bits = std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                  std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;
  static_assert(sizeof(Bits) == sizeof(T));
  check_atomic(address, sizeof(T), where);
  synchronises(address, true, true);
  bool changed;
  const T old = atomic_bits<T, Bits>(reinterpret_cast<Bits*>(address), change, &changed);
  if (changed)
    progress();
  else
    spins("an atomic operation to find something else", where);
  return old;
}

}  // namespace tc::simt

#define TC_SIMT_ATOMIC(name, T, expression)                                                      \
  TC_SIMT_INLINE T name(T* address, T value, TC_SIMT_WHERE) {                                    \
    return ::tc::simt::atomic_update(                                                            \
        address, [value]([[maybe_unused]] T old) { return static_cast<T>(expression); }, where); \
  }
#define TC_SIMT_ATOMIC_INTEGERS(name, expression) \
  TC_SIMT_ATOMIC(name, int, expression)           \
  TC_SIMT_ATOMIC(name, unsigned, expression)      \
  TC_SIMT_ATOMIC(name, unsigned long long, expression)
TC_SIMT_ATOMIC(atomicAdd, int, static_cast<unsigned>(old) + static_cast<unsigned>(value))
TC_SIMT_ATOMIC(atomicAdd, unsigned, old + value)
TC_SIMT_ATOMIC(atomicAdd, unsigned long long, old + value)
TC_SIMT_ATOMIC(atomicAdd, float, old + value)
TC_SIMT_ATOMIC(atomicAdd, double, old + value)
TC_SIMT_ATOMIC(atomicSub, int, static_cast<unsigned>(old) - static_cast<unsigned>(value))
TC_SIMT_ATOMIC(atomicSub, unsigned, old - value)
TC_SIMT_ATOMIC_INTEGERS(atomicExch, value)
TC_SIMT_ATOMIC(atomicExch, float, value)
TC_SIMT_ATOMIC_INTEGERS(atomicMin, old < value ? old : value)
TC_SIMT_ATOMIC_INTEGERS(atomicMax, old > value ? old : value)
TC_SIMT_ATOMIC_INTEGERS(atomicAnd, old& value)
TC_SIMT_ATOMIC_INTEGERS(atomicOr, old | value)
TC_SIMT_ATOMIC_INTEGERS(atomicXor, old ^ value)
TC_SIMT_ATOMIC(atomicInc, unsigned, old >= value ? 0 : old + 1)
TC_SIMT_ATOMIC(atomicDec, unsigned, old == 0 || old > value ? value : old - 1)
#undef TC_SIMT_ATOMIC
#undef TC_SIMT_ATOMIC_INTEGERS
template <class T>
TC_SIMT_INLINE T atomicCAS(T* address, T expected, std::type_identity_t<T> desired, TC_SIMT_WHERE) {
  return ::tc::simt::atomic_update(address, [=](T old) { return old == expected ? desired : old; }, where);
}

// ---- arithmetic -----------------------------------------------------------------------------------------------------

template <class A, class B>
  requires std::is_arithmetic_v<A> && std::is_arithmetic_v<B>
TC_SIMT_INLINE auto min(A a, B b) -> std::common_type_t<A, B> {
  using T = std::common_type_t<A, B>;
  if constexpr (std::is_floating_point_v<T>)
    return std::fmin(T(a), T(b));
  else
    return T(a) < T(b) ? T(a) : T(b);
}
template <class A, class B>
  requires std::is_arithmetic_v<A> && std::is_arithmetic_v<B>
TC_SIMT_INLINE auto max(A a, B b) -> std::common_type_t<A, B> {
  using T = std::common_type_t<A, B>;
  if constexpr (std::is_floating_point_v<T>)
    return std::fmax(T(a), T(b));
  else
    return T(a) > T(b) ? T(a) : T(b);
}
TC_SIMT_INLINE float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
TC_SIMT_INLINE double rsqrt(double x) { return 1.0 / std::sqrt(x); }
TC_SIMT_INLINE float __expf(float x) { return std::exp(x); }
TC_SIMT_INLINE float __logf(float x) { return std::log(x); }
TC_SIMT_INLINE float __sinf(float x) { return std::sin(x); }
TC_SIMT_INLINE float __cosf(float x) { return std::cos(x); }
TC_SIMT_INLINE float __powf(float x, float y) { return std::pow(x, y); }
TC_SIMT_INLINE float __fdividef(float x, float y) { return x / y; }
TC_SIMT_INLINE float __saturatef(float x) { return std::fmin(std::fmax(x, 0.0f), 1.0f); }
TC_SIMT_INLINE float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
TC_SIMT_INLINE float __fadd_rn(float a, float b) { return a + b; }
TC_SIMT_INLINE float __fmul_rn(float a, float b) { return a * b; }
TC_SIMT_INLINE float __int_as_float(int bits) { return std::bit_cast<float>(bits); }
TC_SIMT_INLINE int __float_as_int(float x) { return std::bit_cast<int>(x); }
TC_SIMT_INLINE float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
TC_SIMT_INLINE unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
TC_SIMT_INLINE int __float2int_rn(float x) { return static_cast<int>(std::nearbyint(x)); }
TC_SIMT_INLINE int __float2int_rd(float x) { return static_cast<int>(std::floor(x)); }
TC_SIMT_INLINE float __int2float_rn(int x) { return static_cast<float>(x); }
TC_SIMT_INLINE int __popc(unsigned x) { return std::popcount(x); }
TC_SIMT_INLINE int __popcll(unsigned long long x) { return std::popcount(x); }
TC_SIMT_INLINE int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
TC_SIMT_INLINE int __clzll(long long x) { return std::countl_zero(static_cast<unsigned long long>(x)); }
TC_SIMT_INLINE int __ffs(int x) { return __builtin_ffs(x); }
TC_SIMT_INLINE unsigned __brev(unsigned x) {
  unsigned y = 0;
  for (int i = 0; i < 32; ++i) y |= (x >> i & 1u) << (31 - i);
  return y;
}
TC_SIMT_INLINE unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<unsigned long long>(a) * b >> 32);
}
TC_SIMT_INLINE int __mulhi(int a, int b) { return static_cast<int>(static_cast<long long>(a) * b >> 32); }
TC_SIMT_INLINE unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}
TC_SIMT_INLINE unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  const unsigned s = shift & 31;
  return s == 0 ? high : high << s | low >> (32 - s);
}
TC_SIMT_INLINE unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  const unsigned s = shift & 31;
  return s == 0 ? low : high << (32 - s) | low >> s;
}
TC_SIMT_INLINE unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const unsigned long long bytes = static_cast<unsigned long long>(y) << 32 | x;
  unsigned out = 0;
  for (int i = 0; i < 4; ++i) out |= static_cast<unsigned>(bytes >> (8 * (selector >> (4 * i) & 7)) & 0xff) << (8 * i);
  return out;
}
TC_SIMT_INLINE void __nanosleep(unsigned, TC_SIMT_WHERE) { ::tc::simt::spins("what it sleeps for", where); }
[[noreturn]] TC_SIMT_INLINE void __trap(TC_SIMT_WHERE) { ::tc::simt::fault("__trap() was called", where); }
