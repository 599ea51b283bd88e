// CUDA's asynchronous copies from global to shared memory, on the executor.
#pragma once
#include "cuda/simt/user.h"

TC_SIMT_INLINE void __pipeline_memcpy_async(void* shared, const void* global, size_t bytes, size_t zeros = 0,
                                            TC_SIMT_WHERE) {
  ::tc::simt::copy_async(shared, global, static_cast<int>(bytes), static_cast<int>(bytes - zeros), where);
}
TC_SIMT_INLINE void __pipeline_commit() { ::tc::simt::commit_async(); }
TC_SIMT_INLINE void __pipeline_wait_prior(size_t newest, TC_SIMT_WHERE) {
  ::tc::simt::wait_async(static_cast<int>(newest), where);
}
