// The index arithmetic of elementwise kernels: a LoopPlan as a kernel parameter, and loads and stores of short runs of
// elements of any dtype. A thread works on *chunks*, V neighbours along the innermost axis, so that an operand which is
// contiguous there moves in 16-byte accesses and the divisions of a strided walk are paid once per chunk.
#pragma once
#include "core/array.h"
#include "cuda/device/launch.h"
#include "cuda/device/memory.h"
#include "cuda/fast_divide.h"
#include "cuda/stored.h"
#include "ops/loop_plan.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

template <int N>
struct Loop {
  int outer = 0;                       // axes outside the innermost one
  bool large = false;                  // indices need 64 bits
  std::int64_t chunks = 0, inner = 1;  // in all; elements along the innermost axis
  std::int64_t chunks_per_row = 1;
  FastDivide31 per_row, extents[kMaxNdim];  // outermost first
  std::int64_t wide_extents[kMaxNdim];
  std::int64_t strides[N][kMaxNdim];  // of the outer axes, in elements
  std::int64_t step[N];               // along the innermost axis

  Loop(const LoopPlan<N>& plan, int chunk) {
    outer = plan.ndim > 0 ? plan.ndim - 1 : 0;
    inner = plan.ndim > 0 ? plan.shape[plan.ndim - 1] : 1;
    chunks_per_row = (inner + chunk - 1) / chunk;
    chunks = chunks_per_row;
    for (int i = 0; i < outer; ++i) {
      chunks *= plan.shape[i];
      wide_extents[i] = plan.shape[i];
    }
    for (int k = 0; k < N; ++k) {
      for (int i = 0; i < outer; ++i) strides[k][i] = plan.strides[k][i];
      step[k] = plan.ndim > 0 ? plan.strides[k][plan.ndim - 1] : 0;
    }
    large = chunks >= (std::int64_t{1} << 31);
    if (large) return;
    per_row = FastDivide31(chunks_per_row);
    for (int i = 0; i < outer; ++i) extents[i] = FastDivide31(plan.shape[i]);
  }

  // Offsets of chunk `index`'s first element, in elements; returns how many elements it has.
  template <int chunk>
  TC_DEVICE int locate(std::int64_t index, std::int64_t (&at)[N]) const {
    std::int64_t row, column;
    if (!large) {
      const auto i = static_cast<std::uint32_t>(index);
      std::uint32_t r = outer ? per_row(i) : 0;
      column = static_cast<std::int64_t>(i - r * static_cast<std::uint32_t>(chunks_per_row)) * chunk;
      for (int k = 0; k < N; ++k) at[k] = column * step[k];
#pragma unroll 1  // a third less code: there are as many kernels as elementwise ops
      for (int axis = outer - 1; axis >= 0; --axis) {
        const std::uint32_t next = extents[axis](r), place = r - next * extents[axis].divisor;
        for (int k = 0; k < N; ++k) at[k] += place * strides[k][axis];
        r = next;
      }
    } else {
      row = index / chunks_per_row;
      column = (index - row * chunks_per_row) * chunk;
      for (int k = 0; k < N; ++k) at[k] = column * step[k];
#pragma unroll 1
      for (int axis = outer - 1; axis >= 0; --axis) {
        const std::int64_t next = row / wide_extents[axis], place = row - next * wide_extents[axis];
        for (int k = 0; k < N; ++k) at[k] += place * strides[k][axis];
        row = next;
      }
    }
    const std::int64_t rest = inner - column;
    return rest < chunk ? static_cast<int>(rest) : chunk;
  }

  // May operand k move whole chunks in accesses of up to 16 bytes?
  bool moves_chunks(int k, const void* base, std::size_t item, int chunk) const {
    const std::size_t bytes = std::min<std::size_t>(16, item * static_cast<std::size_t>(chunk));
    if (step[k] != 1 || reinterpret_cast<std::uintptr_t>(base) % bytes != 0) return false;
    for (int i = 0; i < outer; ++i)
      if (static_cast<std::size_t>(std::abs(strides[k][i])) * item % bytes != 0) return false;
    return true;
  }
};

// One operand of a kernel, beside its strides in the Loop.
struct Operand {
  void* data = nullptr;
  DType dtype = DType::float32;
  bool chunked = false;    // aligned and contiguous along the innermost axis
  bool immediate = false;  // a number given by the host
};

// V consecutive elements of T, in as few accesses as 16 bytes allow, converted to C.
template <class T, class C, int V>
TC_DEVICE void load_chunk(C (&out)[V], const void* data, std::int64_t at) {
  constexpr int per = V * sizeof(T) <= 16 ? V : 16 / sizeof(T);
  const auto* from = reinterpret_cast<const Pack<T, per>*>(static_cast<const T*>(data) + at);
  Pack<T, per> packs[V / per];
#pragma unroll
  for (int p = 0; p < V / per; ++p) packs[p] = from[p];
#pragma unroll
  for (int i = 0; i < V; ++i) out[i] = convert<C>(packs[i / per].at[i % per]);
}
template <class T, class C, int V>
TC_DEVICE void load_some(C (&out)[V], const void* data, std::int64_t at, std::int64_t step, int count) {
#pragma unroll
  for (int i = 0; i < V; ++i)
    if (i < count) out[i] = convert<C>(static_cast<const T*>(data)[at + i * step]);
}
template <class T, class C, int V>
TC_DEVICE void store_chunk(const C (&values)[V], void* data, std::int64_t at) {
  constexpr int per = V * sizeof(T) <= 16 ? V : 16 / sizeof(T);
  auto* to = reinterpret_cast<Pack<T, per>*>(static_cast<T*>(data) + at);
#pragma unroll
  for (int p = 0; p < V / per; ++p) {
    Pack<T, per> pack;
#pragma unroll
    for (int i = 0; i < per; ++i) pack.at[i] = convert<T>(values[p * per + i]);
    to[p] = pack;
  }
}
template <class T, class C, int V>
TC_DEVICE void store_some(const C (&values)[V], void* data, std::int64_t at, std::int64_t step, int count) {
#pragma unroll
  for (int i = 0; i < V; ++i)
    if (i < count) static_cast<T*>(data)[at + i * step] = convert<T>(values[i]);
}

template <class C, int V>
TC_DEVICE void load_operand(C (&out)[V], const Operand& from, C immediate, std::int64_t at, std::int64_t step,
                            int count) {
  if (from.immediate) {
#pragma unroll
    for (int i = 0; i < V; ++i) out[i] = immediate;
    return;
  }
  dispatch_stored(typename Stored<C>::types{}, from.dtype, [&]<class T>() {
    if (from.chunked && count == V)
      load_chunk<T>(out, from.data, at);
    else
      load_some<T>(out, from.data, at, step, count);
  });
}
template <class C, int V, class... Ts>
TC_DEVICE void store_operand(Types<Ts...> types, const C (&values)[V], const Operand& to, std::int64_t at,
                             std::int64_t step, int count) {
  dispatch_stored(types, to.dtype, [&]<class T>() {
    if (to.chunked && count == V)
      store_chunk<T>(values, to.data, at);
    else
      store_some<T>(values, to.data, at, step, count);
  });
}

// The base of a broadcast array: axes walked with stride 0 cut to one element. Inverse: broadcast_to.
inline Array without_repeats(const Array& x) {
  Dims shape = x.shape();
  for (int i = 0; i < x.ndim(); ++i)
    if (x.stride(i) == 0 && x.shape(i) > 1) shape[i] = 1;
  return x.view(shape, x.strides());
}

// The single element of a CPU array that stands for a number.
template <class C>
C host_element(const Array& x) {
  C value{};
  dispatch(All{}, x.dtype(), [&]<class T>() { value = convert<C>(*x.data<T>()); });
  return value;
}

inline constexpr int kThreads = 256;

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
