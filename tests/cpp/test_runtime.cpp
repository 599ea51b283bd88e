// Thread pool, allocator and instruction set choice, without Python: also built with ThreadSanitizer and
// AddressSanitizer.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/allocator.h"
#include "core/kernel_table.h"
#include "core/machine.h"
#include "cpu/parallel.h"

namespace {

using tc::allocate_cpu;
using tc::free_cpu;
using tc::memory_stats;
using tc::cpu::parallel_for;
using tc::cpu::parallel_tasks;
using tc::cpu::set_num_threads;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCaches = false;
constexpr int kSoakSteps = 50'000;
#elif defined(__SANITIZE_THREAD__)
constexpr bool kCaches = true;
constexpr int kSoakSteps = 100'000;
#else
constexpr bool kCaches = true;
constexpr int kSoakSteps = 1'000'000;
#endif

template <class Body>
std::string message_of(Body&& body) {
  try {
    body();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

// Every task once, whatever the numbers of tasks and threads; plain ints, so that ThreadSanitizer sees a missing join.
void once() {
  for (const int threads : {1, 2, 3, 4, 8, 600}) {
    set_num_threads(threads);
    EXPECT(tc::cpu::num_threads() == threads);
    for (const int tasks : {0, 1, 2, 3, 7, 64, 1000}) {
      std::vector<int> counts(static_cast<std::size_t>(tasks), 0);
      for (int round = 1; round <= 20; ++round) {
        parallel_tasks(tasks, [&](std::int64_t t) { ++counts[static_cast<std::size_t>(t)]; });
        for (const int count : counts) EXPECT(count == round);
      }
    }
    if (threads == 600) break;
  }
  set_num_threads(3);
  std::vector<int> covered(1003, 0);
  parallel_for(1003, 10, [&](std::int64_t begin, std::int64_t end) {
    EXPECT(begin % 10 == 0 && (end == begin + 10 || end == 1003));
    for (std::int64_t i = begin; i < end; ++i) ++covered[static_cast<std::size_t>(i)];
  });
  for (const int count : covered) EXPECT(count == 1);
  EXPECT(message_of([] { set_num_threads(0); }) == "set_num_threads: count must be at least 1, got 0");
}

// Both threads are really there: each task waits for the other one.
void both_work() {
  set_num_threads(2);
  for (int round = 0; round < 200; ++round) {
    if (round % 20 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // workers sleep by then
    std::atomic<int> arrived{0};
    parallel_tasks(2, [&](std::int64_t) {
      ++arrived;
      while (arrived.load() < 2) std::this_thread::yield();
    });
  }
}

void thread_limit() {
  set_num_threads(8);
  parallel_tasks(64, [](std::int64_t) {});
  set_num_threads(3);
  std::atomic<int> inside{0}, most{0};
  for (int round = 0; round < 200; ++round)
    parallel_tasks(12, [&](std::int64_t) {
      const int now = ++inside;
      for (int seen = most.load(); now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      std::this_thread::yield();
      --inside;
    });
  EXPECT(most.load() <= 3);
}

void nested() {
  set_num_threads(4);
  std::atomic<int> sum{0};
  parallel_tasks(16, [&](std::int64_t) {
    const std::thread::id self = std::this_thread::get_id();
    parallel_tasks(16, [&](std::int64_t) {
      EXPECT(std::this_thread::get_id() == self);
      ++sum;
    });
  });
  EXPECT(sum == 256);
}

void exceptions() {
  set_num_threads(4);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::atomic<int>> ran(100);
    const std::string message = message_of([&] {
      parallel_tasks(100, [&](std::int64_t t) {
        ++ran[static_cast<std::size_t>(t)];
        if (t % 10 == 7 && t > 30) throw std::runtime_error("task " + std::to_string(t));
      });
    });
    EXPECT(message == "task 37");  // that of a serial loop
    for (std::size_t t = 0; t <= 37; ++t) EXPECT(ran[t] == 1);
    std::atomic<int> after{0};
    parallel_tasks(10, [&](std::int64_t) { ++after; });
    EXPECT(after == 10);
  }
}

// Several callers at once, while another thread changes the number of threads.
void callers() {
  set_num_threads(3);
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    for (int n = 1; !stop; n = n % 5 + 1) {
      set_num_threads(n);
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  });
  std::vector<std::thread> threads;
  for (int c = 0; c < 6; ++c)
    threads.emplace_back([c] {
      for (int round = 0; round < 2000; ++round) {
        std::vector<int> out(40, 0);
        parallel_tasks(40, [&](std::int64_t t) { out[static_cast<std::size_t>(t)] = c + static_cast<int>(t); });
        EXPECT(std::accumulate(out.begin(), out.end(), 0) == 40 * c + 780);
        if (round % 100 == 0)
          EXPECT(message_of([] {
                   parallel_tasks(9, [](std::int64_t t) {
                     if (t == 5) throw std::runtime_error("five");
                   });
                 }) == "five");
      }
    });
  for (std::thread& thread : threads) thread.join();
  stop = true;
  changer.join();
}

// Where no thread can be started, the caller does all the work.
void no_threads() {
  set_num_threads(4);
  rlimit before = {}, limit = {};
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  long pages = 0;
  EXPECT(file != nullptr && std::fscanf(file, "%ld", &pages) == 1);
  std::fclose(file);
  EXPECT(getrlimit(RLIMIT_AS, &before) == 0);
  limit = before;
  limit.rlim_cur = static_cast<rlim_t>(pages) * 4096 + (1 << 20);
  EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);
  int sum = 0;  // not atomic: one thread
  parallel_tasks(100, [&](std::int64_t t) { sum += static_cast<int>(t); });
  EXPECT(sum == 4950);
  // The same limit stands for a machine without memory.
  const std::string message = message_of([] { allocate_cpu(std::size_t{64} << 20); });
  EXPECT(message.starts_with("allocate: no memory for 67108864 bytes"));
  void* small = allocate_cpu(100);
  free_cpu(small, 100);
  EXPECT(setrlimit(RLIMIT_AS, &before) == 0);
}

int exit_code_of_child(void (*body)()) {
  const pid_t child = fork();
  EXPECT(child >= 0);
  if (child == 0) {
    body();
    std::exit(0);  // not _exit: static destructors run in the child too
  }
  int status = 0;
  EXPECT(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void use_everything() {
  std::vector<int> out(1000, 0);
  for (int round = 0; round < 50; ++round) {
    parallel_tasks(1000, [&](std::int64_t t) { out[static_cast<std::size_t>(t)] = static_cast<int>(t); });
    EXPECT(std::accumulate(out.begin(), out.end(), 0) == 499500);
    for (const std::size_t bytes : {std::size_t{10}, std::size_t{5000}, std::size_t{100'000}, std::size_t{3} << 20}) {
      void* block = allocate_cpu(bytes);
      std::memset(block, round, bytes);
      free_cpu(block, bytes);
    }
  }
}

void forking() {
  set_num_threads(4);
  use_everything();
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;  // forks meet regions and allocations in the middle
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&] {
      while (!stop) use_everything();
    });
  for (int round = 0; round < 30; ++round) {
    const int code = exit_code_of_child([] {
      use_everything();
      EXPECT(exit_code_of_child(&use_everything) == 0);
    });
    EXPECT(code == 0);
    use_everything();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

struct AtExit {
  std::vector<std::pair<void*, std::size_t>> blocks;
  ~AtExit() {
    for (const auto& [block, bytes] : blocks) free_cpu(block, bytes);
    use_everything();
  }
} at_exit;

// The process ends while workers spin, a detached thread is in a region, and static destructors still use both parts.
void at_end() {
  set_num_threads(4);
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{4096}, std::size_t{1} << 20})
    at_exit.blocks.emplace_back(allocate_cpu(bytes), bytes);
  std::thread([] {
    for (;;) parallel_tasks(8, [](std::int64_t) { std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
  }).detach();
  for (int i = 0; i < 100; ++i) parallel_tasks(8, [](std::int64_t) {});
}

void blocks() {
  const tc::MemoryStats before = memory_stats();
  std::int64_t handed_out = 0;
  for (std::size_t bytes = 0; bytes < (std::size_t{5} << 20); bytes = bytes + 1 + bytes / 7) {
    void* data = allocate_cpu(bytes);
    EXPECT(reinterpret_cast<std::uintptr_t>(data) % tc::kAlignment == 0);
    std::memset(data, 0xab, bytes);
    const std::int64_t live = memory_stats().allocated - before.allocated;
    EXPECT(live >= static_cast<std::int64_t>(bytes) &&
           live <= static_cast<std::int64_t>(bytes + std::max<std::size_t>(bytes / 4, 64)));
    free_cpu(data, bytes);
    ++handed_out;
  }
  free_cpu(nullptr, 0);
  const tc::MemoryStats after = memory_stats();
  EXPECT(after.allocated == before.allocated && after.allocations - before.allocations == handed_out);
  EXPECT(after.peak_allocated >= std::int64_t{4} << 20);
  tc::reset_peak();
  EXPECT(memory_stats().peak_allocated == after.allocated);
  tc::empty_cache();
  EXPECT(memory_stats().cached == 0);
}

void reuse() {
  for (const std::size_t bytes : {std::size_t{100}, std::size_t{50'000}, std::size_t{40} << 20}) {
    void* first = allocate_cpu(bytes);
    free_cpu(first, bytes);
    const std::int64_t calls = memory_stats().system_allocations;
    for (int i = 0; i < 100; ++i) {
      void* again = allocate_cpu(bytes);
      EXPECT(again == first);
      free_cpu(again, bytes);
    }
    EXPECT(memory_stats().system_allocations == calls);
  }
  tc::set_cache_limit(std::size_t{10} << 20);
  EXPECT(memory_stats().cached <= std::int64_t{10} << 20);
  std::vector<void*> many;
  for (int i = 0; i < 20; ++i) many.push_back(allocate_cpu(std::size_t{3} << 20));
  for (void* block : many) free_cpu(block, std::size_t{3} << 20);
  EXPECT(memory_stats().cached <= std::int64_t{10} << 20);
  tc::set_cache_limit(0);
  EXPECT(memory_stats().cached <= std::int64_t{2} << 20);  // slabs and a thread's own lists
}

void impossible() {
  void* live = allocate_cpu(1000);
  for (const std::size_t bytes : {SIZE_MAX, SIZE_MAX - 63, std::size_t{1} << 63, (std::size_t{1} << 63) - 1,
                                  std::size_t{1} << 47, std::size_t{1} << 46}) {
    bool raised = false;
    try {
      allocate_cpu(bytes);
    } catch (const tc::Error& error) {
      raised = error.kind == tc::ErrorKind::memory;
      EXPECT(error.message.starts_with("allocate: no memory for " + std::to_string(bytes) + " bytes (10"));
    }
    EXPECT(raised);
  }
  free_cpu(live, 1000);
}

// One thread's part of the soak: random sizes from 8 bytes to 2 MiB, each block marked at both ends.
void soak_thread(std::uint64_t seed, int steps, int slots) {
  std::mt19937_64 random(seed);
  struct Block {
    unsigned char* data = nullptr;
    std::size_t bytes = 0;
    unsigned char mark = 0;
  };
  std::vector<Block> live(static_cast<std::size_t>(slots));
  for (int step = 0; step < steps; ++step) {
    Block& b = live[random() % live.size()];
    if (b.data) EXPECT(b.data[0] == b.mark && b.data[b.bytes - 1] == b.mark);
    free_cpu(b.data, b.bytes);
    b.bytes = static_cast<std::size_t>(std::exp2(3.0 + static_cast<double>(random() >> 11) * 0x1p-53 * 18.0));
    b.data = static_cast<unsigned char*>(allocate_cpu(b.bytes));
    b.data[0] = b.data[b.bytes - 1] = b.mark = static_cast<unsigned char>(random());
  }
  for (Block& b : live) {
    EXPECT(b.data == nullptr || (b.data[0] == b.mark && b.data[b.bytes - 1] == b.mark));
    free_cpu(b.data, b.bytes);
  }
}

void soak() {
  soak_thread(1, kSoakSteps, 500);
  const tc::MemoryStats stats = memory_stats();
  EXPECT(stats.allocated == 0);
  // Nothing is live: all that was ever mapped is cached, and fragmentation kept it within 1.5 of the peak.
  if (kCaches) EXPECT(stats.cached <= stats.peak_allocated * 3 / 2);
  tc::empty_cache();
  EXPECT(memory_stats().cached == 0);
}

void soak_threads() {
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) threads.emplace_back(soak_thread, t, kSoakSteps / 8, 60);
  for (std::thread& thread : threads) thread.join();
  EXPECT(memory_stats().allocated == 0);
  tc::empty_cache();
  EXPECT(memory_stats().cached == 0);  // ended threads have given their blocks back
}

// Blocks made by one thread and freed by another do not pile up.
void pass_on() {
  constexpr int kRounds = 200, kBlocks = 500;
  std::vector<void*> blocks(kBlocks);
  for (int round = 0; round < kRounds; ++round) {
    for (void*& block : blocks) std::memset(block = allocate_cpu(300), 1, 300);
    std::thread([&] {
      for (void* block : blocks) free_cpu(block, 300);
    }).join();
  }
  EXPECT(memory_stats().allocated == 0);
  EXPECT(memory_stats().cached <= std::int64_t{4} << 20);
}

void over_read() {  // for AddressSanitizer, which must see the byte past the end
  auto* data = static_cast<volatile unsigned char*>(allocate_cpu(100));
  data[99] = 1;
  std::printf("%d\n", data[100]);
}

void race() {  // for ThreadSanitizer: it must see that two tasks write one variable
  set_num_threads(2);
  int shared = 0;
  std::atomic<int> arrived{0};  // relaxed: brings both threads here and orders nothing
  parallel_tasks(2, [&](std::int64_t) {
    arrived.fetch_add(1, std::memory_order_relaxed);
    while (arrived.load(std::memory_order_relaxed) < 2) std::this_thread::yield();
    for (int i = 0; i < 1000; ++i) shared = shared + 1;
  });
  std::printf("%d\n", shared);
}

void machine() {
  const tc::MachineInfo& info = tc::machine_info();
  EXPECT(info.logical_cpus >= info.available_cpus && info.available_cpus >= 1);
  EXPECT(info.memory_bytes > 0 && info.memory_bytes <= tc::memory_with_swap());
  std::printf("isa=%s threads=%d available=%d\n", name_of(tc::best_isa()), tc::cpu::num_threads(), info.available_cpus);
}

// Median time of one call; `pause` before each lets the workers fall asleep.
template <class Body>
double nanoseconds(int calls, std::chrono::microseconds pause, Body&& body) {
  std::vector<double> times;
  for (int i = 0; i < calls; ++i) {
    if (pause.count() != 0) std::this_thread::sleep_for(pause);
    const auto start = std::chrono::steady_clock::now();
    body();
    times.push_back(std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + calls / 2, times.end());
  return times[static_cast<std::size_t>(calls) / 2];
}

void costs() {
  const int threads = tc::cpu::num_threads();
  const auto empty = [&] { parallel_tasks(threads, [](std::int64_t t) { asm volatile("" ::"r"(t)); }); };
  const auto meeting = [&] {  // every thread must have come before one may leave
    std::atomic<int> arrived{0};
    parallel_tasks(threads, [&](std::int64_t) {
      for (arrived.fetch_add(1); arrived.load() < threads;) {
      }
    });
  };
  std::printf("%d threads, nanoseconds: awake, asleep\n", threads);
  using std::chrono::microseconds;
  std::printf("  empty region             %8.0f %8.0f\n", nanoseconds(20000, microseconds(0), empty),
              nanoseconds(500, microseconds(300), empty));
  std::printf("  region all threads join  %8.0f %8.0f\n", nanoseconds(20000, microseconds(0), meeting),
              nanoseconds(500, microseconds(300), meeting));
  for (const std::size_t bytes :
       {std::size_t{16}, std::size_t{1024}, std::size_t{16384}, std::size_t{1} << 20, std::size_t{64} << 20})
    std::printf("  allocate and free %9zu bytes %6.1f\n", bytes, nanoseconds(1000, microseconds(0), [&] {
                                                                   for (int i = 0; i < 100; ++i) {
                                                                     void* block = allocate_cpu(bytes);
                                                                     asm volatile("" ::"r"(block) : "memory");
                                                                     free_cpu(block, bytes);
                                                                   }
                                                                 }) / 100);
}

constexpr Case cases[] = {
    {"once", once},
    {"both_work", both_work},
    {"thread_limit", thread_limit},
    {"nested", nested},
    {"exceptions", exceptions},
    {"callers", callers},
    {"no_threads", no_threads},
    {"forking", forking},
    {"at_end", at_end},
    {"blocks", blocks},
    {"reuse", reuse},
    {"impossible", impossible},
    {"soak", soak},
    {"soak_threads", soak_threads},
    {"pass_on", pass_on},
    {"over_read", over_read},
    {"race", race},
    {"machine", machine},
    {"costs", costs},
};

}  // namespace

int main(int argc, char** argv) { return run_case(cases, argc, argv); }
