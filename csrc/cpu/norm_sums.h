// Sums over a contiguous run for the normalisation kernels: vectors in the element type over blocks short enough to
// keep their rounding errors small, blocks in double.
#pragma once
#include <algorithm>
#include <utility>

#include "cpu/row_math.h"

namespace tc::cpu {
namespace {

constexpr std::int64_t kSumBlock = 4096;

// Σ f(vectors of the inputs).
template <class T, class F, class... In>
inline double sum_blocks(std::int64_t n, F&& f, const In*... in) {
  double total = 0;
  for (std::int64_t i = 0; i < n; i += kSumBlock)
    total += static_cast<double>(sum_row<T>(std::min(kSumBlock, n - i), f, (in + i)...));
  return total;
}

struct PairSum {
  double first = 0, second = 0;
};

// Both sums of f(vectors of the inputs), which gives a pair and maps zeros to zeros.
template <class T, class F, class... In>
inline PairSum sum_pair_blocks(std::int64_t n, F&& f, const In*... in) {
  using V = simd::Vec<T>;
  PairSum total;
  for (std::int64_t block = 0; block < n; block += kSumBlock) {
    V a(T(0)), b(T(0));
    for_each_vector<T>(
        std::min(kSumBlock, n - block),
        [&](std::int64_t i) {
          const auto [p, q] = f(simd::load(in + block + i)...);
          a += p, b += q;
        },
        [&](std::int64_t i, std::int64_t count) {
          const auto [p, q] = f(simd::load_partial(in + block + i, count)...);
          a += p, b += q;
        });
    total.first += static_cast<double>(simd::reduce_add(a));
    total.second += static_cast<double>(simd::reduce_add(b));
  }
  return total;
}

}  // namespace
}  // namespace tc::cpu
