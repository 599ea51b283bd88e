// Memory for kernel tests: arrays that end (or begin) right at a page no one may touch, so that one element too many is
// a crash; and an allocator and a thread pool that need nothing of the library.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "core/allocator.h"
#include "cpu/parallel.h"

namespace guarded {

inline std::size_t page() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

// `bytes` between two forbidden pages, flush with the one behind, or with the one before if `low`.
class Memory {
 public:
  explicit Memory(std::size_t bytes, bool low = false) {
    const std::size_t body = (bytes + page() - 1) / page() * page();
    size_ = body + 2 * page();
    base_ = static_cast<char*>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED) std::abort();
    mprotect(base_, page(), PROT_NONE);
    mprotect(base_ + page() + body, page(), PROT_NONE);
    data_ = base_ + page() + (low ? 0 : body - bytes);
  }
  Memory(const Memory&) = delete;
  ~Memory() { munmap(base_, size_); }
  void* data() { return data_; }
  void make_read_only() { mprotect(base_ + page(), size_ - 2 * page(), PROT_READ); }

 private:
  char* base_;
  char* data_;
  std::size_t size_;
};

inline int threads = 1;
inline std::atomic<std::int64_t> live_bytes{0};

}  // namespace guarded

// Blocks of the allocator end in a canary and start out as NaN: scratch that is read before it is written shows.
namespace tc {
inline constexpr std::size_t kCanary = 64;
void* allocate_cpu(std::size_t bytes) {
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  char* data = static_cast<char*>(std::aligned_alloc(kAlignment, rounded + kCanary));
  std::memset(data, 0xff, rounded + kCanary);
  guarded::live_bytes += static_cast<std::int64_t>(bytes);
  return data;
}
void free_cpu(void* data, std::size_t bytes) noexcept {
  for (std::size_t i = bytes; i < (bytes + kAlignment - 1) / kAlignment * kAlignment + kCanary; ++i) {
    if (static_cast<unsigned char*>(data)[i] != 0xff) {
      std::printf("FAIL: written %zu bytes behind a scratch block of %zu\n", i - bytes, bytes);
      std::abort();
    }
  }
  guarded::live_bytes -= static_cast<std::int64_t>(bytes);
  std::free(data);
}
namespace cpu {
int num_threads() { return guarded::threads; }
void run_tasks(std::int64_t tasks, void (*run)(void* context, std::int64_t task), void* context) {
  std::atomic<std::int64_t> next{0};
  const auto work = [&] {
    for (std::int64_t t; (t = next++) < tasks;) run(context, t);
  };
  std::vector<std::thread> pool;
  for (int i = 1; i < guarded::threads; ++i) pool.emplace_back(work);
  work();
  for (std::thread& thread : pool) thread.join();
}
}  // namespace cpu
}  // namespace tc
