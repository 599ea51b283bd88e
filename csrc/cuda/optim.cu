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

constexpr int kRun = 4;                         // elements per access
constexpr int kPerBlock = kThreads * kRun * 4;  // elements of one part a block updates
constexpr int kBlocks = 3;                      // a multiprocessor must hold: as many as no spill allows

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
  TC_DEVICE void load(A (&out)[kRun], const std::byte* data) const {
    if (aligned)
      load_chunk<T>(out, data, at);
    else
      load_some<T>(out, data, at, 1, count);
  }
  TC_DEVICE void store(const A (&values)[kRun], std::byte* data) const {
    if (aligned)
      store_chunk<T>(values, data, at);
    else
      store_some<T>(values, data, at, 1, count);
  }
};

template <class T, class A, class Rule>
TC_DEVICE void update_as(const OptimPart& part, std::int64_t begin, const Rule& rule) {
  bool aligned =
      reinterpret_cast<std::uintptr_t>(part.param) % 16 == 0 && reinterpret_cast<std::uintptr_t>(part.grad) % 16 == 0;
  for (const std::byte* state : part.states) aligned = aligned && reinterpret_cast<std::uintptr_t>(state) % 16 == 0;
#pragma unroll 1
  for (int i = 0; i < kPerBlock; i += kThreads * kRun) {
    const std::int64_t at = begin + i + static_cast<std::int64_t>(threadIdx.x) * kRun;
    if (at >= part.size) return;
    const int count = part.size - at < kRun ? static_cast<int>(part.size - at) : kRun;
    const Run<T, A> run{at, count, aligned && count == kRun};
    A p[kRun] = {}, g[kRun] = {};
    run.load(p, part.param);
    run.load(g, part.grad);
    rule.template apply<A>(run, part, p, g);
    run.store(p, part.param);
  }
}

template <class Rule>
TC_DEVICE void update(const Entry* entries, int count, const Rule& rule) {
  const Entry& entry = entry_of(entries, count, blockIdx.x);
  const std::int64_t begin = (static_cast<std::int64_t>(blockIdx.x) - entry.first_block) * kPerBlock;
  if (entry.part.dtype == DType::float64)
    update_as<double, double>(entry.part, begin, rule);
  else
    dispatch_stored(Types<float, half, bfloat16>{}, entry.part.dtype,
                    [&]<class T>() { update_as<T, float>(entry.part, begin, rule); });
}

TC_DEVICE float fused(float a, float b, float c) { return ::fmaf(a, b, c); }
TC_DEVICE double fused(double a, double b, double c) { return ::fma(a, b, c); }

struct SgdRule {
  SgdStep s;
  OptimClock clock;
  template <class A, class R>
  TC_DEVICE void apply(const R& run, const OptimPart& part, A (&p)[kRun], A (&g)[kRun]) const {
    const A sign = s.maximize ? A(-1) : A(1), decay = static_cast<A>(s.weight_decay), lr = static_cast<A>(-clock.lr);
    const A momentum = static_cast<A>(s.momentum), fresh = static_cast<A>(1 - s.dampening);
    A v[kRun] = {};
    if (part.states[0] && clock.step != 1) run.load(v, part.states[0]);
#pragma unroll
    for (int i = 0; i < kRun; ++i) {
      g[i] = g[i] * sign;
      if (s.weight_decay != 0) g[i] = fused(decay, p[i], g[i]);
      if (part.states[0]) {
        v[i] = clock.step == 1 ? g[i] : fused(momentum, v[i], fresh * g[i]);
        g[i] = s.nesterov ? fused(momentum, v[i], g[i]) : v[i];
      }
      p[i] = fused(lr, g[i], p[i]);
    }
    if (part.states[0]) run.store(v, part.states[0]);
  }
};

struct AdamRule {
  AdamStep s;
  AdamStep::Factors f;
  template <class A, class R>
  TC_DEVICE void apply(const R& run, const OptimPart& part, A (&p)[kRun], A (&g)[kRun]) const {
    const A sign = s.maximize ? A(-1) : A(1), decay = static_cast<A>(s.weight_decay), shrink = static_cast<A>(f.shrink);
    const A fresh1 = static_cast<A>(1 - s.beta1), beta2 = static_cast<A>(s.beta2), fresh2 = static_cast<A>(1 - s.beta2);
    const A step = static_cast<A>(-f.step_size), correction = static_cast<A>(f.root_correction),
            eps = static_cast<A>(s.eps);
    A m[kRun] = {}, v[kRun] = {}, peak[kRun] = {};
    run.load(m, part.states[0]);
    run.load(v, part.states[1]);
    if (part.states[2]) run.load(peak, part.states[2]);
#pragma unroll
    for (int i = 0; i < kRun; ++i) {
      g[i] = g[i] * sign;
      if (s.weight_decay != 0 && s.decoupled)
        p[i] = p[i] * shrink;
      else if (s.weight_decay != 0)
        g[i] = fused(decay, p[i], g[i]);
      m[i] = fused(fresh1, g[i] - m[i], m[i]);
      v[i] = fused(beta2, v[i], fresh2 * g[i] * g[i]);
      A largest = v[i];
      if (part.states[2]) largest = peak[i] = functors::max(peak[i], v[i]);
      p[i] = fused(step, m[i] / (functors::sqrt(largest) / correction + eps), p[i]);
    }
    run.store(m, part.states[0]);
    run.store(v, part.states[1]);
    if (part.states[2]) run.store(peak, part.states[2]);
  }
};

__global__ void __launch_bounds__(kThreads, kBlocks)
    sgd(const Entry* entries, int count, SgdStep settings, const OptimClock* clock) {
  update(entries, count, SgdRule{settings, *clock});
}

__global__ void __launch_bounds__(kThreads, kBlocks)
    adam(const Entry* entries, int count, AdamStep settings, const OptimClock* clock) {
  TC_SHARED(AdamStep::Factors, factors, [1]);  // two powers, computed once per block
  if (threadIdx.x == 0) factors[0] = settings.factors(*clock);
  __syncthreads();
  update(entries, count, AdamRule{settings, factors[0]});
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

template <auto Step, class Settings>
void run(const Settings& settings, const OptimClock* clock, std::span<const OptimPart> parts) {
  const Table table = table_of(parts);
  if (table.entries.empty()) return;
  launch<Step>({dim3(static_cast<unsigned>(table.blocks)), kThreads}, table.on_device.data<const Entry>(),
               static_cast<int>(table.entries.size()), settings, clock);
}

TC_PROVIDE_CUDA(sgd_registered, kernels::sgd_step, &(run<sgd, SgdStep>));
TC_PROVIDE_CUDA(adam_registered, kernels::adam_step, &(run<adam, AdamStep>));

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
