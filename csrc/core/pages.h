// Runs of pages: the layer under the allocator that talks to the operating system. Freed runs are kept; the newest are
// handed out again as they are, older ones merge with their neighbours and are split by best fit.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace tc {

inline constexpr std::size_t kPage = 4096;
inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

class Pages {
 public:
  // Huge pages make large arrays faster, but the first touch of one clears 2 MiB: not for a few small blocks.
  explicit Pages(bool huge) : huge_(huge) {}

  // `bytes` a multiple of kPage, `alignment` a power of two of at least kPage. Null when there is no memory.
  void* take(std::size_t bytes, std::size_t alignment = kPage);
  void give(void* data, std::size_t bytes) noexcept;
  // Unmaps free runs until about `bytes` are back with the system or none is left; returns how many bytes went.
  std::size_t release(std::size_t bytes) noexcept;

  std::mutex mutex;  // public for fork alone, which holds it so that the child finds no half-made change

  // Bytes mapped by all instances, and the number of times that took a system call.
  static std::int64_t mapped_bytes();
  static std::int64_t map_calls();

 private:
  struct Run {
    std::uintptr_t begin;
    std::size_t bytes;
  };
  static constexpr int kRecent = 32;

  void* take_recent(std::size_t bytes, std::size_t alignment);
  void* take_best_fit(std::size_t bytes, std::size_t alignment);
  void merge_recent() noexcept;
  void insert_or_unmap(std::uintptr_t begin, std::size_t bytes) noexcept;
  void erase(std::map<std::uintptr_t, std::size_t>::iterator run) noexcept;
  std::size_t release_locked(std::size_t bytes) noexcept;

  const bool huge_;
  Run recent_[kRecent];  // oldest first
  int recents_ = 0;
  std::map<std::uintptr_t, std::size_t> by_address_;
  std::set<std::pair<std::size_t, std::uintptr_t>> by_size_;  // the same runs
};

}  // namespace tc
