// log Σ exp x in one pass: each group's sum is taken relative to its own maximum, and rescaled where another one is
// larger (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018).
#pragma once
#include "cuda/group.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

TC_DEVICE float exp_of(float x) { return expf(x); }
TC_DEVICE double exp_of(double x) { return exp(x); }
TC_DEVICE float log_of(float x) { return logf(x); }
TC_DEVICE double log_of(double x) { return log(x); }
template <class C>
TC_DEVICE C lowest_of() {
  return static_cast<C>(-INFINITY);
}

template <class C>
struct OnlineSum {
  C max, sum;  // sum of exp(x - max); 0 while max is -inf

  static TC_DEVICE OnlineSum nothing() { return {lowest_of<C>(), C(0)}; }
  friend TC_DEVICE OnlineSum shuffle_xor(const OnlineSum& s, int lanes) {
    return {shuffle_xor(s.max, lanes), shuffle_xor(s.sum, lanes)};
  }
  // Infinite maxima and NaN are the result whatever is added: their sum does not count.
  TC_DEVICE bool is_finite() const { return max - max == C(0); }
  TC_DEVICE C log_sum() const { return is_finite() ? max + log_of(sum) : max; }
};

template <class C>
TC_DEVICE OnlineSum<C> combine_online(const OnlineSum<C>& a, const OnlineSum<C>& b) {
  const C max = larger(a.max, b.max);
  if (!(max - max == C(0))) return {max, max == lowest_of<C>() ? C(0) : C(1)};
  return {max, a.sum * exp_of(a.max - max) + b.sum * exp_of(b.max - max)};
}

// Adds v, where slots without an element hold -inf.
template <class C, int K>
TC_DEVICE void add_online(OnlineSum<C>& state, const C (&v)[K]) {
  const C max = larger(state.max, fold_tree(v, [](C a, C b) { return larger(a, b); }));
  if (!(max - max == C(0))) {
    state = {max, max == lowest_of<C>() ? C(0) : C(1)};
    return;
  }
  C t[K];
#pragma unroll
  for (int k = 0; k < K; ++k) t[k] = exp_of(v[k] - max);
  state = {max, state.sum * exp_of(state.max - max) + fold_tree(t, [](C a, C b) { return a + b; })};
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
