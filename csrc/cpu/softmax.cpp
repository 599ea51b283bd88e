// Softmax kernels: a row stays in the L1 or L2 cache between its passes, so memory sees one read and one write.
#include "ops/softmax.h"

#include "cpu/parallel.h"
#include "cpu/row_math.h"

namespace tc::cpu {
namespace {

constexpr std::int64_t kGrain = 1 << 14;  // elements per task

std::int64_t rows_per_task(std::int64_t columns) { return std::max<std::int64_t>(1, kGrain / columns); }

template <class T>
void softmax_row(const T* x, T* y, std::int64_t n, bool log) {
  using A = Acc<T>;
  const A high = row_max<A>(x, n);
  if (log) {
    const A shift = high + std::log(row_exp_sum<A>(x, n, high));
    map_row<A>(n, y, [&](simd::Vec<A> v) { return v - simd::Vec<A>(shift); }, x);
    return;
  }
  if constexpr (std::is_same_v<A, T>) {
    const A scale = A(1) / row_exp_sum<A>(x, n, high, y);
    map_row<A>(n, y, [&](simd::Vec<A> e) { return e * simd::Vec<A>(scale); }, y);
  } else {  // the exponentials would lose bits in a half type: compute them twice
    const A scale = A(1) / row_exp_sum<A>(x, n, high);
    map_row<A>(n, y, [&](simd::Vec<A> v) { return simd::math::exp(v - simd::Vec<A>(high)) * simd::Vec<A>(scale); }, x);
  }
}

template <class T>
void backward_row(const T* g, const T* y, T* gx, std::int64_t n, bool log) {
  using A = Acc<T>;
  using V = simd::Vec<A>;
  if (log) {
    const V total(sum_row<A>(n, [](V v) { return v; }, g));
    map_row<A>(n, gx, [&](V gv, V yv) { return gv - simd::math::exp(yv) * total; }, g, y);
  } else {
    const V total(sum_row<A>(n, [](V gv, V yv) { return gv * yv; }, g, y));
    map_row<A>(n, gx, [&](V gv, V yv) { return yv * (gv - total); }, g, y);
  }
}

void softmax(const Array& x, Array& y, bool log) {
  const std::int64_t n = x.shape(-1), rows = x.size() / n;
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    parallel_for(rows, rows_per_task(n), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) softmax_row(x.data<T>() + r * n, y.data<T>() + r * n, n, log);
    });
  });
}

void softmax_backward(const Array& g, const Array& y, Array& gx, bool log) {
  const std::int64_t n = y.shape(-1), rows = y.size() / n;
  dispatch(Floats{}, y.dtype(), [&]<class T>() {
    parallel_for(rows, rows_per_task(n), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r)
        backward_row(g.data<T>() + r * n, y.data<T>() + r * n, gx.data<T>() + r * n, n, log);
    });
  });
}

const Provide registered{kernels::softmax, DeviceType::cpu, &softmax};
const Provide backward_registered{kernels::softmax_backward, DeviceType::cpu, &softmax_backward};

}  // namespace
}  // namespace tc::cpu
