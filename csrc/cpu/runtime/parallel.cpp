// The thread pool. A region gives each participant its own range of tasks, so that a thread meets the data that it had
// in its cache in the region before, and whoever is done takes tasks out of the ranges of others. The caller works too
// and, when no task is left, waits for those workers only that have joined: one that sleeps or lost its core delays
// nobody.
//
//   caller: fill ranges and job -> open the gate -> signal workers -> work -> close the gate -> wait until none is
//   inside worker: own signal changed -> enter the gate if it is still open for that region -> work -> leave
//
// The pool lives in static storage without destructors and its threads are detached: exit and fork find nothing to
// join.
#include "cpu/parallel.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "core/check.h"
#include "core/machine.h"
#include "cpu/runtime/park.h"

namespace tc::cpu {
namespace {

constexpr int kMaxThreads = 512;
constexpr std::int64_t kNoFailure = INT64_MAX;

struct alignas(64) Range {
  std::atomic<std::int64_t> next{0};
  std::int64_t end = 0;
};

struct alignas(64) Worker {
  Word signal{0};  // number of the last region it was called to
  Word parked{0};
  std::uint32_t first_seen = 0;  // `signal` when the thread was started
};

struct Pool {
  std::atomic<bool> busy{false};  // held by the caller of a region; guards everything that is not atomic
  int started = 0;                // worker threads
  std::uint32_t region = 0;

  // region number << 32 | open << 31 | workers inside
  alignas(64) std::atomic<std::uint64_t> gate{0};
  void (*run)(void*, std::int64_t) = nullptr;
  void* context = nullptr;
  int participants = 0;
  std::exception_ptr* error = nullptr;

  alignas(64) std::atomic<std::int64_t> failed{kNoFailure};  // lowest task that threw
  std::atomic<bool> error_lock{false};
  Word caller_waits{0};

  Range ranges[kMaxThreads];
  Worker workers[kMaxThreads];  // worker i is participant i + 1
};
constinit Pool pool;
constinit std::atomic<int> thread_count{0};
constinit thread_local bool in_region = false;

constexpr std::uint64_t kOpen = std::uint64_t{1} << 31;
constexpr std::uint64_t kInside = kOpen - 1;

void run_one(std::int64_t task) {
  // Tasks above one that threw are skipped, those below still run: the error reported is that of a serial loop.
  if (task > pool.failed.load(std::memory_order_relaxed)) return;
  try {
    pool.run(pool.context, task);
  } catch (...) {
    while (pool.error_lock.exchange(true, std::memory_order_acquire)) relax();
    if (task < pool.failed.load(std::memory_order_relaxed)) {
      pool.failed.store(task, std::memory_order_relaxed);
      *pool.error = std::current_exception();
    }
    pool.error_lock.store(false, std::memory_order_release);
  }
}

void work(int self) {
  const int participants = pool.participants;
  for (int k = 0, p = self; k < participants; ++k, p = p + 1 == participants ? 0 : p + 1) {
    Range& range = pool.ranges[p];
    while (range.next.load(std::memory_order_relaxed) < range.end) {
      const std::int64_t task = range.next.fetch_add(1, std::memory_order_relaxed);
      if (task < range.end) run_one(task);
    }
  }
}

bool enter(std::uint32_t region) {
  std::uint64_t gate = pool.gate.load(std::memory_order_acquire);
  while ((gate & ~kInside) == (std::uint64_t{region} << 32 | kOpen))
    if (pool.gate.compare_exchange_weak(gate, gate + 1, std::memory_order_acq_rel, std::memory_order_acquire))
      return true;
  return false;
}

void leave() {
  const std::uint64_t gate = pool.gate.fetch_sub(1) - 1;
  if ((gate & (kOpen | kInside)) == 0 && pool.caller_waits.load() && pool.caller_waits.exchange(0))
    wake_one(pool.caller_waits);
}

// Waking is a system call of some microseconds, so it is spread over a tree: the caller wakes two, each of them two
// more. Signals are stored from the last worker to the first, so whoever was called finds the signals of its children
// stored.
void wake_children(int self) {
  for (int i = 2 * self; i < 2 * self + 2 && i < pool.participants - 1; ++i)
    if (pool.workers[i].parked.load()) wake_one(pool.workers[i].signal);
}

[[noreturn]] void worker_loop(int index) {
  Worker& me = pool.workers[index];
  Spin spin(thread_count.load(std::memory_order_relaxed) > available_cpus());
  in_region = true;
  for (std::uint32_t seen = me.first_seen;;) {
    const auto called = [&] { return me.signal.load(std::memory_order_acquire) != seen; };
    if (!spin.until(called)) {
      me.parked.store(1);
      while (me.signal.load() == seen) sleep_on(me.signal, seen);
      me.parked.store(0);
    }
    seen = me.signal.load(std::memory_order_acquire);
    if (!enter(seen)) continue;
    wake_children(index + 1);
    work(index + 1);
    leave();
  }
}

// The child of a fork has the forking thread only: it begins with an empty pool.
void reset_after_fork() {
  pool.started = 0;
  pool.gate.store(0);
  pool.failed.store(kNoFailure);
  pool.error_lock.store(false);
  pool.caller_waits.store(0);
  for (Worker& worker : pool.workers) worker.parked.store(0);
  pool.busy.store(false);
}

// Brings the number of workers to `count`, or as near as the system allows.
void start_workers(int count) {
  [[maybe_unused]] static const int registered = pthread_atfork(nullptr, nullptr, &reset_after_fork);
  sigset_t all, before;  // signals are for the threads of the program
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  for (; pool.started < count; ++pool.started) {
    Worker& worker = pool.workers[pool.started];
    worker.first_seen = worker.signal.load(std::memory_order_relaxed);
    pthread_t thread;
    const auto body = [](void* index) -> void* {
      worker_loop(static_cast<int>(reinterpret_cast<std::intptr_t>(index)));
    };
    if (pthread_create(&thread, &attributes, body, reinterpret_cast<void*>(std::intptr_t{pool.started})) != 0) break;
#if defined(__linux__)
    pthread_setname_np(thread, "tensorcore");
#endif
  }
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void wait_for_workers() {
  const auto done = [] { return (pool.gate.load() & kInside) == 0; };
  thread_local Spin spin(thread_count.load(std::memory_order_relaxed) > available_cpus());
  if (spin.until(done)) return;
  for (;;) {
    pool.caller_waits.store(1);
    if (done()) break;
    sleep_on(pool.caller_waits, 1);
  }
  pool.caller_waits.store(0);
}

// The first number in a list such as "8,4" if it is one of at least 1, else 0.
int count_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return 0;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  while (*end == ' ') ++end;
  return end != text && (*end == '\0' || *end == ',') && value >= 1
             ? static_cast<int>(std::min<long>(value, kMaxThreads))
             : 0;
}

int default_count() {
  if (const int count = count_from_environment("TENSORCORE_NUM_THREADS")) return count;
  if (const int count = count_from_environment("OMP_NUM_THREADS")) return count;
  return std::min(available_cpus(), kMaxThreads);
}

// The environment is that of the start, not of the first region.
const int count_at_start = num_threads();

}  // namespace

int num_threads() {
  int count = thread_count.load(std::memory_order_relaxed);
  if (count == 0) {
    int none = 0;
    count = default_count();
    if (!thread_count.compare_exchange_strong(none, count, std::memory_order_relaxed)) count = none;
  }
  return count;
}

void set_num_threads(int count) {
  check_value(count >= 1, "set_num_threads: count must be at least 1, got ", count);
  thread_count.store(count, std::memory_order_relaxed);
}

void run_tasks(std::int64_t tasks, void (*run)(void* context, std::int64_t task), void* context) {
  const int most = std::min(num_threads(), kMaxThreads);
  const int participants = static_cast<int>(std::min<std::int64_t>(tasks, most));
  if (participants <= 1 || in_region || pool.busy.exchange(true, std::memory_order_acquire)) {
    for (std::int64_t t = 0; t < tasks; ++t) run(context, t);
    return;
  }
  if (pool.started < participants - 1) start_workers(participants - 1);
  const int workers = std::min(participants - 1, pool.started);

  std::exception_ptr error;
  pool.run = run;
  pool.context = context;
  pool.participants = workers + 1;
  pool.error = &error;
  pool.failed.store(kNoFailure, std::memory_order_relaxed);
  const std::int64_t share = tasks / (workers + 1), extra = tasks % (workers + 1);
  std::int64_t begin = 0;
  for (int p = 0; p <= workers; ++p) {
    pool.ranges[p].next.store(begin, std::memory_order_relaxed);
    pool.ranges[p].end = begin += share + (p < extra);
  }
  const std::uint32_t region = ++pool.region;
  pool.gate.store(std::uint64_t{region} << 32 | kOpen, std::memory_order_release);
  for (int i = workers; i-- > 0;) pool.workers[i].signal.store(region);

  in_region = true;
  wake_children(0);
  work(0);
  in_region = false;
  if ((pool.gate.fetch_and(~kOpen) & kInside) != 0) wait_for_workers();
  pool.busy.store(false, std::memory_order_release);
  if (error) std::rethrow_exception(error);
}

}  // namespace tc::cpu
