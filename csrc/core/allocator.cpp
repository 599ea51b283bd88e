// Caching allocator, first form: free lists per size class over the C library.
#include "core/allocator.h"

#include <atomic>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "core/check.h"

namespace tc {
namespace {

constexpr std::size_t kClasses = 256;
struct Pool {
  std::mutex mutex;
  std::vector<void*> free[kClasses];
  MemoryStats stats{};
  std::size_t limit = std::size_t{4} << 30;
};
Pool& pool() {
  static Pool& p = *new Pool;
  return p;
}

// Four sizes per power of two, all multiples of 64.
struct SizeClass {
  std::size_t index, bytes;
};
SizeClass size_class(std::size_t bytes) {
  if (bytes <= 256) {
    const std::size_t lines = bytes == 0 ? 1 : (bytes + 63) / 64;
    return {lines - 1, lines * 64};
  }
  const int shift = std::bit_width(bytes - 1) - 3;  // step is 2^shift
  const std::size_t steps = ((bytes - 1) >> shift) + 1;  // 5..8
  return {static_cast<std::size_t>(shift - 6) * 4 + steps - 1, steps << shift};
}

void drop_cache(Pool& p) {
  for (std::size_t c = 0; c < kClasses; ++c) {
    for (void* block : p.free[c]) std::free(block);
    p.free[c].clear();
  }
  p.stats.cached = 0;
}

}  // namespace

void* allocate_cpu(std::size_t bytes) {
  Pool& p = pool();
  if (bytes > std::size_t{1} << 62) fail(ErrorKind::memory, "allocate: no memory for ", bytes, " bytes");
  const SizeClass c = size_class(bytes);
  const std::lock_guard lock(p.mutex);
  void* block = nullptr;
  if (auto& list = p.free[c.index]; !list.empty()) {
    block = list.back();
    list.pop_back();
    p.stats.cached -= static_cast<std::int64_t>(c.bytes);
  } else {
    if (posix_memalign(&block, kAlignment, c.bytes) != 0) {
      drop_cache(p);
      if (posix_memalign(&block, kAlignment, c.bytes) != 0)
        fail(ErrorKind::memory, "allocate: no memory for ", bytes, " bytes, ", p.stats.allocated, " bytes are in use");
    }
    ++p.stats.system_allocations;
  }
  ++p.stats.allocations;
  p.stats.allocated += static_cast<std::int64_t>(c.bytes);
  p.stats.peak_allocated = std::max(p.stats.peak_allocated, p.stats.allocated);
  return block;
}

void free_cpu(void* data, std::size_t bytes) noexcept {
  if (data == nullptr) return;
  Pool& p = pool();
  const SizeClass c = size_class(bytes);
  const std::lock_guard lock(p.mutex);
  p.stats.allocated -= static_cast<std::int64_t>(c.bytes);
  if (static_cast<std::size_t>(p.stats.cached) + c.bytes > p.limit) {
    std::free(data);
    return;
  }
  p.free[c.index].push_back(data);
  p.stats.cached += static_cast<std::int64_t>(c.bytes);
}

MemoryStats memory_stats() {
  const std::lock_guard lock(pool().mutex);
  return pool().stats;
}
void reset_peak() {
  const std::lock_guard lock(pool().mutex);
  pool().stats.peak_allocated = pool().stats.allocated;
}
void empty_cache() {
  const std::lock_guard lock(pool().mutex);
  drop_cache(pool());
}
void set_cache_limit(std::size_t bytes) {
  const std::lock_guard lock(pool().mutex);
  pool().limit = bytes;
  if (static_cast<std::size_t>(pool().stats.cached) > bytes) drop_cache(pool());
}

}  // namespace tc
