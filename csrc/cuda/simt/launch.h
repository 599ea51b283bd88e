// Running a kernel on the executor, and how it runs: order of the lanes, timing of asynchronous copies.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cuda/simt/vector_types.h"

namespace tc::simt {

struct LaunchShape {
  dim3 grid, block;
  std::size_t shared = 0;    // bytes of dynamic shared memory
  dim3 cluster;              // blocks per cluster
  bool cooperative = false;  // all blocks at once, so that they may wait for each other
};

// Runs body(args) as every thread of the launch; returns when all are done. Raises a RuntimeError with the first
// fault's report. `name` is shown in reports; `checked`: the body is compiled with access checks.
TC_SIMT_API void run(const char* name, const LaunchShape& shape, void (*body)(void* args), void* args,
                     std::size_t args_bytes, bool checked);

enum class Order : std::uint8_t { forward, reverse, random };
enum class Async : std::uint8_t { eager, late, random };
struct Settings {
  Order order = Order::forward;  // in which ready lanes, and blocks, take their turns
  Async async = Async::eager;    // when asynchronous copies read and write memory
  std::uint64_t seed = 0;
};
Settings settings();
void set_settings(const Settings& settings);

}  // namespace tc::simt
