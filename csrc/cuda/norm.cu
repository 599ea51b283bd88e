// Row normalisation (layer, group, instance, RMS) on the row template. Bytes floor: x and y once; backward, g, x and dx
// once, and g and x a second time for the gradients of weight and bias.
#include "cuda/moments.h"
#include "cuda/norm_sums.h"
#include "cuda/row.h"
#include "ops/norm.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

using kernels::OptionalArray;

TC_DEVICE float root_of(float x) { return sqrtf(x); }
TC_DEVICE double root_of(double x) { return sqrt(x); }

// Weight or bias of each element of a row: parameter (row % groups) * channels + element / inner.
template <class C>
struct PerElement {
  const C* values;  // null: all the same
  FastDivide groups, inner;
  std::int64_t channels;

  PerElement(const OptionalArray& a, const RowNorm& plan)
      : values(a ? a->template data<C>() : nullptr), groups(plan.groups), inner(plan.inner), channels(plan.channels) {}

  // Calls each(k, value) for the elements a thread has; a few values are in registers at a time.
  template <int K, class Each>
  TC_DEVICE void operator()(const Slots& slots, std::int64_t row, Each&& each) const {
    constexpr int kPart = K < 8 ? K : 8, kPack = 16 / sizeof(C);  // x's packs are this long or a multiple
    if (!values) return;
    const C* own = values + (row - groups(row) * groups.divisor) * channels;
#pragma unroll
    for (int first = 0; first < K; first += kPart) {
      C p[kPart];
      if (inner.divisor == 1 && slots.share.log2_pack > 0) {
#pragma unroll
        for (int k = 0; k < kPart; k += kPack) {
          Pack<C, kPack> pack = {};
          if (first + k < slots.count) pack = *reinterpret_cast<const Pack<C, kPack>*>(own + slots(first + k));
#pragma unroll
          for (int j = 0; j < kPack; ++j) p[k + j] = pack.at[j];
        }
      } else {
#pragma unroll
        for (int k = 0; k < kPart; ++k) p[k] = first + k < slots.count ? own[inner(slots(first + k))] : C(0);
      }
#pragma unroll
      for (int k = 0; k < kPart; ++k) each(first + k, p[k]);
    }
  }
};

template <class C>
struct NormForward {
  using Element = C;
  using State = Moments;
  struct Result {
    C mean, rstd;
  };
  static constexpr int kInputs = 1, kHeld = sizeof(C) == 4 ? 32 : 16, kStreamed = kHeld / 2;
  static constexpr bool kWrites = true, kStateless = false;
  Source<C> in[1];
  Sink out;
  PerElement<C> weight, bias;
  C eps, length;
  int rms;
  C *mean, *rstd;
  C fill = C(0);

  template <int K>
  TC_DEVICE Result settle(const C (&v)[1][K], const Slots& slots, std::int64_t, int lanes, C* scratch) const {
    const auto plus = [](C a, C b) { return a + b; };
    const C mean = rms ? C(0) : sum_group(fold_tree(v[0], plus), lanes, scratch) / length;
    C t[K];
#pragma unroll
    for (int k = 0; k < K; ++k) t[k] = k < slots.count ? (v[0][k] - mean) * (v[0][k] - mean) : C(0);
    return {mean, C(1) / root_of(sum_group(fold_tree(t, plus), lanes, scratch) / length + eps)};
  }

  TC_DEVICE State identity() const { return {0, 0, 0}; }
  template <int K>
  TC_DEVICE void add(State& state, const C (&v)[1][K], const Slots& slots, std::int64_t) const {
    state = combine_moments(state, moments_of(v[0], slots.count));
  }
  TC_DEVICE State combine(const State& a, const State& b) const { return combine_moments(a, b); }
  TC_DEVICE Result resolve(const State& s, std::int64_t) const {
    const double square = s.squares / s.count + (rms ? s.mean * s.mean : 0.0);
    return {rms ? C(0) : static_cast<C>(s.mean), static_cast<C>(1 / sqrt(square + static_cast<double>(eps)))};
  }

  template <int K>
  TC_DEVICE void write(const Result& r, C (&v)[1][K], const Slots& slots, std::int64_t row) const {
#pragma unroll
    for (int k = 0; k < K; ++k) v[0][k] = (v[0][k] - r.mean) * r.rstd;
    weight.template operator()<K>(slots, row, [&](int k, C w) { v[0][k] *= w; });
    bias.template operator()<K>(slots, row, [&](int k, C b) { v[0][k] += b; });
  }
  template <int K>
  TC_DEVICE void write_held(const Result& r, C (&v)[1][K], const Slots& slots, std::int64_t row) const {
    write(r, v, slots, row);
  }
  TC_DEVICE void record(const Result& r, std::int64_t row) const {
    if (!rms) mean[row] = r.mean;
    rstd[row] = r.rstd;
  }
};

template <class C>
struct TwoSums {
  C first, second;
  friend TC_DEVICE TwoSums shuffle_xor(const TwoSums& s, int lanes) {
    return {shuffle_xor(s.first, lanes), shuffle_xor(s.second, lanes)};
  }
};

// dx = (g w - mean(g w) - n mean(g w n)) rstd with n = (x - mean) rstd; inputs g and x.
template <class C>
struct NormGradient {
  using Element = C;
  using State = TwoSums<C>;
  struct Result {
    C mean, rstd, first, second;
  };
  static constexpr int kInputs = 2, kHeld = sizeof(C) == 4 ? 16 : 8, kStreamed = kHeld / 2;
  static constexpr bool kWrites = true, kStateless = false;
  Source<C> in[2];
  Sink out;
  PerElement<C> weight;
  C length;
  int rms;
  const C *mean, *rstd;
  C fill = C(0);

  TC_DEVICE C mean_of(std::int64_t row) const { return rms ? C(0) : mean[row]; }
  // Turns g into g w; sums of it and of its products with x - mean. Slots past the row add nothing: their g is 0.
  template <int K>
  TC_DEVICE State sums(C (&v)[2][K], const Slots& slots, std::int64_t row, C center) const {
    weight.template operator()<K>(slots, row, [&](int k, C w) { v[0][k] *= w; });
    const auto plus = [](C a, C b) { return a + b; };
    C t[K];
#pragma unroll
    for (int k = 0; k < K; ++k) t[k] = v[0][k] * (v[1][k] - center);
    return {fold_tree(v[0], plus), fold_tree(t, plus)};
  }
  TC_DEVICE Result result(const State& s, C center, C scale) const {
    return {center, scale, rms ? C(0) : s.first / length, s.second * scale / length};
  }

  template <int K>
  TC_DEVICE Result settle(C (&v)[2][K], const Slots& slots, std::int64_t row, int lanes, C* scratch) const {
    const bool exists = slots.count > 0;
    const C center = exists ? mean_of(row) : C(0), scale = exists ? rstd[row] : C(0);
    State s = sums(v, slots, exists ? row : 0, center);
    s.first = sum_group(s.first, lanes, scratch);
    s.second = sum_group(s.second, lanes, scratch);
    return result(s, center, scale);
  }
  template <int K>
  TC_DEVICE void write_held(const Result& r, C (&v)[2][K], const Slots&, std::int64_t) const {
#pragma unroll
    for (int k = 0; k < K; ++k) v[0][k] = (v[0][k] - r.first - (v[1][k] - r.mean) * r.rstd * r.second) * r.rstd;
  }

  TC_DEVICE State identity() const { return {C(0), C(0)}; }
  template <int K>
  TC_DEVICE void add(State& state, C (&v)[2][K], const Slots& slots, std::int64_t row) const {
    state = combine(state, sums(v, slots, row, mean_of(row)));
  }
  TC_DEVICE State combine(const State& a, const State& b) const { return {a.first + b.first, a.second + b.second}; }
  TC_DEVICE Result resolve(const State& s, std::int64_t row) const { return result(s, mean_of(row), rstd[row]); }
  template <int K>
  TC_DEVICE void write(const Result& r, C (&v)[2][K], const Slots& slots, std::int64_t row) const {
    weight.template operator()<K>(slots, row, [&](int k, C w) { v[0][k] *= w; });
    write_held(r, v, slots, row);
  }
  TC_DEVICE void record(const Result&, std::int64_t) const {}
};

bool starts_pack(const OptionalArray& a) { return !a || is_aligned(a->raw()); }

void row_norm(const RowNorm& plan, const Array& x, const OptionalArray& weight, const OptionalArray& bias, Array& y,
              Array& mean, Array& rstd) {
  const std::int64_t length = plan.channels * plan.inner;
  const int pack = starts_pack(weight) && starts_pack(bias) ? common_pack(x, y) : 0;
  dispatch(WideFloats{}, rstd.dtype(), [&]<class C>() {
    run_rows(NormForward<C>{{Source<C>(x)},
                            Sink(y),
                            {weight, plan},
                            {bias, plan},
                            static_cast<C>(plan.eps),
                            static_cast<C>(length),
                            plan.rms,
                            mean.data<C>(),
                            rstd.data<C>()},
             plan.rows, length, pack, x.device());
  });
}

void row_norm_backward(const RowNorm& plan, const Array& g, const Array& x, const OptionalArray& weight,
                       const Array& mean, const Array& rstd, Array& dx, OptionalArray& dweight, OptionalArray& dbias) {
  const std::int64_t length = plan.channels * plan.inner;
  const int pack = starts_pack(weight) ? common_pack(x, g, dx) : 0;
  dispatch(WideFloats{}, rstd.dtype(), [&]<class C>() {
    run_rows(NormGradient<C>{{Source<C>(g), Source<C>(x)},
                             Sink(dx),
                             {weight, plan},
                             static_cast<C>(length),
                             plan.rms,
                             mean.data<C>(),
                             rstd.data<C>()},
             plan.rows, length, pack, x.device());
  });
  if (dweight)
    parameter_sums({plan.rows / plan.groups, plan.groups * plan.channels, plan.inner, plan.channels, false, 0}, g, x,
                   plan.rms ? nullptr : &mean, rstd, *dweight, *dbias);
}

TC_PROVIDE_CUDA(forward, kernels::row_norm, &row_norm);
TC_PROVIDE_CUDA(backward, kernels::row_norm_backward, &row_norm_backward);

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
