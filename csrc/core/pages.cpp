// Best fit with immediate merging (Knuth, TAOCP 1, section 2.5; Wilson et al., "Dynamic storage allocation", 1995, on
// why best fit keeps fragmentation low), with a short list of recent runs in front for loops that repeat the same
// sizes.
#include "core/pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>

namespace tc {
namespace {

constinit std::atomic<std::int64_t> mapped{0}, calls{0};

std::uintptr_t round_up(std::uintptr_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

void unmap(std::uintptr_t begin, std::size_t bytes) {
  if (bytes == 0) return;
  munmap(reinterpret_cast<void*>(begin), bytes);
  mapped.fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
}

// New pages at a multiple of `alignment`; 0 when refused.
std::uintptr_t map(std::size_t bytes, std::size_t alignment, [[maybe_unused]] bool huge) {
  const std::size_t room = bytes + alignment - kPage;
  void* data = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return 0;
  mapped.fetch_add(static_cast<std::int64_t>(room), std::memory_order_relaxed);
  calls.fetch_add(1, std::memory_order_relaxed);
  const auto start = reinterpret_cast<std::uintptr_t>(data), begin = round_up(start, alignment);
  unmap(start, begin - start);
  unmap(begin + bytes, start + room - (begin + bytes));
#if defined(MADV_HUGEPAGE)
  if (huge) madvise(reinterpret_cast<void*>(begin), bytes, MADV_HUGEPAGE);  // a wish: some kernels refuse it
#endif
  return begin;
}

}  // namespace

std::int64_t Pages::mapped_bytes() { return mapped.load(std::memory_order_relaxed); }
std::int64_t Pages::map_calls() { return calls.load(std::memory_order_relaxed); }

void* Pages::take(std::size_t bytes, std::size_t alignment) {
  const std::lock_guard lock(mutex);
  if (void* data = take_recent(bytes, alignment)) return data;
  merge_recent();
  if (void* data = take_best_fit(bytes, alignment)) return data;
  // Whole huge pages first; then, having given back what is free, just what is needed.
  std::size_t chunk = round_up(bytes, kHugePage);
  std::uintptr_t begin = map(chunk, std::max(alignment, kHugePage), huge_);
  if (begin == 0) {
    release_locked(SIZE_MAX);
    chunk = bytes;
    begin = map(chunk, alignment, false);
    if (begin == 0) return nullptr;
  }
  insert_or_unmap(begin + bytes, chunk - bytes);
  return reinterpret_cast<void*>(begin);
}

void Pages::give(void* data, std::size_t bytes) noexcept {
  const std::lock_guard lock(mutex);
  if (recents_ == kRecent) {
    insert_or_unmap(recent_[0].begin, recent_[0].bytes);
    std::copy(recent_ + 1, recent_ + kRecent, recent_);
    --recents_;
  }
  recent_[recents_++] = {reinterpret_cast<std::uintptr_t>(data), bytes};
}

std::size_t Pages::release(std::size_t bytes) noexcept {
  const std::lock_guard lock(mutex);
  return release_locked(bytes);
}

// The newest run of exactly this size: its bytes are the likeliest to be in a cache still.
void* Pages::take_recent(std::size_t bytes, std::size_t alignment) {
  for (int i = recents_; i-- > 0;) {
    if (recent_[i].bytes != bytes || recent_[i].begin % alignment != 0) continue;
    const std::uintptr_t begin = recent_[i].begin;
    std::copy(recent_ + i + 1, recent_ + recents_, recent_ + i);
    --recents_;
    return reinterpret_cast<void*>(begin);
  }
  return nullptr;
}

void* Pages::take_best_fit(std::size_t bytes, std::size_t alignment) {
  const auto fit = by_size_.lower_bound({bytes + alignment - kPage, 0});  // room to align in whatever its address
  if (fit == by_size_.end()) return nullptr;
  const auto [size, start] = *fit;
  const std::uintptr_t begin = round_up(start, alignment);
  erase(by_address_.find(start));
  insert_or_unmap(start, begin - start);
  insert_or_unmap(begin + bytes, start + size - (begin + bytes));
  return reinterpret_cast<void*>(begin);
}

void Pages::merge_recent() noexcept {
  for (int i = 0; i < recents_; ++i) insert_or_unmap(recent_[i].begin, recent_[i].bytes);
  recents_ = 0;
}

// Adds a free run, merged with the neighbours that touch it. Runs of different mappings merge too: Linux unmaps any
// range.
void Pages::insert_or_unmap(std::uintptr_t begin, std::size_t bytes) noexcept {
  if (bytes == 0) return;
  const auto next = by_address_.lower_bound(begin);
  if (next != by_address_.begin()) {
    const auto previous = std::prev(next);
    if (previous->first + previous->second == begin) {
      begin = previous->first;
      bytes += previous->second;
      erase(previous);
    }
  }
  if (next != by_address_.end() && next->first == begin + bytes) {
    bytes += next->second;
    erase(next);
  }
  try {
    const auto run = by_address_.emplace(begin, bytes).first;
    try {
      by_size_.emplace(bytes, begin);
    } catch (...) {
      by_address_.erase(run);
      throw;
    }
  } catch (...) {  // not even a list node left: let the run go
    unmap(begin, bytes);
  }
}

void Pages::erase(std::map<std::uintptr_t, std::size_t>::iterator run) noexcept {
  by_size_.erase({run->second, run->first});
  by_address_.erase(run);
}

std::size_t Pages::release_locked(std::size_t bytes) noexcept {
  std::size_t released = 0;
  while (released < bytes) {
    if (by_size_.empty()) {
      if (recents_ == 0) break;
      merge_recent();
      continue;
    }
    const auto [size, begin] = *by_size_.rbegin();
    erase(by_address_.find(begin));
    // Of the largest run only the tail goes, on a huge page's boundary: the rest keeps its pages.
    const std::uintptr_t end = begin + size, wanted = end - std::min(size, bytes - released);
    const std::uintptr_t cut = std::max(begin, wanted / kHugePage * kHugePage);
    unmap(cut, end - cut);
    insert_or_unmap(begin, cut - begin);
    released += end - cut;
  }
  return released;
}

}  // namespace tc
