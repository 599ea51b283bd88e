// Cross-entropy kernels: with w the class weights, t the class, ε the smoothing and C the number of classes,
//   loss = (1 - ε) w_t (lse - x_t) + ε/C Σ_c w_c (lse - x_c),   ∂loss/∂x_c = S softmax_c - (1 - ε) w_t [c = t] - ε/C
//   w_c,
// S = (1 - ε) w_t + ε/C Σ_c w_c. On log-probabilities lse is 0 and the softmax term is absent.
#include "ops/loss.h"

#include "cpu/parallel.h"
#include "cpu/row_math.h"

namespace tc::cpu {
namespace {

constexpr std::int64_t kGrain = 1 << 14;  // elements per task

template <class T>
struct Rows {
  using A = Acc<T>;
  using V = simd::Vec<A>;
  std::int64_t classes;
  const T* weight;  // null: all 1
  CrossEntropy settings;
  A smoothing, weight_sum;

  Rows(std::int64_t classes, const Array* w, const CrossEntropy& settings)
      : classes(classes),
        weight(w ? w->data<T>() : nullptr),
        settings(settings),
        smoothing(static_cast<A>(settings.label_smoothing / static_cast<double>(classes))),
        weight_sum(w ? sum_row<A>(classes, [](V v) { return v; }, weight) : static_cast<A>(classes)) {}

  A weight_of(std::int64_t t) const { return weight ? convert<A>(weight[t]) : A(1); }

  void forward(const T* x, std::int64_t t, A* loss, A* lse) const {
    const A high = settings.log_probabilities ? A(0) : row_max<A>(x, classes);
    *lse = settings.log_probabilities ? A(0) : high + std::log(row_exp_sum<A>(x, classes, high));
    *loss = 0;
    if (t == settings.ignore_index) return;
    *loss = static_cast<A>(1 - settings.label_smoothing) * weight_of(t) * (*lse - convert<A>(x[t]));
    if (smoothing == A(0)) return;
    const V total(*lse);
    *loss += smoothing * (weight ? sum_row<A>(
                                       classes, [&](V v, V w) { return w * (total - v); }, x, weight)
                                 : sum_row<A>(classes, [&](V v) { return total - v; }, x));
  }

  void backward(const T* x, std::int64_t t, A g, A lse, T* gx) const {  // gx may be x
    if (t == settings.ignore_index) {
      std::memset(static_cast<void*>(gx), 0, static_cast<std::size_t>(classes) * sizeof(T));
      return;
    }
    const A hit = static_cast<A>(1 - settings.label_smoothing) * weight_of(t);
    const V scale(settings.log_probabilities ? A(0) : g * (hit + smoothing * weight_sum)), even(g * smoothing),
        shift(lse);
    const bool soft = !settings.log_probabilities;
    const A at_class = convert<A>(x[t]);
    const auto probability = [&](V v) { return soft ? scale * simd::math::exp(v - shift) : V(A(0)); };
    if (weight)
      map_row<A>(classes, gx, [&](V v, V w) { return probability(v) - even * w; }, x, weight);
    else
      map_row<A>(classes, gx, [&](V v) { return probability(v) - even; }, x);
    // The hit class again as a whole, so that a half type rounds once.
    const A p = soft ? scale[0] * simd::math::exp(V(at_class - lse))[0] : A(0);
    gx[t] = convert<T>(p - even[0] * weight_of(t) - g * hit);
  }
};

template <class Body>
void for_rows(const Array& x, Body&& body) {
  const std::int64_t rows = x.shape(0), grain = std::max<std::int64_t>(1, kGrain / x.shape(1));
  parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) body(r);
  });
}

void cross_entropy(const Array& x, const Array& target, const Array* weight, const CrossEntropy& settings, Array& loss,
                   Array& lse) {
  const std::int64_t n = x.shape(1);
  const auto* t = target.data<std::int64_t>();
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    const Rows<T> row(n, weight, settings);
    for_rows(x, [&](std::int64_t r) {
      row.forward(x.data<T>() + r * n, t[r], loss.data<Acc<T>>() + r, lse.data<Acc<T>>() + r);
    });
  });
}

void cross_entropy_backward(const Array& x, const Array& target, const Array* weight, const CrossEntropy& settings,
                            const Array& g, const Array& lse, Array& gx) {
  const std::int64_t n = x.shape(1);
  const auto* t = target.data<std::int64_t>();
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    const Rows<T> row(n, weight, settings);
    for_rows(x, [&](std::int64_t r) {
      row.backward(x.data<T>() + r * n, t[r], g.data<Acc<T>>()[r], lse.data<Acc<T>>()[r], gx.data<T>() + r * n);
    });
  });
}

void cross_entropy_in_place(Array& x, const Array& target, const Array* weight, const CrossEntropy& settings,
                            const Array& g, Array& loss) {
  const std::int64_t n = x.shape(1);
  const auto* t = target.data<std::int64_t>();
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    const Rows<T> row(n, weight, settings);
    for_rows(x, [&](std::int64_t r) {
      T* const own = x.data<T>() + r * n;
      Acc<T> lse;
      row.forward(own, t[r], loss.data<Acc<T>>() + r, &lse);
      row.backward(own, t[r], g.data<Acc<T>>()[r], lse, own);
    });
  });
}

void check_classes(const Array& target, const Array* weight, std::int64_t classes, std::int64_t ignore_index,
                   Array& row_weight, Array& bad) {
  const std::int64_t rows = target.size(), spans = bad.size(), span = (rows + spans - 1) / spans;
  const auto* t = target.data<std::int64_t>();
  dispatch(WideFloats{}, row_weight.dtype(), [&]<class A>() {
    dispatch(Floats{}, weight ? weight->dtype() : row_weight.dtype(), [&]<class T>() {
      parallel_for(spans, std::max<std::int64_t>(1, kGrain / span), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          std::int64_t first = -1;
          for (std::int64_t r = i * span; r < std::min(rows, (i + 1) * span); ++r) {
            const bool ignored = t[r] == ignore_index, known = t[r] >= 0 && t[r] < classes;
            if (!ignored && !known && first < 0) first = r;
            row_weight.data<A>()[r] = ignored || !known ? A(0) : weight ? convert<A>(weight->data<T>()[t[r]]) : A(1);
          }
          bad.data<std::int64_t>()[i] = first;
        }
      });
    });
  });
}

const Provide check_registered{kernels::check_classes, DeviceType::cpu, &check_classes};
const Provide in_place_registered{kernels::cross_entropy_in_place, DeviceType::cpu, &cross_entropy_in_place};
const Provide registered{kernels::cross_entropy, DeviceType::cpu, &cross_entropy};
const Provide backward_registered{kernels::cross_entropy_backward, DeviceType::cpu, &cross_entropy_backward};

}  // namespace
}  // namespace tc::cpu
