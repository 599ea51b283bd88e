// Cross-entropy on the row template: with w the class weights, t the class, ε the smoothing and C the number of
// classes,
//   loss = (1 - ε) w_t (lse - x_t) + ε/C Σ_c w_c (lse - x_c),   ∂loss/∂x_c = S softmax_c - (1 - ε) w_t [c = t] - ε/C
//   w_c,
// S = (1 - ε) w_t + ε/C Σ_c w_c. On log-probabilities lse is 0 and the softmax term is absent.
// Bytes floor: the forward pass reads the logits once, the gradient reads them and writes as much; both in place cost
// no more than the gradient alone.
#include <limits>

#include "cuda/online.h"
#include "cuda/row.h"
#include "ops/copy.h"
#include "ops/loss.h"
#include "ops/reduce.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

DType computed_in(DType d) { return d == DType::float64 ? d : DType::float32; }

// What the three kernels are given. Pointers are null where there is nothing.
template <class C>
struct LossInputs {
  Source<C> x, weight;
  const std::int64_t* target;
  std::int64_t ignore_index;
  int weighted, log_input;
  C keep, even;         // 1 - ε and ε / C
  const C* weight_sum;  // Σ w where both smoothing and weights are given, else null
  C classes;
  C* loss;
  C* lse;             // written by the forward pass, read by the gradient alone
  const C* gradient;  // of each row's loss

  LossInputs(const Array& x, const Array& target, const Array* weight, const CrossEntropy& s)
      : x(x),
        weight(weight ? Source<C>(*weight) : Source<C>(x)),
        target(target.data<std::int64_t>()),
        ignore_index(s.ignore_index),
        weighted(weight != nullptr),
        log_input(s.log_probabilities),
        keep(static_cast<C>(1 - s.label_smoothing)),
        even(static_cast<C>(s.label_smoothing / static_cast<double>(x.shape(1)))),
        weight_sum(nullptr),
        classes(static_cast<C>(x.shape(1))),
        loss(nullptr),
        lse(nullptr),
        gradient(nullptr) {}

  TC_DEVICE C weight_of(std::int64_t t) const { return weighted ? weight[t] : C(1); }
};

// What a row's loss and gradient follow from.
template <class C>
struct RowTotals {
  C lse;
  C hit;   // x_t
  C even;  // Σ w_c (lse - x_c), where there is smoothing
};

// The same in one pass: Σ exp(x - max), Σ w (max - x) and Σ w so far.
template <class C>
struct StreamedTotals {
  OnlineSum<C> online;
  C hit, below, weights;

  friend TC_DEVICE StreamedTotals shuffle_xor(const StreamedTotals& s, int lanes) {
    return {shuffle_xor(s.online, lanes), shuffle_xor(s.hit, lanes), shuffle_xor(s.below, lanes),
            shuffle_xor(s.weights, lanes)};
  }
};

enum class LossPass { forward, gradient, both };

template <class C, LossPass pass>
struct LossRow {
  using Element = C;
  using State = StreamedTotals<C>;
  static constexpr int kInputs = 1, kHeld = sizeof(C) == 4 ? 16 : 8, kStreamed = sizeof(C) == 4 ? 8 : 4;
  static constexpr bool kWrites = pass != LossPass::forward, kStateless = pass == LossPass::gradient;
  Source<C> in[1];
  Sink out;
  LossInputs<C> loss;
  C fill = -std::numeric_limits<C>::infinity();

  // Calls each(k, weight) for the elements a thread has; a few weights are in registers at a time.
  template <int K, class Each>
  TC_DEVICE void for_weights(const Slots& slots, Each&& each) const {
    constexpr int kPart = K < 8 ? K : 8;
#pragma unroll
    for (int first = 0; first < K; first += kPart) {
      const int left = slots.count - first;
      C w[kPart];
#pragma unroll
      for (int k = 0; k < kPart; ++k) w[k] = C(1);
      if (loss.weighted) {
        const std::int64_t at = slots.base + static_cast<std::int64_t>(first) * slots.share.lanes;
        loss.weight.row(w, at, left < 0 ? 0 : left < kPart ? left : kPart, slots.share, C(0));
      }
#pragma unroll
      for (int k = 0; k < kPart; ++k)
        if (first + k < slots.count) each(first + k, w[k]);
    }
  }
  template <int K>
  TC_DEVICE C hit_in(const C (&x)[K], const Slots& slots, std::int64_t target) const {
    C hit = C(0);
#pragma unroll
    for (int k = 0; k < K; ++k)
      if (k < slots.count && slots(k) == target) hit = x[k];
    return hit;
  }

  template <int K>
  TC_DEVICE RowTotals<C> settle(const C (&v)[1][K], const Slots& slots, std::int64_t row, int lanes, C* scratch) const {
    if constexpr (kStateless) return {slots.count > 0 ? loss.lse[row] : C(0), C(0), C(0)};
    const auto plus = [](C a, C b) { return a + b; };
    C lse = C(0);
    if (!loss.log_input) {
      const C max = max_group(fold_tree(v[0], [](C a, C b) { return larger(a, b); }), lanes, scratch);
      C e[K];
#pragma unroll
      for (int k = 0; k < K; ++k) e[k] = exp_of(v[0][k] - max);
      lse = max + log_of(sum_group(fold_tree(e, plus), lanes, scratch));
    }
    const std::int64_t target = slots.count > 0 ? loss.target[row] : 0;
    const C hit = sum_group(hit_in(v[0], slots, target), lanes, scratch);
    C even = C(0);
    if (loss.even != C(0)) {
      for_weights<K>(slots, [&](int k, C w) { even += w * (lse - v[0][k]); });
      even = sum_group(even, lanes, scratch);
    }
    return {lse, hit, even};
  }

  TC_DEVICE State identity() const { return {OnlineSum<C>::nothing(), C(0), C(0), C(0)}; }
  // Moves `below` from one maximum to another, not smaller one.
  TC_DEVICE C raised(const State& s, C from, C to) const {
    return s.weights == C(0) ? C(0) : s.below + s.weights * (to - from);
  }
  template <int K>
  TC_DEVICE void add(State& state, const C (&v)[1][K], const Slots& slots, std::int64_t row) const {
    const C before = loss.log_input ? C(0) : state.online.max;
    if (!loss.log_input) add_online(state.online, v[0]);
    state.hit += hit_in(v[0], slots, loss.target[row]);
    if (loss.even == C(0)) return;
    const C max = loss.log_input ? C(0) : state.online.max;
    C below = C(0), weights = C(0);
    for_weights<K>(slots, [&](int k, C w) {
      below += w * (max - v[0][k]);
      weights += w;
    });
    state.below = raised(state, before, max) + below;
    state.weights += weights;
  }
  TC_DEVICE State combine(const State& a, const State& b) const {
    const OnlineSum<C> online = combine_online(a.online, b.online);
    const C max = loss.log_input ? C(0) : online.max;
    const C below =
        raised(a, loss.log_input ? C(0) : a.online.max, max) + raised(b, loss.log_input ? C(0) : b.online.max, max);
    return {online, a.hit + b.hit, below, a.weights + b.weights};
  }
  TC_DEVICE RowTotals<C> resolve(const State& s, std::int64_t row) const {
    if constexpr (kStateless) return {loss.lse[row], C(0), C(0)};
    if (loss.log_input) return {C(0), s.hit, s.below};
    const C lse = s.online.is_finite() ? s.online.log_sum() : s.online.max - s.online.max;  // NaN where not finite
    return {lse, s.hit, s.below + s.weights * (lse - s.online.max)};
  }

  template <int K>
  TC_DEVICE void write(const RowTotals<C>& r, C (&v)[1][K], const Slots& slots, std::int64_t row) const {
    if (slots.count == 0) return;
    const std::int64_t target = loss.target[row];
    if (target == loss.ignore_index) {
#pragma unroll
      for (int k = 0; k < K; ++k) v[0][k] = C(0);
      return;
    }
    const C g = loss.gradient[row], hit = loss.keep * loss.weight_of(target), even = g * loss.even;
    const C scale = g * (hit + loss.even * (loss.weight_sum ? *loss.weight_sum : loss.classes));
#pragma unroll
    for (int k = 0; k < K; ++k) v[0][k] = loss.log_input ? C(0) : scale * exp_of(v[0][k] - r.lse);
    if (even != C(0)) for_weights<K>(slots, [&](int k, C w) { v[0][k] -= even * w; });
#pragma unroll
    for (int k = 0; k < K; ++k)
      if (slots(k) == target) v[0][k] -= g * hit;
  }
  template <int K>
  TC_DEVICE void write_held(const RowTotals<C>& r, C (&v)[1][K], const Slots& slots, std::int64_t row) const {
    write(r, v, slots, row);
  }

  TC_DEVICE void record(const RowTotals<C>& r, std::int64_t row) const {
    if constexpr (pass != LossPass::gradient) {
      const std::int64_t target = loss.target[row];
      C value = C(0);
      if (target != loss.ignore_index) {
        value = loss.keep * loss.weight_of(target) * (r.lse - r.hit);
        if (loss.even != C(0)) value += loss.even * r.even;
      }
      loss.loss[row] = value;
      if (loss.lse) loss.lse[row] = r.lse;
    }
  }
};

template <class C>
Array sum_of_weights(const Array* weight, const CrossEntropy& settings) {
  if (!weight || settings.label_smoothing == 0) return {};
  const Array total = Array::empty({}, dtype_of<C>(), weight->device());
  Array seen = total.view(weight->shape(), {0});
  kernels::sum(weight->device(), *weight, seen, 1);
  return total;
}

template <LossPass pass, class C>
void run_loss(const Array& x, const Array* weight, const LossInputs<C>& inputs, const Array& out) {
  const int pack = weight ? common_pack(x, out, *weight) : common_pack(x, out);
  run_rows(LossRow<C, pass>{{Source<C>(x)}, Sink(out), inputs}, x.shape(0), x.shape(1), pack, x.device());
}

void cross_entropy(const Array& x, const Array& target, const Array* weight, const CrossEntropy& settings, Array& loss,
                   Array& lse) {
  dispatch(WideFloats{}, computed_in(x.dtype()), [&]<class C>() {
    LossInputs<C> inputs(x, target, weight, settings);
    inputs.loss = loss.data<C>();
    inputs.lse = lse.data<C>();
    run_loss<LossPass::forward>(x, weight, inputs, x);
  });
}

void cross_entropy_backward(const Array& x, const Array& target, const Array* weight, const CrossEntropy& settings,
                            const Array& g, const Array& lse, Array& gx) {
  dispatch(WideFloats{}, computed_in(x.dtype()), [&]<class C>() {
    LossInputs<C> inputs(x, target, weight, settings);
    const Array total = sum_of_weights<C>(weight, settings);
    if (total) inputs.weight_sum = total.data<C>();
    inputs.lse = lse.data<C>();
    inputs.gradient = g.data<C>();
    run_loss<LossPass::gradient>(x, weight, inputs, gx);
  });
}

void cross_entropy_in_place(Array& x, const Array& target, const Array* weight, const CrossEntropy& settings,
                            const Array& g, Array& loss) {
  dispatch(WideFloats{}, computed_in(x.dtype()), [&]<class C>() {
    LossInputs<C> inputs(x, target, weight, settings);
    const Array total = sum_of_weights<C>(weight, settings);
    if (total) inputs.weight_sum = total.data<C>();
    inputs.loss = loss.data<C>();
    inputs.gradient = g.data<C>();
    run_loss<LossPass::both>(x, weight, inputs, x);
  });
}

// One block per span of rows: weights of the rows' classes, and the first class out of range.
template <class C>
__global__ void __launch_bounds__(kRowThreads)
    check_targets(const std::int64_t* target, std::int64_t rows, const Source<C> weight, int weighted,
                  std::int64_t classes, std::int64_t ignore_index, C* row_weight, std::int64_t* bad) {
  TC_SHARED(std::int64_t, scratch, [kMostWarps]);
  const std::int64_t span = (rows + gridDim.x - 1) / gridDim.x, begin = blockIdx.x * span;
  const std::int64_t end = begin + span < rows ? begin + span : rows;
  std::int64_t first = INT64_MAX;
  for (std::int64_t r = begin + threadIdx.x; r < end; r += kRowThreads) {
    const std::int64_t t = target[r];
    const bool ignored = t == ignore_index, known = t >= 0 && t < classes;
    if (!ignored && !known && first == INT64_MAX) first = r;
    row_weight[r] = ignored || !known ? C(0) : weighted ? weight[t] : C(1);
  }
  first = combine_group(first, kRowThreads, scratch, [](std::int64_t a, std::int64_t b) { return a < b ? a : b; });
  if (threadIdx.x == 0) bad[blockIdx.x] = first == INT64_MAX ? -1 : first;
}

void check_classes(const Array& target, const Array* weight, std::int64_t classes, std::int64_t ignore_index,
                   Array& row_weight, Array& bad) {
  dispatch(WideFloats{}, row_weight.dtype(), [&]<class C>() {
    const LaunchShape shape{dim3(static_cast<unsigned>(bad.size())), dim3(kRowThreads)};
    launch<check_targets<C>>(shape, target.data<std::int64_t>(), target.size(),
                             weight ? Source<C>(*weight) : Source<C>(row_weight), weight ? 1 : 0, classes, ignore_index,
                             row_weight.data<C>(), bad.data<std::int64_t>());
  });
}

TC_PROVIDE_CUDA(check_registered, kernels::check_classes, &check_classes);
TC_PROVIDE_CUDA(registered, kernels::cross_entropy, &cross_entropy);
TC_PROVIDE_CUDA(backward_registered, kernels::cross_entropy_backward, &cross_entropy_backward);
TC_PROVIDE_CUDA(in_place_registered, kernels::cross_entropy_in_place, &cross_entropy_in_place);

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
