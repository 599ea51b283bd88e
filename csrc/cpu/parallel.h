// The CPU thread pool. Tasks are numbered and their split never depends on the number of threads, so that a kernel
// which computes each task on its own gives the same bits on 1 and on N threads.
#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace tc::cpu {

int num_threads();
void set_num_threads(int count);  // raises ValueError unless count >= 1

// Calls run(context, task) once for each task in [0, tasks), on up to num_threads() threads, and waits for all.
// Nested calls, and calls while another Python thread holds the pool, run on the calling thread alone.
// An exception thrown by a task is rethrown here after the others have ended.
void run_tasks(std::int64_t tasks, void (*run)(void* context, std::int64_t task), void* context);

template <class Body>
void parallel_tasks(std::int64_t tasks, Body&& body) {
  if (tasks <= 1 || num_threads() == 1) {
    for (std::int64_t t = 0; t < tasks; ++t) body(t);
    return;
  }
  run_tasks(
      tasks, [](void* context, std::int64_t task) { (*static_cast<std::remove_reference_t<Body>*>(context))(task); },
      &body);
}

// Calls body(begin, end) on ranges of exactly `grain` items (the last may be shorter) that cover [0, n).
// Choose a grain worth at least some 5 microseconds of work.
template <class Body>
void parallel_for(std::int64_t n, std::int64_t grain, Body&& body) {
  const std::int64_t tasks = (n + grain - 1) / grain;
  parallel_tasks(tasks, [&](std::int64_t t) { body(t * grain, std::min(n, (t + 1) * grain)); });
}

}  // namespace tc::cpu
