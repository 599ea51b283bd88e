// What every kernel file includes first. Under nvcc, CUDA C++ as it is; elsewhere the executor's version of it, so that
// the same file runs on a processor without a GPU. Kernels use CUDA's own names for what CUDA C++ has, and the wrappers
// of this folder for what it has in PTX only. No PTX, and nothing that depends on the compiler, outside this folder.
#pragma once

#ifndef TC_CUDA_BACKEND
#error "compile kernels with TC_CUDA_BACKEND set to gpu, simt or simt_check"
#endif

#if defined(__CUDACC__)
#define TC_GPU 1
#include <cstddef>
#include <cstdint>
#include <type_traits>
#define TC_SHARED(type, name, ...) __shared__ type name __VA_ARGS__
#else
#define TC_GPU 0
#include "cuda/simt/cuda_names.h"
#endif

// Last parameter of wrappers that reports name: where they were called from. Nothing on a GPU.
#if TC_GPU
#define TC_WHERE
#define TC_AND_WHERE
#else
#define TC_WHERE ::tc::simt::Where where = ::tc::simt::Where::current()
#define TC_AND_WHERE , TC_WHERE
#endif

// Device functions are inlined in both worlds: a copy of their own would be shared between the executor's plain and
// checked builds.
#define TC_DEVICE __device__ __forceinline__

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

// The block's dynamic shared memory, aligned to 1024 bytes.
template <class T>
TC_DEVICE T* dynamic_shared() {
#if TC_GPU
  extern __shared__ __align__(1024) unsigned char tc_dynamic_shared[];
  return reinterpret_cast<T*>(tc_dynamic_shared);
#else
  return static_cast<T*>(::tc::simt::dynamic_shared());
#endif
}

TC_DEVICE int lane_id() { return static_cast<int>(threadIdx.x & 31); }  // for blocks whose rows are whole warps
TC_DEVICE int warp_id() { return static_cast<int>(threadIdx.x >> 5); }

// Compiled with the access checks of TENSORCORE_CUDA=simt-check?
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kChecked = true;
#else
inline constexpr bool kChecked = false;
#endif

inline constexpr unsigned kFullMask = 0xffffffffu;

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
