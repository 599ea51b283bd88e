// Running sums, products and first-order linear recurrences along an axis. A thread walks one line in order, neighbours
// walk neighbouring lines, so that accesses are coalesced where lines lie side by side; bits are those of the CPU,
// float32 being carried in float64 there and here. One long line occupies one thread.
#include "cuda/loop.h"
#include "ops/scan.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

using kernels::ScanShape;
using ScanTypes = Types<std::int64_t, float, double>;

template <class T>
using Carry = std::conditional_t<std::is_same_v<T, float>, double,
                                 std::conditional_t<std::is_same_v<T, std::int64_t>, std::uint64_t, T>>;

struct Line {
  std::int64_t from, to, step;  // first elements of input and output in scan order, and the way to the next
  std::int64_t start;           // place of the initial element
  bool exists;
  TC_DEVICE explicit Line(const ScanShape& s) {
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
    exists = i < s.outer * s.inner;
    const std::int64_t o = i / s.inner, column = i - o * s.inner, length = s.n + (s.initial ? 1 : 0);
    const std::int64_t first = o * s.n * s.inner + column, first_out = o * length * s.inner + column;
    step = s.reverse ? -s.inner : s.inner;
    const std::int64_t skipped = s.reverse ? (s.n - 1) * s.inner : 0;
    from = first + skipped;
    to = first_out + skipped + (s.initial && !s.reverse ? s.inner : 0);
    start = first_out + (s.reverse ? s.n * s.inner : 0);
  }
};

template <class T, bool product>
__global__ void __launch_bounds__(kThreads) scan_lines(const T* x, T* y, ScanShape s) {
  const Line line(s);
  if (!line.exists) return;
  using C = Carry<T>;
  C carry = product ? C(1) : C(0);
  if (s.initial) y[line.start] = static_cast<T>(carry);
  for (std::int64_t t = 0; t < s.n; ++t) {
    const C value = static_cast<C>(x[line.from + t * line.step]);
    carry = product ? carry * value : carry + value;
    y[line.to + t * line.step] = static_cast<T>(carry);
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    recurrence_lines(const T* a, const T* b, T* y, ScanShape s, Recurrence kind) {
  const Line line(s);
  if (!line.exists) return;
  using C = Carry<T>;
  C carry = C(0);
  for (std::int64_t t = 0; t < s.n; ++t) {
    const C factor = static_cast<C>(a[line.from + t * line.step]), term = static_cast<C>(b[line.from + t * line.step]);
    const C before = carry;
    const C h = kind == Recurrence::carried ? term + carry : term + factor * carry;
    carry = kind == Recurrence::carried ? factor * h : h;
    y[line.to + t * line.step] = static_cast<T>(kind == Recurrence::previous ? before : h);
  }
}

LaunchShape shape_of(const ScanShape& s) {
  return {dim3(static_cast<unsigned>((s.outer * s.inner + kThreads - 1) / kThreads)), kThreads};
}

void cumulative_sum(const Array& x, Array& y, const ScanShape& s) {
  dispatch(ScanTypes{}, y.dtype(),
           [&]<class T>() { launch<scan_lines<T, false>>(shape_of(s), x.data<T>(), y.data<T>(), s); });
}
void cumulative_prod(const Array& x, Array& y, const ScanShape& s) {
  dispatch(ScanTypes{}, y.dtype(),
           [&]<class T>() { launch<scan_lines<T, true>>(shape_of(s), x.data<T>(), y.data<T>(), s); });
}
void linear_recurrence(const Array& a, const Array& b, Array& y, const ScanShape& s, Recurrence kind) {
  dispatch(WideFloats{}, y.dtype(), [&]<class T>() {
    launch<recurrence_lines<T>>(shape_of(s), a.data<T>(), b.data<T>(), y.data<T>(), s, kind);
  });
}

TC_PROVIDE_CUDA(sum_registered, kernels::cumulative_sum, &cumulative_sum);
TC_PROVIDE_CUDA(prod_registered, kernels::cumulative_prod, &cumulative_prod);
TC_PROVIDE_CUDA(recurrence_registered, kernels::linear_recurrence, &linear_recurrence);

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
