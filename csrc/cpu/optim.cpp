// Optimiser steps in one pass over memory: each chunk of a parameter is read with its gradient and states, updated in
// registers (half types as float) and written back. Chunks have a fixed size and are spread over threads across all
// parameters, so that many small ones cost no more than a few large ones. One driver serves every rule.
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

// The rule on elements [begin, end) of a part. Rule and factors are copies of their own, so that they stay in
// registers.
template <class T, class Rule, class Factors, class Common>
void update(const Rule rule, const Factors f, const Common common, const OptimPart& part, std::int64_t begin,
            std::int64_t end) {
  using V = simd::Vec<Acc<T>>;
  constexpr int kStates = Rule::kStates.size();
  T* const param = reinterpret_cast<T*>(part.param);
  const T* const grad = reinterpret_cast<const T*>(part.grad);
  T* states[kStates];
  for (int k = 0; k < kStates; ++k) states[k] = rule.keeps(k) ? reinterpret_cast<T*>(part.states[k]) : nullptr;
  for_lanes<T>(begin, end, [&](Lanes<T> at) TC_INLINE_LAMBDA {
    V p = at.load(param), g = at.load(grad), s[kStates];
    for (int k = 0; k < kStates; ++k) s[k] = states[k] ? at.load(states[k]) : V(Acc<T>(0));
    optim::regularise(common, p, g);
    Rule::update(f, p, g, s);
    for (int k = 0; k < kStates; ++k)
      if (states[k]) at.store(states[k], s[k]);
    at.store(param, p);
  });
}

template <class Rule>
void step(const Rule& rule, const OptimCommon& common, std::span<const OptimClock> clocks,
          std::span<const OptimPart> parts) {
  std::vector<typename Rule::template Factors<double>> factors;
  std::vector<OptimCommon::Factors<double>> commons;
  for (const OptimClock& clock : clocks) {
    factors.push_back(rule.factors(clock));
    commons.push_back(common.factors(clock));
  }
  for_chunks(parts, [&]<class T>(const OptimPart& part, std::int64_t begin, std::int64_t end) {
    update<T>(rule, optim::factors_as<Acc<T>>(factors[part.clock]), optim::factors_as<Acc<T>>(commons[part.clock]),
              part, begin, end);
  });
}

template <class... Rules>
struct ProvideRules {
  explicit ProvideRules(Types<Rules...>) { (Provide{kernels::optim_step<Rules>, DeviceType::cpu, &step<Rules>}, ...); }
};
const ProvideRules registered{optim::Rules{}};

}  // namespace
}  // namespace tc::cpu
