// Threads and memory of the CPU.
#include "bindings/bind.h"
#include "core/allocator.h"
#include "cpu/parallel.h"

namespace tc::python {
namespace {

void set_num_threads(std::int64_t count) {
  check_value(count >= 1 && count <= 1024, "set_num_threads: count must be between 1 and 1024, got ", count);
  cpu::set_num_threads(static_cast<int>(count));
}
std::int64_t num_threads() { return cpu::num_threads(); }

std::vector<std::int64_t> memory_stats() {
  const MemoryStats s = tc::memory_stats();
  return {s.allocated, s.peak_allocated, s.cached, s.allocations, s.system_allocations};
}
void reset_peak() { tc::reset_peak(); }
void empty_cache() { tc::empty_cache(); }
void set_cache_limit(std::int64_t bytes) {
  check_value(bytes >= 0, "set_cache_limit: bytes must be at least 0, got ", bytes);
  tc::set_cache_limit(static_cast<std::size_t>(bytes));
}

const Binder binder{[](PyObject* module) {
  bind<"set_num_threads", &set_num_threads>(module);
  bind<"num_threads", &num_threads>(module);
  bind<"memory_stats", &memory_stats>(module);
  bind<"reset_peak", &reset_peak>(module);
  bind<"empty_cache", &empty_cache>(module);
  bind<"set_cache_limit", &set_cache_limit>(module);
}};
}  // namespace
}  // namespace tc::python
