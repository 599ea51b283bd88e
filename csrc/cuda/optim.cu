// Optimiser steps: one launch for all parameters. The table of parameters lies in device memory and is sent again only
// when it changes; learning rate and step are read from there too. Bytes bound the step: each of parameter, gradient
// and states is read once, and all but the gradient written once (28 bytes per float32 parameter for Adam).
#include <mutex>
#include <vector>

#include "cuda/loop.h"
#include "ops/functors_base.h"
#include "ops/optim.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

template <class A>
constexpr int kRun = 16 / static_cast<int>(sizeof(A));  // elements per access
constexpr int kPerBlock = kThreads * 16;                // elements of one part a block updates
constexpr int kBlocks = 3;                              // a multiprocessor must hold: as many as no spill allows

struct Entry {  // a part of the table
  OptimPart part;
  std::int64_t first_block;
  friend bool operator==(const Entry&, const Entry&) = default;
};

// The entry block `block` works on: the last one that begins at or before it.
TC_DEVICE const Entry& entry_of(const Entry* entries, int count, std::int64_t block) {
  int low = 0, high = count - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (entries[middle].first_block <= block)
      low = middle;
    else
      high = middle - 1;
  }
  return entries[low];
}

// Numbers of a run of elements: moved by 16 bytes where the whole run is there and aligned.
template <class T, class A>
struct Run {
  std::int64_t at;
  int count;
  bool aligned;
  TC_DEVICE void load(A (&out)[kRun<A>], const std::byte* data) const {
    if (aligned)
      load_chunk<T>(out, data, at);
    else
      load_some<T>(out, data, at, 1, count);
  }
  TC_DEVICE void store(const A (&values)[kRun<A>], std::byte* data) const {
    if (aligned)
      store_chunk<T>(values, data, at);
    else
      store_some<T>(values, data, at, 1, count);
  }
};

// What a block works with, computed once by its first thread.
template <class Rule>
struct Numbers {
  typename Rule::template Factors<double> own;
  OptimCommon::Factors<double> common;
};

template <class T, class A, class Rule>
TC_DEVICE void update_as(const Rule& rule, const Numbers<Rule>& numbers, const OptimPart& part, std::int64_t begin) {
  constexpr int kStates = Rule::kStates.size(), kRun = cuda::kRun<A>;
  bool aligned =
      reinterpret_cast<std::uintptr_t>(part.param) % 16 == 0 && reinterpret_cast<std::uintptr_t>(part.grad) % 16 == 0;
  for (const std::byte* state : part.states) aligned = aligned && reinterpret_cast<std::uintptr_t>(state) % 16 == 0;
  const auto own = optim::factors_as<A>(numbers.own);
  const auto common = optim::factors_as<A>(numbers.common);
#pragma unroll 1
  for (int i = 0; i < kPerBlock; i += kThreads * kRun) {
    const std::int64_t at = begin + i + static_cast<std::int64_t>(threadIdx.x) * kRun;
    if (at >= part.size) return;
    const int count = part.size - at < kRun ? static_cast<int>(part.size - at) : kRun;
    const Run<T, A> run{at, count, aligned && count == kRun};
    A p[kRun] = {}, g[kRun] = {}, s[kStates][kRun] = {};
    run.load(p, part.param);
    run.load(g, part.grad);
#pragma unroll
    for (int k = 0; k < kStates; ++k)
      if (rule.keeps(k)) run.load(s[k], part.states[k]);
#pragma unroll
    for (int e = 0; e < kRun; ++e) {
      A mine[kStates];
#pragma unroll
      for (int k = 0; k < kStates; ++k) mine[k] = s[k][e];
      optim::regularise(common, p[e], g[e]);
      Rule::update(own, p[e], g[e], mine);
#pragma unroll
      for (int k = 0; k < kStates; ++k) s[k][e] = mine[k];
    }
    run.store(p, part.param);
#pragma unroll
    for (int k = 0; k < kStates; ++k)
      if (rule.keeps(k)) run.store(s[k], part.states[k]);
  }
}

template <class Rule>
__global__ void __launch_bounds__(kThreads, kBlocks)
    optim_step(const Entry* entries, int count, Rule rule, OptimCommon common, const OptimClock* clocks) {
  TC_SHARED(Numbers<Rule>, numbers, [1]);
  const Entry& entry = entry_of(entries, count, blockIdx.x);
  if (threadIdx.x == 0) {
    const OptimClock clock = clocks[entry.part.clock];
    numbers[0] = {rule.factors(clock), common.factors(clock)};
  }
  __syncthreads();
  const std::int64_t begin = (static_cast<std::int64_t>(blockIdx.x) - entry.first_block) * kPerBlock;
  if (entry.part.dtype == DType::float64)
    update_as<double, double>(rule, numbers[0], entry.part, begin);
  else
    dispatch_stored(Types<float, half, bfloat16>{}, entry.part.dtype,
                    [&]<class T>() { update_as<T, float>(rule, numbers[0], entry.part, begin); });
}

struct Table {
  std::vector<Entry> entries;
  Array on_device;
  std::int64_t blocks = 0;
};

// The parts as a table on the device. The last few tables are kept: training repeats them.
Table table_of(std::span<const OptimPart> parts) {
  Table made;
  for (const OptimPart& part : parts) {
    if (!part.size) continue;
    made.entries.push_back({part, made.blocks});
    made.blocks += (part.size + kPerBlock - 1) / kPerBlock;
  }
  if (made.entries.empty()) return made;
  constexpr std::size_t kKept = 8;
  static std::mutex& lock = *new std::mutex;
  static std::vector<Table>& kept = *new std::vector<Table>;  // outlives the driver
  const std::lock_guard guard(lock);
  const Device device{DeviceType::cuda, static_cast<std::uint8_t>(current_device())};
  for (const Table& t : kept)
    if (t.on_device.device() == device && t.entries == made.entries) return t;
  const std::size_t bytes = made.entries.size() * sizeof(Entry);
  made.on_device = Array::empty({static_cast<std::int64_t>(bytes)}, DType::uint8, device);
  copy_bytes(made.on_device.raw(), made.entries.data(), bytes);
  if (kept.size() == kKept) kept.erase(kept.begin());
  kept.push_back(made);
  return made;
}

template <class Rule>
void step(const Rule& rule, const OptimCommon& common, std::span<const OptimClock> clocks,
          std::span<const OptimPart> parts) {
  const Table table = table_of(parts);
  if (table.entries.empty()) return;
  launch<optim_step<Rule>>({dim3(static_cast<unsigned>(table.blocks)), kThreads}, table.on_device.data<const Entry>(),
                           static_cast<int>(table.entries.size()), rule, common, clocks.data());
}

template <class... Rules>
struct ProvideRules {
  explicit ProvideRules(Types<Rules...>) {
    (Provide{kernels::optim_step<Rules>, &step<Rules>, Backend::TC_CUDA_BACKEND}, ...);
  }
};
const ProvideRules registered{optim::Rules{}};

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
