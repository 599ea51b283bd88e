// Running sums, products and first-order linear recurrences along an axis. A row is walked in order, neighbouring
// columns side by side in vectors; float32 rows are carried in float64, so that the error does not grow along them.
#include "ops/scan.h"

#include "cpu/parallel.h"

namespace tc::cpu {
namespace {

using kernels::ScanShape;

constexpr std::int64_t kScanColumns = 256;
constexpr std::int64_t kScanGrain = 1 << 15;  // elements per task

template <class T>
struct CarryOf {
  using type = T;
};
template <>
struct CarryOf<float> {
  using type = double;
};
template <>
struct CarryOf<std::int64_t> {
  using type = std::uint64_t;  // wraps around on overflow
};
template <class T>
using Carry = typename CarryOf<T>::type;

// Calls line(carry, from, to, n) for every row position in scan order: n columns at element offsets `from` of the
// inputs and `to` of the output; start(to, n) at the place of the initial element.
template <class C, class Start, class Line>
void walk(const ScanShape& s, C identity, Start start, Line line) {
  const std::int64_t width = std::min(s.inner, kScanColumns), blocks = (s.inner + width - 1) / width;
  const std::int64_t length = s.n + (s.initial ? 1 : 0);
  const std::int64_t grain = std::max<std::int64_t>(1, kScanGrain / (length * width));
  parallel_for(s.outer * blocks, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t o = task / blocks, first = task % blocks * width, n = std::min(width, s.inner - first);
      const std::int64_t from = o * s.n * s.inner + first, to = o * length * s.inner + first;
      C carry[kScanColumns];
      std::fill_n(carry, n, identity);
      if (s.initial) start(to + (s.reverse ? s.n * s.inner : 0), n);
      const std::int64_t shift = s.initial && !s.reverse ? s.inner : 0;
      if (s.reverse)
        for (std::int64_t t = s.n - 1; t >= 0; --t) line(carry, from + t * s.inner, to + t * s.inner, n);
      else
        for (std::int64_t t = 0; t < s.n; ++t) line(carry, from + t * s.inner, to + t * s.inner + shift, n);
    }
  });
}

template <class T, class Op>
void scan_with(const Array& x, Array& y, const ScanShape& s, Carry<T> identity, Op op) {
  const T* const in = x.data<T>();
  T* const out = y.data<T>();
  walk(
      s, identity, [&](std::int64_t to, std::int64_t n) { std::fill_n(out + to, n, static_cast<T>(identity)); },
      [&](Carry<T>* __restrict carry, std::int64_t from, std::int64_t to, std::int64_t n) {
        const T* __restrict const a = in + from;
        T* __restrict const b = out + to;
        for (std::int64_t j = 0; j < n; ++j)
          b[j] = static_cast<T>(carry[j] = op(carry[j], static_cast<Carry<T>>(a[j])));
      });
}

using ScanTypes = Types<std::int64_t, float, double>;

void cumulative_sum(const Array& x, Array& y, const ScanShape& s) {
  dispatch(ScanTypes{}, y.dtype(),
           [&]<class T>() { scan_with<T>(x, y, s, Carry<T>(0), [](auto a, auto b) { return a + b; }); });
}
void cumulative_prod(const Array& x, Array& y, const ScanShape& s) {
  dispatch(ScanTypes{}, y.dtype(),
           [&]<class T>() { scan_with<T>(x, y, s, Carry<T>(1), [](auto a, auto b) { return a * b; }); });
}

template <class T, Recurrence kind>
void recur(const Array& a, const Array& b, Array& y, const ScanShape& s) {
  const T *const as = a.data<T>(), *const bs = b.data<T>();
  T* const out = y.data<T>();
  walk(
      s, Carry<T>(0), [](std::int64_t, std::int64_t) {},
      [&](Carry<T>* __restrict carry, std::int64_t from, std::int64_t to, std::int64_t n) {
        const T* __restrict const p = as + from, * __restrict const q = bs + from;
        T* __restrict const r = out + to;
        for (std::int64_t j = 0; j < n; ++j) {
          const Carry<T> c = carry[j], h = q[j] + (kind == Recurrence::carried ? c : p[j] * c);
          r[j] = static_cast<T>(kind == Recurrence::previous ? c : h);
          carry[j] = kind == Recurrence::carried ? p[j] * h : h;
        }
      });
}

void linear_recurrence(const Array& a, const Array& b, Array& y, const ScanShape& s, Recurrence kind) {
  dispatch(WideFloats{}, y.dtype(), [&]<class T>() {
    if (kind == Recurrence::own)
      recur<T, Recurrence::own>(a, b, y, s);
    else if (kind == Recurrence::carried)
      recur<T, Recurrence::carried>(a, b, y, s);
    else
      recur<T, Recurrence::previous>(a, b, y, s);
  });
}

const Provide sum_registered{kernels::cumulative_sum, DeviceType::cpu, &cumulative_sum};
const Provide prod_registered{kernels::cumulative_prod, DeviceType::cpu, &cumulative_prod};
const Provide recurrence_registered{kernels::linear_recurrence, DeviceType::cpu, &linear_recurrence};

}  // namespace
}  // namespace tc::cpu
