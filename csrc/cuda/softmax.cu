// Softmax, log-softmax and their gradients, on the row template. Bytes floor: x and y once (g, y and gx for gradients).
#include <limits>

#include "cuda/online.h"
#include "cuda/row.h"
#include "ops/softmax.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

template <class C>
struct Softmax {
  using Element = C;
  using State = OnlineSum<C>;
  struct Result {
    C max, factor;  // log: what is taken off, unused; else the maximum and 1 / Σ
  };
  static constexpr int kInputs = 1, kHeld = sizeof(C) == 4 ? 32 : 16, kStreamed = kHeld / 2;
  static constexpr bool kWrites = true, kStateless = false;
  Source<C> in[1];
  Sink out;
  int log;
  C fill = -std::numeric_limits<C>::infinity();

  // A held row's exponentials are kept: each is computed once.
  template <int K>
  TC_DEVICE Result settle(C (&v)[1][K], const Slots&, std::int64_t, int lanes, C* scratch) const {
    const C max = max_group(fold_tree(v[0], [](C a, C b) { return larger(a, b); }), lanes, scratch);
    C e[K];
#pragma unroll
    for (int k = 0; k < K; ++k) e[k] = exp_of(v[0][k] - max);
    const C sum = sum_group(fold_tree(e, [](C a, C b) { return a + b; }), lanes, scratch);
    if (log) return {max + log_of(sum), C(0)};
#pragma unroll
    for (int k = 0; k < K; ++k) v[0][k] = e[k];
    return {max, C(1) / sum};
  }
  template <int K>
  TC_DEVICE void write_held(const Result& r, C (&v)[1][K], const Slots&, std::int64_t) const {
#pragma unroll
    for (int k = 0; k < K; ++k) v[0][k] = log ? v[0][k] - r.max : v[0][k] * r.factor;
  }

  TC_DEVICE State identity() const { return State::nothing(); }
  template <int K>
  TC_DEVICE void add(State& state, const C (&v)[1][K], const Slots&, std::int64_t) const {
    add_online(state, v[0]);
  }
  TC_DEVICE State combine(const State& a, const State& b) const { return combine_online(a, b); }
  TC_DEVICE Result resolve(const State& s, std::int64_t) const {
    const C sum = s.is_finite() ? s.sum : s.max - s.max;  // NaN: infinities have no softmax
    return log ? Result{s.max + log_of(sum), C(0)} : Result{s.max, C(1) / sum};
  }
  template <int K>
  TC_DEVICE void write(const Result& r, C (&v)[1][K], const Slots&, std::int64_t) const {
#pragma unroll
    for (int k = 0; k < K; ++k) v[0][k] = log ? v[0][k] - r.max : exp_of(v[0][k] - r.max) * r.factor;
  }
  TC_DEVICE void record(const Result&, std::int64_t) const {}
};

// Inputs g and y; the State is Σ g y, or Σ g for log-softmax.
template <class C>
struct SoftmaxGradient {
  using Element = C;
  using State = C;
  static constexpr int kInputs = 2, kHeld = sizeof(C) == 4 ? 16 : 8, kStreamed = kHeld / 2;
  static constexpr bool kWrites = true, kStateless = false;
  Source<C> in[2];
  Sink out;
  int log;
  C fill = C(0);

  template <int K>
  TC_DEVICE C total(const C (&v)[2][K]) const {
    C t[K];
#pragma unroll
    for (int k = 0; k < K; ++k) t[k] = log ? v[0][k] : v[0][k] * v[1][k];
    return fold_tree(t, [](C a, C b) { return a + b; });
  }
  template <int K>
  TC_DEVICE C settle(const C (&v)[2][K], const Slots&, std::int64_t, int lanes, C* scratch) const {
    return sum_group(total(v), lanes, scratch);
  }
  template <int K>
  TC_DEVICE void write_held(C total, C (&v)[2][K], const Slots&, std::int64_t) const {
#pragma unroll
    for (int k = 0; k < K; ++k) v[0][k] = log ? v[0][k] - exp_of(v[1][k]) * total : v[1][k] * (v[0][k] - total);
  }

  TC_DEVICE C identity() const { return C(0); }
  template <int K>
  TC_DEVICE void add(C& state, const C (&v)[2][K], const Slots&, std::int64_t) const {
    state += total(v);
  }
  TC_DEVICE C combine(C a, C b) const { return a + b; }
  TC_DEVICE C resolve(C state, std::int64_t) const { return state; }
  template <int K>
  TC_DEVICE void write(C total, C (&v)[2][K], const Slots& slots, std::int64_t row) const {
    write_held(total, v, slots, row);
  }
  TC_DEVICE void record(C, std::int64_t) const {}
};

DType computed_in(DType d) { return d == DType::float64 ? d : DType::float32; }

void softmax(const Array& x, Array& y, bool log) {
  const std::int64_t n = x.shape(-1);
  dispatch(WideFloats{}, computed_in(x.dtype()), [&]<class C>() {
    run_rows(Softmax<C>{{Source<C>(x)}, Sink(y), log}, x.size() / n, n, common_pack(x, y), x.device());
  });
}

void softmax_backward(const Array& g, const Array& y, Array& gx, bool log) {
  const std::int64_t n = y.shape(-1);
  dispatch(WideFloats{}, computed_in(y.dtype()), [&]<class C>() {
    run_rows(SoftmaxGradient<C>{{Source<C>(g), Source<C>(y)}, Sink(gx), log}, y.size() / n, n, common_pack(y, g, gx),
             y.device());
  });
}

TC_PROVIDE_CUDA(registered, kernels::softmax, &softmax);
TC_PROVIDE_CUDA(backward_registered, kernels::softmax_backward, &softmax_backward);

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
