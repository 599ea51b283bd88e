// Arrays read and written in the type arithmetic is done in, whatever type their elements have: kernels that compute in
// float read half types too, those that compute in int64 read every integer. One kernel serves several dtypes; the
// dtype is asked once per group of elements, and the answer is the same for the whole grid.
#pragma once
#include "core/array.h"
#include "cuda/device/memory.h"
#include "cuda/stored.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

// Which elements of a run its `lanes` threads take: packs of 1 << log2_pack neighbours, dealt out in turn. Depends on
// shapes alone, so that a sum has the same bits wherever the run starts.
struct Share {
  int lane, lanes, log2_pack;
  TC_DEVICE int operator()(int k) const {  // of the thread's k-th element
    return ((((k >> log2_pack) * lanes) + lane) << log2_pack) + (k & ((1 << log2_pack) - 1));
  }
  // How many of the thread's first K elements lie in a run of `length`, which packs divide: the first ones.
  template <int K>
  TC_DEVICE int count(std::int64_t length) const {
    const std::int64_t packs = ((length >> log2_pack) - lane + lanes - 1) / lanes;
    return length <= 0 || packs <= 0 ? 0 : packs >= (K >> log2_pack) ? K : static_cast<int>(packs) << log2_pack;
  }
};

// Can elements of `dtype` be read as C without a conversion on the way?
template <class C>
bool is_readable(DType dtype) {
  return (std::is_same_v<C, std::int64_t> && dtype == DType::boolean) || contains(typename Stored<C>::types{}, dtype);
}
// log2 of the number of elements in 16 bytes, at most `most`.
inline int log2_pack(DType dtype, int most) {
  int log = 0;
  while ((2u << log) * itemsize(dtype) <= 16 && (2 << log) <= most) ++log;
  return log;
}
inline bool is_aligned(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % 16 == 0; }

template <class C>
struct Source {
  const std::byte* data;
  DType dtype;
  std::uint64_t bits = 0;  // not 0: elements are read as "is any of these bits set", 1 or 0

  Source() = default;
  explicit Source(const Array& x) : data(x.raw()), dtype(x.dtype()) {
    if (dtype == DType::boolean) dtype = DType::uint8;
  }

  // The K elements of `share` from element `at` on. All exist, and packs are aligned to their size.
  template <int K, bool kOnce = true>
  TC_DEVICE void packs(C (&v)[K], std::int64_t at, const Share& share) const {
    dispatch_stored(typename Stored<C>::types{}, dtype, [&]<class T>() {
      constexpr int kPack = 16 / sizeof(T) < K ? 16 / sizeof(T) : K;
      using P = Pack<T, kPack>;
      const P* from = reinterpret_cast<const P*>(reinterpret_cast<const T*>(data) + at) + share.lane;
      P p[K / kPack];
#pragma unroll
      for (int u = 0; u < K / kPack; ++u) p[u] = kOnce ? load_once(from + u * share.lanes) : from[u * share.lanes];
#pragma unroll
      for (int k = 0; k < K; ++k) v[k] = value_of(p[k / kPack].at[k % kPack]);
    });
  }
  // Element at + offset(k) for k < count, `fill` for the others.
  template <int K, class Offset>
  TC_DEVICE void gather(C (&v)[K], int count, C fill, std::int64_t at, Offset&& offset) const {
    dispatch_stored(typename Stored<C>::types{}, dtype, [&]<class T>() {
      const T* from = reinterpret_cast<const T*>(data) + at;
      T raw[K];
#pragma unroll
      for (int k = 0; k < K; ++k) raw[k] = k < count ? from[offset(k)] : T{};
#pragma unroll
      for (int k = 0; k < K; ++k) v[k] = k < count ? value_of(raw[k]) : fill;
    });
  }
  // The first `count` elements of `share` from element `at` on, `fill` for the others.
  template <int K>
  TC_DEVICE void row(C (&v)[K], std::int64_t at, int count, const Share& share, C fill) const {
    if (share.log2_pack == 0) return gather(v, count, fill, at + share.lane, [&](int k) { return k * share.lanes; });
    dispatch_stored(typename Stored<C>::types{}, dtype, [&]<class T>() {
      constexpr int kPack = 16 / sizeof(T) < K ? 16 / sizeof(T) : K;
      using P = Pack<T, kPack>;
      const P* from = reinterpret_cast<const P*>(reinterpret_cast<const T*>(data) + at) + share.lane;
      P p[K / kPack];
#pragma unroll
      for (int u = 0; u < K / kPack; ++u) p[u] = u * kPack < count ? from[u * share.lanes] : P{};
#pragma unroll
      for (int k = 0; k < K; ++k) v[k] = k < count ? value_of(p[k / kPack].at[k % kPack]) : fill;
    });
  }
  TC_DEVICE C operator[](std::int64_t at) const {
    C v[1];
    gather(v, 1, C(0), at, [](int) { return 0; });
    return v[0];
  }

 private:
  template <class T>
  TC_DEVICE C value_of(T raw) const {
    const C value = static_cast<C>(raw);
    if constexpr (std::is_same_v<C, std::int64_t>)
      return bits ? (static_cast<std::uint64_t>(value) & bits) != 0 : value;
    else
      return value;
  }
};

struct Sink {
  std::byte* data;
  DType dtype;

  Sink() = default;
  explicit Sink(const Array& y) : data(y.raw()), dtype(y.dtype()) {
    if (dtype == DType::boolean) dtype = DType::uint8;
  }

  // Integers keep their low bits.
  template <class C>
  TC_DEVICE void put(std::int64_t at, C value) const {
    dispatch_stored(typename Stored<C>::types{}, dtype,
                    [&]<class T>() { reinterpret_cast<T*>(data)[at] = static_cast<T>(value); });
  }
  template <class C, int K>
  TC_DEVICE void row(const C (&v)[K], std::int64_t at, int count, const Share& share) const {
    dispatch_stored(typename Stored<C>::types{}, dtype, [&]<class T>() {
      constexpr int kPack = 16 / sizeof(T) < K ? 16 / sizeof(T) : K;
      using P = Pack<T, kPack>;
      T* to = reinterpret_cast<T*>(data) + at;
      if (share.log2_pack == 0) {
#pragma unroll
        for (int k = 0; k < K; ++k)
          if (k < count) to[share.lane + k * share.lanes] = static_cast<T>(v[k]);
        return;
      }
#pragma unroll
      for (int u = 0; u < K / kPack; ++u) {
        P p;
#pragma unroll
        for (int k = 0; k < kPack; ++k) p.at[k] = static_cast<T>(v[u * kPack + k]);
        if (u * kPack < count) reinterpret_cast<P*>(to)[share.lane + u * share.lanes] = p;
      }
    });
  }
};

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
