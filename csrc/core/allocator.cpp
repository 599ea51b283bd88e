// Caching allocator in three layers. Blocks up to 16 KiB come from slabs of one size each, through a cache per thread
// whose free lists need no lock (Bonwick, "Magazines and vmem", 2001); larger blocks are runs of pages (pages.h). Size
// classes have four steps per power of two up to 16 KiB and eight above, so a block wastes less than a quarter.
#include "core/allocator.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "core/check.h"
#include "core/machine.h"
#include "core/pages.h"
#include "core/tls.h"

#if defined(__SANITIZE_ADDRESS__)
#define TC_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TC_ADDRESS_SANITIZER 1
#endif
#endif

namespace tc {
namespace {

constexpr std::size_t kSmall = 16 << 10;  // largest block from a slab
constexpr std::size_t kMedium = 1 << 20;  // runs below this size have mappings of their own, to spare the large ones
constexpr std::size_t kSlab = 128 << 10;  // size and alignment of a slab
constexpr std::size_t kMost = std::size_t{1} << 47;  // more than an address space holds
constexpr int kClasses = 28;
constexpr std::size_t kThreadBytes = 32 << 10;  // most bytes of one size class in one thread's cache

struct SizeClass {
  int index;
  std::size_t bytes;
};
SizeClass small_class(std::size_t bytes) {
  if (bytes <= 256) {
    const std::size_t lines = bytes == 0 ? 1 : (bytes + 63) / 64;
    return {static_cast<int>(lines) - 1, lines * 64};
  }
  const int shift = static_cast<int>(std::bit_width(bytes - 1)) - 3;  // steps of 2^shift, 5 to 8 of them
  const std::size_t steps = ((bytes - 1) >> shift) + 1;
  return {(shift - 6) * 4 + static_cast<int>(steps) - 1, steps << shift};
}
std::size_t run_bytes(std::size_t bytes) {
  const std::size_t step = std::clamp(std::bit_floor(bytes) / 8, kPage, kHugePage);
  return (bytes + step - 1) / step * step;
}
std::size_t block_bytes(std::size_t bytes) { return bytes <= kSmall ? small_class(bytes).bytes : run_bytes(bytes); }

struct FreeBlock {
  FreeBlock* next;
};

// At the head of each slab; blocks find it by their address.
struct alignas(64) Slab {
  Slab *previous, *next;  // in the list of slabs with a free block
  FreeBlock* free;
  std::size_t bytes;  // of one block
  std::uint32_t used, carved, capacity;

  static Slab* of(void* block) {
    return reinterpret_cast<Slab*>(reinterpret_cast<std::uintptr_t>(block) & ~(std::uintptr_t{kSlab} - 1));
  }
};

struct Central {  // of one size class
  std::mutex mutex;
  Slab* slabs = nullptr;
};

struct ThreadCache {
  struct List {
    FreeBlock* head = nullptr;
    std::uint32_t count = 0, most = 0;
  };
  List lists[kClasses];
  std::atomic<std::int64_t> allocations{0};  // written by its thread alone
  ThreadCache *previous = nullptr, *next = nullptr;
};

struct State {
  Pages runs{false}, large{true};
  Central central[kClasses];
  std::mutex registry;
  ThreadCache* threads = nullptr;
  bool system = false;  // no caching at all: every block from the C library
  std::int64_t memory = 0;
};

constinit std::atomic<std::int64_t> allocated{0}, peak{0}, other_allocations{0}, system_calls{0};
constinit std::atomic<std::int64_t> cache_limit{0};

State& state() {
  static State& s = []() -> State& {  // never destroyed: blocks are freed until the very end of the process
    State& made = *new State;
    made.memory = memory_with_swap();
    cache_limit.store(std::min<std::int64_t>(memory_bytes() / 2, std::int64_t{4} << 30));
#if defined(TC_ADDRESS_SANITIZER)
    made.system = true;
#endif
    if (const char* wanted = std::getenv("TENSORCORE_ALLOCATOR")) made.system |= std::strcmp(wanted, "system") == 0;
    return made;
  }();
  return s;
}

// A fork while another thread holds a lock would leave it locked in the child for ever: the forking thread takes all.
void lock_all() {
  State& s = state();
  s.registry.lock();
  for (Central& c : s.central) c.mutex.lock();
  s.runs.mutex.lock();
  s.large.mutex.lock();
}
void unlock_all() {
  State& s = state();
  s.large.mutex.unlock();
  s.runs.mutex.unlock();
  for (Central& c : s.central) c.mutex.unlock();
  s.registry.unlock();
}

void unlink(Central& c, Slab* slab) {
  (slab->previous ? slab->previous->next : c.slabs) = slab->next;
  if (slab->next) slab->next->previous = slab->previous;
}
void link(Central& c, Slab* slab) {
  slab->previous = nullptr;
  slab->next = c.slabs;
  if (c.slabs) c.slabs->previous = slab;
  c.slabs = slab;
}

// Takes up to `count` blocks out of slabs; fewer, or null, when there is no memory.
FreeBlock* take_blocks(State& s, SizeClass size, std::uint32_t count, std::uint32_t& taken) {
  Central& c = s.central[size.index];
  const std::lock_guard lock(c.mutex);
  FreeBlock* head = nullptr;
  for (taken = 0; taken < count; ++taken) {
    if (c.slabs == nullptr) {
      void* memory = s.runs.take(kSlab, kSlab);
      if (memory == nullptr) break;
      link(c, new (memory) Slab{nullptr, nullptr, nullptr, size.bytes, 0, 0,
                                static_cast<std::uint32_t>((kSlab - sizeof(Slab)) / size.bytes)});
    }
    Slab* slab = c.slabs;
    FreeBlock* block = slab->free;
    if (block != nullptr)
      slab->free = block->next;
    else
      block = reinterpret_cast<FreeBlock*>(reinterpret_cast<char*>(slab + 1) + slab->carved++ * slab->bytes);
    if (++slab->used == slab->capacity) unlink(c, slab);
    block->next = head;
    head = block;
  }
  return head;
}

// Puts `count` blocks of the list back into their slabs and returns the rest of it.
FreeBlock* give_blocks(State& s, int index, FreeBlock* head, std::uint32_t count) {
  Central& c = s.central[index];
  const std::lock_guard lock(c.mutex);
  for (; count > 0; --count) {
    FreeBlock* next = head->next;
    Slab* slab = Slab::of(head);
    head->next = slab->free;
    slab->free = head;
    if (slab->used-- == slab->capacity) link(c, slab);
    if (slab->used == 0) {
      unlink(c, slab);
      s.runs.give(slab, kSlab);
    }
    head = next;
  }
  return head;
}

constinit thread_local ThreadCache* thread_cache TC_TLS_FIXED = nullptr;
constinit thread_local bool thread_ended = false;

void flush(State& s, ThreadCache& cache) {
  for (int i = 0; i < kClasses; ++i) {
    ThreadCache::List& list = cache.lists[i];
    if (list.count != 0) list.head = give_blocks(s, i, list.head, list.count);
    list.count = 0;
  }
}

struct ThreadEnd {
  ~ThreadEnd() {
    ThreadCache* cache = thread_cache;
    thread_cache = nullptr;
    thread_ended = true;  // what is freed later on this thread goes straight to the slabs
    if (cache == nullptr) return;
    State& s = state();
    flush(s, *cache);
    const std::lock_guard lock(s.registry);
    other_allocations.fetch_add(cache->allocations.load(std::memory_order_relaxed), std::memory_order_relaxed);
    (cache->previous ? cache->previous->next : s.threads) = cache->next;
    if (cache->next) cache->next->previous = cache->previous;
    delete cache;
  }
};

// This thread's cache, made on first use; null when the thread ends, there is no memory, or nothing is cached at all.
[[gnu::noinline]] ThreadCache* make_thread_cache(State& s) {
  [[maybe_unused]] static const int registered = pthread_atfork(&lock_all, &unlock_all, &unlock_all);
  if (thread_ended || s.system) return nullptr;
  auto* cache = new (std::nothrow) ThreadCache;
  if (cache == nullptr) return nullptr;
  for (std::size_t bytes = 64; bytes <= kSmall; bytes = small_class(bytes + 1).bytes)
    cache->lists[small_class(bytes).index].most =
        static_cast<std::uint32_t>(std::clamp<std::size_t>(kThreadBytes / bytes, 2, 128));
  thread_local ThreadEnd end;
  (void)end;
  {
    const std::lock_guard lock(s.registry);
    cache->next = s.threads;
    if (s.threads) s.threads->previous = cache;
    s.threads = cache;
  }
  return thread_cache = cache;
}

void count_allocated(std::int64_t bytes) {
  const std::int64_t now = allocated.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  std::int64_t highest = peak.load(std::memory_order_relaxed);
  while (now > highest && !peak.compare_exchange_weak(highest, now, std::memory_order_relaxed)) {
  }
}

std::int64_t cached_bytes() {
  if (state().system) return 0;
  return std::max<std::int64_t>(0, Pages::mapped_bytes() - allocated.load(std::memory_order_relaxed));
}

void hold_limit(State& s) {
  const std::int64_t excess = cached_bytes() - cache_limit.load(std::memory_order_relaxed);
  if (excess <= 0) return;
  const auto wanted = static_cast<std::size_t>(excess);
  const std::size_t released = s.large.release(wanted);
  if (released < wanted) s.runs.release(wanted - released);
}

void* take_from_system(std::size_t bytes) {
  void* block = nullptr;
  system_calls.fetch_add(1, std::memory_order_relaxed);
  return posix_memalign(&block, kAlignment, bytes) == 0 ? block : nullptr;
}

// All but the thread's own free list.
[[gnu::noinline]] void* allocate_slow(std::size_t bytes) {
  State& s = state();
  const std::int64_t live = allocated.load(std::memory_order_relaxed);
  // Systems that promise more memory than there is end the process when it is touched, so that is refused here.
  const bool possible = bytes <= kMost && static_cast<std::int64_t>(bytes) <= s.memory - live;
  void* block = nullptr;
  for (int round = 0; possible && block == nullptr && round < 2; ++round) {
    if (round == 1) empty_cache();
    ThreadCache* cache = thread_cache ? thread_cache : make_thread_cache(s);
    if (s.system) {
      block =
          take_from_system(std::max<std::size_t>(bytes, 1));  // not rounded up: tools see the first byte past the end
    } else if (bytes <= kSmall) {
      const SizeClass size = small_class(bytes);
      std::uint32_t taken = 0;
      const std::uint32_t wanted = cache ? std::max(1u, cache->lists[size.index].most / 2) : 1;
      FreeBlock* head = take_blocks(s, size, wanted, taken);
      block = head;
      if (taken > 1) {
        ThreadCache::List& list = cache->lists[size.index];  // empty, or the fast path had served
        list.head = head->next;
        list.count = taken - 1;
      }
    } else {
      const std::size_t size = run_bytes(bytes);
      block = (size < kMedium ? s.runs : s.large).take(size);
    }
  }
  if (block == nullptr)
    fail(ErrorKind::memory, "allocate: no memory for ", bytes, " bytes (", live, " bytes are allocated, ",
         cached_bytes(), " cached, the machine has ", s.memory, ")");
  count_allocated(static_cast<std::int64_t>(block_bytes(bytes)));
  other_allocations.fetch_add(1, std::memory_order_relaxed);
  return block;
}

[[gnu::noinline]] void free_slow(void* data, std::size_t bytes) noexcept {
  State& s = state();
  allocated.fetch_sub(static_cast<std::int64_t>(block_bytes(bytes)), std::memory_order_relaxed);
  if (s.system) {
    std::free(data);
    return;
  }
  if (bytes <= kSmall) {
    const SizeClass size = small_class(bytes);
    auto* block = static_cast<FreeBlock*>(data);
    ThreadCache* cache = thread_cache ? thread_cache : make_thread_cache(s);
    if (cache == nullptr) {
      give_blocks(s, size.index, block, 1);
      return;
    }
    ThreadCache::List& list = cache->lists[size.index];
    block->next = list.head;
    list.head = block;
    if (++list.count <= list.most) return;
    const std::uint32_t half = list.count / 2;
    list.head = give_blocks(s, size.index, list.head, half);
    list.count -= half;
  } else {
    const std::size_t size = run_bytes(bytes);
    (size < kMedium ? s.runs : s.large).give(data, size);
  }
  hold_limit(s);
}

}  // namespace

void* allocate_cpu(std::size_t bytes) {
  if (ThreadCache* cache = thread_cache; cache != nullptr && bytes <= kSmall) [[likely]] {
    const SizeClass size = small_class(bytes);
    ThreadCache::List& list = cache->lists[size.index];
    if (FreeBlock* block = list.head) [[likely]] {
      list.head = block->next;
      --list.count;
      cache->allocations.store(cache->allocations.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      count_allocated(static_cast<std::int64_t>(size.bytes));
      return block;
    }
  }
  return allocate_slow(bytes);
}

void free_cpu(void* data, std::size_t bytes) noexcept {
  if (data == nullptr) return;
  if (ThreadCache* cache = thread_cache; cache != nullptr && bytes <= kSmall) [[likely]] {
    const SizeClass size = small_class(bytes);
    ThreadCache::List& list = cache->lists[size.index];
    if (list.count < list.most) [[likely]] {
      auto* block = static_cast<FreeBlock*>(data);
      block->next = list.head;
      list.head = block;
      ++list.count;
      allocated.fetch_sub(static_cast<std::int64_t>(size.bytes), std::memory_order_relaxed);
      return;
    }
  }
  free_slow(data, bytes);
}

MemoryStats memory_stats() {
  State& s = state();
  std::int64_t allocations = other_allocations.load(std::memory_order_relaxed);
  {
    const std::lock_guard lock(s.registry);
    for (ThreadCache* t = s.threads; t != nullptr; t = t->next)
      allocations += t->allocations.load(std::memory_order_relaxed);
  }
  return {allocated.load(std::memory_order_relaxed), peak.load(std::memory_order_relaxed), cached_bytes(), allocations,
          system_calls.load(std::memory_order_relaxed) + Pages::map_calls()};
}

void reset_peak() { peak.store(allocated.load(std::memory_order_relaxed), std::memory_order_relaxed); }

void empty_cache() {
  State& s = state();
  if (thread_cache != nullptr) flush(s, *thread_cache);
  s.runs.release(SIZE_MAX);
  s.large.release(SIZE_MAX);
}

void set_cache_limit(std::size_t bytes) {
  State& s = state();
  cache_limit.store(static_cast<std::int64_t>(std::min<std::size_t>(bytes, INT64_MAX)), std::memory_order_relaxed);
  hold_limit(s);
}

}  // namespace tc
