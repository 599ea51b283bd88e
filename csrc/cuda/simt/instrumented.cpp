// Kernels of the checked executor are compiled with -fsanitize=thread, which makes the compiler announce every load and
// store by a call. The calls lead here instead of to ThreadSanitizer's runtime, which is not linked.
#include "cuda/simt/checker.h"

using tc::simt::checker::access;
using tc::simt::checker::Access;
using tc::simt::checker::volatile_access;

#define TC_ANNOUNCED(name) extern "C" [[gnu::visibility("default")]] void __tsan_##name

#define TC_ACCESS(bytes)                                                                                              \
  TC_ANNOUNCED(read##bytes)(void* p) { access(p, bytes, bytes, Access::read, __builtin_return_address(0), nullptr); } \
  TC_ANNOUNCED(write##bytes)(void* p) {                                                                               \
    access(p, bytes, bytes, Access::write, __builtin_return_address(0), nullptr);                                     \
  }                                                                                                                   \
  TC_ANNOUNCED(unaligned_read##bytes)(void* p) {                                                                      \
    access(p, bytes, 1, Access::read, __builtin_return_address(0), nullptr);                                          \
  }                                                                                                                   \
  TC_ANNOUNCED(unaligned_write##bytes)(void* p) {                                                                     \
    access(p, bytes, 1, Access::write, __builtin_return_address(0), nullptr);                                         \
  }                                                                                                                   \
  TC_ANNOUNCED(volatile_read##bytes)(void* p) { volatile_access(p, bytes, false, __builtin_return_address(0)); }      \
  TC_ANNOUNCED(volatile_write##bytes)(void* p) { volatile_access(p, bytes, true, __builtin_return_address(0)); }
TC_ACCESS(1)
TC_ACCESS(2)
TC_ACCESS(4)
TC_ACCESS(8)
TC_ACCESS(16)
TC_ANNOUNCED(read_range)(void* p, unsigned long bytes) {
  access(p, bytes, 1, Access::read, __builtin_return_address(0), nullptr);
}
TC_ANNOUNCED(write_range)(void* p, unsigned long bytes) {
  access(p, bytes, 1, Access::write, __builtin_return_address(0), nullptr);
}
TC_ANNOUNCED(init)() {}
TC_ANNOUNCED(func_entry)(void*) {}
TC_ANNOUNCED(func_exit)(void*) {}
TC_ANNOUNCED(vptr_update)(void**, void*) {}
TC_ANNOUNCED(vptr_read)(void**) {}

// Atomics of host code that is compiled along with kernels (reference counts): done as they are.
#define TC_ATOMIC_UPDATE(bits, T, name)                                     \
  TC_ANNOUNCED_AS(T, atomic##bits##_##name)(volatile T * p, T value, int) { \
    return __atomic_##name(p, value, __ATOMIC_SEQ_CST);                     \
  }
#define TC_ANNOUNCED_AS(type, name) extern "C" [[gnu::visibility("default")]] type __tsan_##name
#define TC_ATOMIC(bits, T)                                                                                           \
  TC_ANNOUNCED_AS(T, atomic##bits##_load)(const volatile T* p, int) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); } \
  TC_ANNOUNCED_AS(void, atomic##bits##_store)(volatile T * p, T value, int) {                                        \
    __atomic_store_n(p, value, __ATOMIC_SEQ_CST);                                                                    \
  }                                                                                                                  \
  TC_ANNOUNCED_AS(T, atomic##bits##_exchange)(volatile T * p, T value, int) {                                        \
    return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);                                                          \
  }                                                                                                                  \
  TC_ATOMIC_UPDATE(bits, T, fetch_add)                                                                               \
  TC_ATOMIC_UPDATE(bits, T, fetch_sub)                                                                               \
  TC_ATOMIC_UPDATE(bits, T, fetch_and)                                                                               \
  TC_ATOMIC_UPDATE(bits, T, fetch_or)                                                                                \
  TC_ATOMIC_UPDATE(bits, T, fetch_xor)                                                                               \
  TC_ANNOUNCED_AS(int, atomic##bits##_compare_exchange_strong)(volatile T * p, T * expected, T value, int, int) {    \
    return __atomic_compare_exchange_n(p, expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);               \
  }                                                                                                                  \
  TC_ANNOUNCED_AS(int, atomic##bits##_compare_exchange_weak)(volatile T * p, T * expected, T value, int, int) {      \
    return __atomic_compare_exchange_n(p, expected, value, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                \
  }
TC_ATOMIC(8, unsigned char)
TC_ATOMIC(16, unsigned short)
TC_ATOMIC(32, unsigned)
TC_ATOMIC(64, unsigned long)
TC_ANNOUNCED_AS(void, atomic_thread_fence)(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
