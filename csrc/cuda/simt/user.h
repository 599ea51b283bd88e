// What stands before the first line of a source given to tc.cuda.compile when it is compiled for the executor: CUDA
// C++'s names, the storage behind __shared__, and the way from packed arguments to a kernel's call.
#pragma once
#include <assert.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include <utility>

#include "cuda/device/cuda.h"
#include "cuda/simt/half_names.h"

// `__shared__ float tile[32][33];` becomes
//     TC_SIMT_SHARED_TYPE(tile, float tile_shared_type[32][33]); TC_SIMT_SHARED(tile, 1);
// in one place for variables of a function; for those of a file the second half goes into the functions that use it.
#define TC_SIMT_SHARED_TYPE(name, ...) \
  typedef __VA_ARGS__;                 \
  [[maybe_unused]] static const char name##_shared_key = 0
#define TC_SIMT_SHARED(name, alignment)                                                                    \
  [[maybe_unused]] name##_shared_type& name = *static_cast<name##_shared_type*>(::tc::simt::static_shared( \
      &name##_shared_key, #name, sizeof(name##_shared_type),                                               \
      alignof(name##_shared_type) > (alignment) ? alignof(name##_shared_type) : (alignment)))
// `extern __shared__ float s[];` the same way.
#define TC_SIMT_DYNAMIC_TYPE(name, ...) typedef __VA_ARGS__
#define TC_SIMT_DYNAMIC(name) \
  [[maybe_unused]] name##_shared_type* const name = static_cast<name##_shared_type*>(::tc::simt::dynamic_shared())

// assert() ends the launch instead of the process. Hidden, so that only this library's own calls come here.
extern "C" __attribute__((visibility("hidden"), no_sanitize("thread"))) inline void tc_simt_assert_fail(
    const char* expression, const char* file, unsigned line) {
  ::tc::simt::assertion_failed(expression, file, line);
}
#define __assert_fail(expression, file, line, function) tc_simt_assert_fail(expression, file, line)

namespace tc::simt {

template <class... P, std::size_t... I>
__attribute__((no_sanitize("thread"))) inline void call_kernel(void (*kernel)(P...), void** arguments,
                                                               std::index_sequence<I...>) {
  kernel(*static_cast<std::remove_cv_t<P>*>(arguments[I])...);
}
// `arguments` points at an array of pointers to the kernel's arguments, as cuLaunchKernel takes them.
template <class... P>
__attribute__((no_sanitize("thread"))) inline void call_kernel(void (*kernel)(P...), void* arguments) {
  call_kernel(kernel, static_cast<void**>(arguments), std::index_sequence_for<P...>{});
}

}  // namespace tc::simt

#define TC_SIMT_KERNEL(number, ...)                                                                      \
  extern "C" __attribute__((visibility("default"), no_sanitize("thread"))) void tc_simt_kernel_##number( \
      void* arguments) {                                                                                 \
    ::tc::simt::call_kernel(&__VA_ARGS__, arguments);                                                    \
  }
