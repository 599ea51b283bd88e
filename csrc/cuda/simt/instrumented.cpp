// Kernels of the checked executor are compiled with -fsanitize=thread, which makes the compiler announce every load and
// store by a call. The calls lead here instead of to ThreadSanitizer's runtime, which is not linked.
#include "cuda/simt/checker.h"

using tc::simt::checker::access;
using tc::simt::checker::Access;

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
  TC_ANNOUNCED(volatile_read##bytes)(void* p) {                                                                       \
    access(p, bytes, bytes, Access::read, __builtin_return_address(0), nullptr);                                      \
  }                                                                                                                   \
  TC_ANNOUNCED(volatile_write##bytes)(void* p) {                                                                      \
    access(p, bytes, bytes, Access::write, __builtin_return_address(0), nullptr);                                     \
  }
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
