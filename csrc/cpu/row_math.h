// Passes over one contiguous row that softmax and its losses share. Rows are read through simd::load, so half types
// arrive as float. Lanes are combined in a fixed order: the bits depend on the row alone.
#pragma once
#include <cstdint>

#include "cpu/simd/math.h"
#include "cpu/simd/vec.h"

namespace tc::cpu {
namespace {

// Calls full(i) for whole vectors of a row and tail(i, count) for the rest.
template <class A, class Full, class Tail>
inline void for_each_vector(std::int64_t n, Full&& full, Tail&& tail) {
  constexpr std::int64_t kStep = simd::kLanes<A>;
  std::int64_t i = 0;
  for (; i + kStep <= n; i += kStep) full(i);
  if (i < n) tail(i, n - i);
}

// Elements [i, i + count) of a row, `fill` in the lanes past them.
template <class A, class T>
inline simd::Vec<A> load_filled(const T* row, std::int64_t i, std::int64_t count, A fill) {
  return simd::select(simd::first_lanes<A>(count), simd::load_partial(row + i, count), simd::Vec<A>(fill));
}

template <class A, class T>
inline A row_max(const T* row, std::int64_t n) {  // NaN if any element is
  constexpr A kLowest = -std::numeric_limits<A>::infinity();
  simd::Vec<A> high(kLowest);
  for_each_vector<A>(
      n, [&](std::int64_t i) { high = simd::max(high, simd::load(row + i)); },
      [&](std::int64_t i, std::int64_t count) { high = simd::max(high, load_filled<A>(row, i, count, kLowest)); });
  return simd::reduce_max(high);
}

// Σ exp(row - shift); with `out`, also stores the exponentials there.
template <class A, class T>
inline A row_exp_sum(const T* row, std::int64_t n, A shift, A* out = nullptr) {
  const simd::Vec<A> s(shift);
  simd::Vec<A> sum(A(0));
  for_each_vector<A>(
      n,
      [&](std::int64_t i) {
        const simd::Vec<A> e = simd::math::exp(simd::load(row + i) - s);
        if (out) simd::store(out + i, e);
        sum += e;
      },
      [&](std::int64_t i, std::int64_t count) {
        const simd::Vec<A> e = simd::math::exp(simd::load_partial(row + i, count) - s);
        if (out) simd::store_partial(out + i, count, e);
        sum += simd::select(simd::first_lanes<A>(count), e, simd::Vec<A>(A(0)));
      });
  return simd::reduce_add(sum);
}

// out[i] = f(vectors of the inputs at i), over a row.
template <class A, class T, class F, class... In>
inline void map_row(std::int64_t n, T* out, F&& f, const In*... in) {
  for_each_vector<A>(
      n, [&](std::int64_t i) { simd::store(out + i, f(simd::load(in + i)...)); },
      [&](std::int64_t i, std::int64_t count) {
        simd::store_partial(out + i, count, f(simd::load_partial(in + i, count)...));
      });
}

// Σ f(vectors of the inputs).
template <class A, class F, class... In>
inline A sum_row(std::int64_t n, F&& f, const In*... in) {
  simd::Vec<A> sum(A(0));
  for_each_vector<A>(
      n, [&](std::int64_t i) { sum += f(simd::load(in + i)...); },
      [&](std::int64_t i, std::int64_t count) {
        sum += simd::select(simd::first_lanes<A>(count), f(simd::load_partial(in + i, count)...), simd::Vec<A>(A(0)));
      });
  return simd::reduce_add(sum);
}

}  // namespace
}  // namespace tc::cpu
