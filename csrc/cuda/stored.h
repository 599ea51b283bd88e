// The dtypes in memory that kernels computing in C read and write; others are converted by a copy first.
#pragma once
#include "core/dtype.h"

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

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
