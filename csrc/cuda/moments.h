// Mean and sum of squared deviations, one group of elements at a time: each group in two passes over registers, groups
// joined by the update of Chan, Golub and LeVeque ("Updating formulae and a pairwise algorithm for computing sample
// variances", 1979). Group arithmetic is in the elements' type, that between groups in double: a few operations per
// element, which the loads hide.
#pragma once
#include "cuda/group.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

struct Moments {
  double mean, squares, count;

  friend TC_DEVICE Moments shuffle_xor(const Moments& m, int lanes) {
    return {shuffle_xor(m.mean, lanes), shuffle_xor(m.squares, lanes), shuffle_xor(m.count, lanes)};
  }
};

TC_DEVICE Moments combine_moments(const Moments& a, const Moments& b) {
  if (a.count == 0) return b;
  if (b.count == 0) return a;
  const double count = a.count + b.count, share = b.count / count, delta = b.mean - a.mean;
  return {a.mean + delta * share, a.squares + b.squares + delta * delta * (share * a.count), count};
}

// Of the first `count` of v.
template <class C, int K>
TC_DEVICE Moments moments_of(const C (&v)[K], int count) {
  if (count == 0) return {0, 0, 0};
  C t[K];
#pragma unroll
  for (int k = 0; k < K; ++k) t[k] = k < count ? v[k] : C(0);
  const auto plus = [](C a, C b) { return a + b; };
  const C guess = fold_tree(t, plus) / static_cast<C>(count);
#pragma unroll
  for (int k = 0; k < K; ++k) t[k] = k < count ? v[k] - guess : C(0);
  const C drift = fold_tree(t, plus);  // what rounding left in the mean
#pragma unroll
  for (int k = 0; k < K; ++k) t[k] *= t[k];
  const double n = count, shift = static_cast<double>(drift) / n;
  const double squares = static_cast<double>(fold_tree(t, plus)) - static_cast<double>(drift) * shift;
  return {static_cast<double>(guess) + shift, squares < 0 ? 0 : squares, n};  // NaN stays
}

// What reductions to moments have in common: all but what they store.
template <class C>
struct FoldMoments {
  using Element = C;
  using State = Moments;

  TC_DEVICE C fill() const { return C(0); }
  TC_DEVICE State identity() const { return {0, 0, 0}; }
  template <int K, class Index>
  TC_DEVICE void add(State& state, const C (&v)[K], int count, Index&&) const {
    state = combine_moments(state, moments_of(v, count));
  }
  TC_DEVICE State combine(const State& a, const State& b) const { return combine_moments(a, b); }
};

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
