// Optimiser steps in one pass over memory: each chunk of a parameter is read with its gradient and states, updated in
// registers (half types as float) and written back. Chunks have a fixed size and are spread over threads across all
// parameters, so that many small ones cost no more than a few large ones.
#include "ops/optim.h"

#include <algorithm>
#include <vector>

#include "cpu/parallel.h"
#include "cpu/row_math.h"

namespace tc::cpu {
namespace {

constexpr std::int64_t kChunk = 8192;  // elements

// Calls body.template operator()<T>(part, begin, end) on every chunk.
template <class Body>
void for_chunks(std::span<const OptimPart> parts, Body&& body) {
  std::vector<std::int64_t> ends(parts.size());  // chunks of this part and those before it
  std::int64_t chunks = 0, elements = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    chunks += (parts[i].size + kChunk - 1) / kChunk;
    elements += parts[i].size;
    ends[i] = chunks;
  }
  auto run = [&](std::int64_t chunk) {
    const auto i = static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), chunk) - ends.begin());
    const OptimPart& part = parts[i];
    const std::int64_t begin = (chunk - (i ? ends[i - 1] : 0)) * kChunk, end = std::min(begin + kChunk, part.size);
    dispatch(Floats{}, part.dtype, [&]<class T>() { body.template operator()<T>(part, begin, end); });
  };
  if (elements <= kChunk)  // waking threads would cost more
    for (std::int64_t c = 0; c < chunks; ++c) run(c);
  else
    parallel_tasks(chunks, run);
}

// Whole or partial vectors of a chunk, by one body.
template <class T>
struct Lanes {
  std::int64_t i, count;  // count < 0: all lanes
  auto load(const T* p) const { return count < 0 ? simd::load(p + i) : simd::load_partial(p + i, count); }
  void store(T* p, simd::Vec<Acc<T>> v) const {
    if (count < 0)
      simd::store(p + i, v);
    else
      simd::store_partial(p + i, count, v);
  }
};
template <class T, class Body>
inline void for_lanes(std::int64_t begin, std::int64_t end, Body&& body) {
  for_each_vector<Acc<T>>(
      end - begin, [&](std::int64_t i) { body(Lanes<T>{begin + i, -1}); },
      [&](std::int64_t i, std::int64_t count) { body(Lanes<T>{begin + i, count}); });
}

template <class T>
void sgd_chunk(const SgdStep& s, const OptimClock& clock, const OptimPart& part, std::int64_t begin, std::int64_t end) {
  using A = Acc<T>;
  using V = simd::Vec<A>;
  T *const param = reinterpret_cast<T*>(part.param), *const velocity = reinterpret_cast<T*>(part.states[0]);
  const T* const grad = reinterpret_cast<const T*>(part.grad);
  const V sign(s.maximize ? A(-1) : A(1)), decay(static_cast<A>(s.weight_decay)), lr(static_cast<A>(-clock.lr));
  const V momentum(static_cast<A>(s.momentum)), fresh(static_cast<A>(1 - s.dampening));
  for_lanes<T>(begin, end, [&](Lanes<T> at) {
    const V p = at.load(param);
    V g = at.load(grad) * sign;
    if (s.weight_decay != 0) g = simd::fma(decay, p, g);
    if (velocity) {
      const V v = clock.step == 1 ? g : simd::fma(momentum, at.load(velocity), fresh * g);
      at.store(velocity, v);
      g = s.nesterov ? simd::fma(momentum, v, g) : v;
    }
    at.store(param, simd::fma(lr, g, p));
  });
}

template <class T>
void adam_chunk(const AdamStep& s, const AdamStep::Factors& f, const OptimPart& part, std::int64_t begin,
                std::int64_t end) {
  using A = Acc<T>;
  using V = simd::Vec<A>;
  T *const param = reinterpret_cast<T*>(part.param), *const mean = reinterpret_cast<T*>(part.states[0]);
  T *const square = reinterpret_cast<T*>(part.states[1]), *const peak = reinterpret_cast<T*>(part.states[2]);
  const T* const grad = reinterpret_cast<const T*>(part.grad);
  const bool decays = s.weight_decay != 0;
  const V sign(s.maximize ? A(-1) : A(1)), decay(static_cast<A>(s.weight_decay)), shrink(static_cast<A>(f.shrink));
  const V fresh1(static_cast<A>(1 - s.beta1)), beta2(static_cast<A>(s.beta2)), fresh2(static_cast<A>(1 - s.beta2));
  const V step(static_cast<A>(-f.step_size)), correction(static_cast<A>(f.root_correction)), eps(static_cast<A>(s.eps));
  for_lanes<T>(begin, end, [&](Lanes<T> at) {
    V p = at.load(param), g = at.load(grad) * sign;
    if (decays && s.decoupled)
      p = p * shrink;
    else if (decays)
      g = simd::fma(decay, p, g);
    V m = at.load(mean);
    m = simd::fma(fresh1, g - m, m);
    V v = simd::fma(beta2, at.load(square), fresh2 * g * g);
    at.store(mean, m);
    at.store(square, v);
    if (peak) {
      v = simd::max(at.load(peak), v);
      at.store(peak, v);
    }
    at.store(param, simd::fma(step, m / (simd::sqrt(v) / correction + eps), p));
  });
}

void sgd_step(const SgdStep& settings, const OptimClock* clock, std::span<const OptimPart> parts) {
  for_chunks(parts, [&]<class T>(const OptimPart& part, std::int64_t begin, std::int64_t end) {
    sgd_chunk<T>(settings, *clock, part, begin, end);
  });
}
void adam_step(const AdamStep& settings, const OptimClock* clock, std::span<const OptimPart> parts) {
  const AdamStep::Factors factors = settings.factors(*clock);
  for_chunks(parts, [&]<class T>(const OptimPart& part, std::int64_t begin, std::int64_t end) {
    adam_chunk<T>(settings, factors, part, begin, end);
  });
}

const Provide registered{kernels::sgd_step, DeviceType::cpu, &sgd_step};
const Provide adam_registered{kernels::adam_step, DeviceType::cpu, &adam_step};

}  // namespace
}  // namespace tc::cpu
