// Row normalisation (layer, group, instance, RMS): a row stays in cache between its passes (mean, variance, write), so
// memory sees one read and one write. Gradients of weight and bias are summed per fixed chunk of rows, then over
// chunks.
#include "ops/norm.h"

#include <cmath>
#include <vector>

#include "cpu/norm_sums.h"
#include "cpu/parallel.h"
#include "cpu/wide.h"

namespace tc::cpu {
namespace {

using kernels::OptionalArray;

template <class T>
const T* data_of(const OptionalArray& a) {
  return a ? a->template data<T>() : nullptr;
}

constexpr std::int64_t kGrain = 1 << 14;  // elements per task
constexpr std::int64_t kMostChunks = 64;

std::int64_t rows_per_task(const RowNorm& plan) {
  return std::max<std::int64_t>(1, kGrain / (plan.channels * plan.inner));
}

template <class T>
void forward_row(const RowNorm& plan, const T* x, const T* weight, const T* bias, T* y, T* mean_out, T* rstd_out) {
  using V = simd::Vec<T>;
  const std::int64_t length = plan.channels * plan.inner;
  const T mean =
      plan.rms ? T(0) : static_cast<T>(sum_blocks<T>(length, [](V v) { return v; }, x) / static_cast<double>(length));
  const V m(mean);
  const double squares = sum_blocks<T>(length, [&](V v) { return (v - m) * (v - m); }, x);
  const T rstd = static_cast<T>(1 / std::sqrt(squares / static_cast<double>(length) + plan.eps));
  if (!plan.rms) *mean_out = mean;
  *rstd_out = rstd;
  if (plan.inner == 1) {
    const V r(rstd);
    if (weight && bias)
      map_row<T>(length, y, [&](V v, V w, V b) { return simd::fma((v - m) * r, w, b); }, x, weight, bias);
    else if (weight)
      map_row<T>(length, y, [&](V v, V w) { return (v - m) * r * w; }, x, weight);
    else if (bias)
      map_row<T>(length, y, [&](V v, V b) { return simd::fma(v - m, r, b); }, x, bias);
    else
      map_row<T>(length, y, [&](V v) { return (v - m) * r; }, x);
    return;
  }
  for (std::int64_t c = 0; c < plan.channels; ++c) {
    const V scale(weight ? rstd * weight[c] : rstd), shift(bias ? bias[c] : T(0));
    const std::int64_t at = c * plan.inner;
    map_row<T>(plan.inner, y + at, [&](V v) { return simd::fma(v - m, scale, shift); }, x + at);
  }
}

void row_norm(const RowNorm& plan, const Array& given, const OptionalArray& weight, const OptionalArray& bias,
              Array& result, Array& mean, Array& rstd) {
  const Array x = wide(given);
  WideResult written(result);
  const Array& y = written.array;
  dispatch(WideFloats{}, x.dtype(), [&]<class T>() {
    const std::int64_t length = plan.channels * plan.inner;
    const T *w = data_of<T>(weight), *b = data_of<T>(bias);
    parallel_for(plan.rows, rows_per_task(plan), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const std::int64_t at = r % plan.groups * plan.channels;
        forward_row(plan, x.data<T>() + r * length, w ? w + at : w, b ? b + at : b, y.data<T>() + r * length,
                    mean.data<T>() + r, rstd.data<T>() + r);
      }
    });
  });
  written.finish();
}

// One row's dx; its part of dweight and dbias is added to the given sums.
template <class T>
void backward_row(const RowNorm& plan, const T* g, const T* x, const T* weight, T mean, T rstd, T* dx, T* dweight,
                  T* dbias) {
  using V = simd::Vec<T>;
  const std::int64_t length = plan.channels * plan.inner;
  const V m(mean), r(rstd), one(T(1));
  if (plan.inner == 1) {
    const auto products = [&](V gv, V xv, V w) { return std::pair{gv * w, gv * w * (xv - m)}; };
    const PairSum s = weight ? sum_pair_blocks<T>(length, products, g, x, weight)
                             : sum_pair_blocks<T>(length, [&](V gv, V xv) { return products(gv, xv, one); }, g, x);
    const V first(plan.rms ? T(0) : static_cast<T>(s.first / static_cast<double>(length)));
    const V second(static_cast<T>(s.second * rstd / static_cast<double>(length)));
    const auto step = [&](std::int64_t i, std::int64_t count, auto load, auto store) {
      const V gv = load(g + i, count), normal = (load(x + i, count) - m) * r;
      store(dweight + i, count, simd::fma(gv, normal, load(dweight + i, count)));
      store(dbias + i, count, load(dbias + i, count) + gv);
      const V gw = weight ? gv * load(weight + i, count) : gv;
      store(dx + i, count, (gw - first - normal * second) * r);
    };
    for_each_vector<T>(
        length,
        [&](std::int64_t i) {
          step(
              i, 0, [](const T* p, std::int64_t) { return simd::load(p); },
              [](T* p, std::int64_t, V v) { simd::store(p, v); });
        },
        [&](std::int64_t i, std::int64_t count) {
          step(
              i, count, [](const T* p, std::int64_t n) { return simd::load_partial(p, n); },
              [](T* p, std::int64_t n, V v) { simd::store_partial(p, n, v); });
        });
    return;
  }
  double first = 0, second = 0;
  for (std::int64_t c = 0; c < plan.channels; ++c) {
    const std::int64_t at = c * plan.inner;
    const PairSum s =
        sum_pair_blocks<T>(plan.inner, [&](V gv, V xv) { return std::pair{gv, gv * (xv - m)}; }, g + at, x + at);
    const double w = weight ? static_cast<double>(weight[c]) : 1.0;
    dbias[c] += static_cast<T>(s.first);
    dweight[c] += static_cast<T>(s.second * rstd);
    first += w * s.first;
    second += w * s.second * rstd;
  }
  const T mean_first = plan.rms ? T(0) : static_cast<T>(first / static_cast<double>(length));
  const T mean_second = static_cast<T>(second / static_cast<double>(length));
  for (std::int64_t c = 0; c < plan.channels; ++c) {
    const std::int64_t at = c * plan.inner;
    const V w(weight ? weight[c] * rstd : rstd), a(mean_first * rstd), b(mean_second * rstd * rstd);
    map_row<T>(plan.inner, dx + at, [&](V gv, V xv) { return gv * w - a - (xv - m) * b; }, g + at, x + at);
  }
}

void row_norm_backward(const RowNorm& plan, const Array& given_g, const Array& given_x, const OptionalArray& weight,
                       const Array& mean, const Array& rstd, Array& result, OptionalArray& dweight,
                       OptionalArray& dbias) {
  const Array g = wide(given_g), x = wide(given_x);
  WideResult written(result);
  const Array& dx = written.array;
  dispatch(WideFloats{}, x.dtype(), [&]<class T>() {
    const std::int64_t length = plan.channels * plan.inner, parameters = plan.groups * plan.channels;
    // With a single batch item no two rows share a weight; otherwise a chunk covers whole items.
    const bool alone = plan.rows == plan.groups;
    std::int64_t step = std::max((plan.rows + kMostChunks - 1) / kMostChunks, rows_per_task(plan));
    if (!alone) step = (step + plan.groups - 1) / plan.groups * plan.groups;
    const std::int64_t chunks = (plan.rows + step - 1) / step, copies = alone ? 1 : chunks;
    Array partial = Array::empty({copies, 2, parameters}, x.dtype());
    T* sums = partial.data<T>();
    const T* w = data_of<T>(weight);
    if (alone) std::fill_n(sums, 2 * parameters, T(0));
    parallel_for(plan.rows, step, [&](std::int64_t begin, std::int64_t end) {
      T* own = alone ? sums : sums + begin / step * 2 * parameters;
      if (!alone) std::fill_n(own, 2 * parameters, T(0));
      for (std::int64_t r = begin; r < end; ++r) {
        const std::int64_t at = r % plan.groups * plan.channels;
        backward_row(plan, g.data<T>() + r * length, x.data<T>() + r * length, w ? w + at : w,
                     plan.rms ? T(0) : mean.data<T>()[r], rstd.data<T>()[r], dx.data<T>() + r * length, own + at,
                     own + parameters + at);
      }
    });
    parallel_for(parameters, std::max<std::int64_t>(64, kGrain / copies), [&](std::int64_t begin, std::int64_t end) {
      for (int which = 0; which < 2; ++which) {
        T* out = (which ? dbias : dweight)->template data<T>();
        const T* from = sums + which * parameters;
        std::copy(from + begin, from + end, out + begin);
        for (std::int64_t k = 1; k < copies; ++k)
          for (std::int64_t i = begin; i < end; ++i) out[i] += from[k * 2 * parameters + i];
      }
    });
  });
  written.finish();
}

const Provide forward{kernels::row_norm, DeviceType::cpu, &row_norm};
const Provide backward{kernels::row_norm_backward, DeviceType::cpu, &row_norm_backward};

}  // namespace
}  // namespace tc::cpu
