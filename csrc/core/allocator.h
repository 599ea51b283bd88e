// The CPU's caching allocator: freed blocks are kept by size class and handed out again, because fresh pages from the
// operating system cost more than the arithmetic of a large elementwise op.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tc {

inline constexpr std::size_t kAlignment = 64;  // bytes: a cache line, and the widest vector

// At least `bytes` bytes, aligned to kAlignment, not initialised. Raises MemoryError naming the size when there is
// none.
void* allocate_cpu(std::size_t bytes);
void free_cpu(void* data, std::size_t bytes) noexcept;  // `bytes` as given to allocate_cpu

struct MemoryStats {
  std::int64_t allocated;           // bytes in live blocks
  std::int64_t peak_allocated;      // highest `allocated` since the last reset_peak
  std::int64_t cached;              // bytes taken from the operating system and not in live blocks
  std::int64_t allocations;         // blocks handed out since the start
  std::int64_t system_allocations;  // of those, how many had to ask the operating system
};
MemoryStats memory_stats();
void reset_peak();
void empty_cache();  // gives all free memory back to the operating system, but for holes between small live blocks
                     // and what other threads keep at hand (at most 1 MiB each)
void set_cache_limit(std::size_t bytes);  // most bytes kept for reuse

}  // namespace tc
