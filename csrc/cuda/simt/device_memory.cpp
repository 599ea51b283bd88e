#include "cuda/simt/device_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <mutex>

namespace tc::simt {
namespace {

constexpr std::size_t kReserved = std::size_t{1} << 38;  // of address space; pages are taken when touched
constexpr std::size_t kGap = 512;                        // bytes between allocations

std::mutex lock;
std::byte* base = nullptr;
std::size_t used = 0;  // addresses given out so far
int openings = 0;

std::size_t page() {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}
void protect(std::size_t begin, std::size_t end, int how) {
  if (end > begin) mprotect(base + begin, end - begin, how);
}
std::size_t used_pages() { return (used + page() - 1) / page() * page(); }

}  // namespace

void* allocate_guarded(std::size_t bytes) {
  const std::lock_guard guard(lock);
  if (!base) {
    void* p = mmap(nullptr, kReserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return nullptr;
    base = static_cast<std::byte*>(p);
  }
  const std::size_t size = (bytes + kGap + kGap - 1) / kGap * kGap, before = used_pages();
  if (used + size > kReserved) return nullptr;
  std::byte* const data = base + used;
  used += size;
  if (openings) protect(before, used_pages(), PROT_READ | PROT_WRITE);
  return data;
}

// The pages inside go back to the system; the addresses stay taken.
void release_guarded(void* data, std::size_t bytes) {
  const std::lock_guard guard(lock);
  const auto begin = (reinterpret_cast<std::uintptr_t>(data) + page() - 1) / page() * page();
  const auto end = (reinterpret_cast<std::uintptr_t>(data) + bytes) / page() * page();
  if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

OpenDeviceMemory::OpenDeviceMemory() {
  const std::lock_guard guard(lock);
  if (openings++ == 0 && base) protect(0, used_pages(), PROT_READ | PROT_WRITE);
}
OpenDeviceMemory::~OpenDeviceMemory() {
  const std::lock_guard guard(lock);
  if (--openings == 0 && base) protect(0, used_pages(), PROT_NONE);
}

}  // namespace tc::simt
