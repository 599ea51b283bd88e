// The dtypes in memory that kernels computing in C read and write; others are converted by a copy first.
#pragma once
#include "core/dtype.h"
#include "cuda/device/cuda.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

template <class C>
struct Stored;
template <>
struct Stored<float> {
  using types = Types<float, half, bfloat16>;
};
template <>
struct Stored<double> {
  using types = Types<double>;
};
template <>
struct Stored<std::int64_t> {
  using types = Ints;
};
template <>
struct Stored<bool> {
  using types = Bool;
};

// dispatch() for kernels: the same choice in every thread. `dtype` is one of the list, so the last is not asked for.
template <class First, class... Rest, class Body>
TC_DEVICE void dispatch_stored(Types<First, Rest...>, DType dtype, Body&& body) {
  if constexpr (sizeof...(Rest) == 0)
    body.template operator()<First>();
  else if (dtype == dtype_of<First>())
    body.template operator()<First>();
  else
    dispatch_stored(Types<Rest...>{}, dtype, body);
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
