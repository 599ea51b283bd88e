// sum, mean, prod, max, min, any, all and count_nonzero: reductions whose state is one number.
#include <limits>

#include "cuda/reduce.h"
#include "ops/reduce.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

enum class FoldKind : int { add, multiply, highest, lowest };

// The kind of fold is known to the whole grid and asked once per group of elements: one kernel does them all.
template <class C>
struct Fold {
  using Element = C;
  using State = C;
  FoldKind kind;
  double divisor;  // of a sum; not 1 only for floating results

  TC_DEVICE C identity() const {
    if (kind == FoldKind::add) return C(0);
    if (kind == FoldKind::multiply) return C(1);
    if constexpr (std::is_floating_point_v<C>) {
      const C infinity = static_cast<C>(INFINITY);
      return kind == FoldKind::highest ? -infinity : infinity;
    } else {
      return kind == FoldKind::highest ? INT64_MIN : INT64_MAX;
    }
  }
  TC_DEVICE C fill() const { return identity(); }
  template <int K, class Index>
  TC_DEVICE void add(C& state, const C (&v)[K], int, Index&&) const {
    if (kind == FoldKind::add)
      state = plus(state, fold_tree(v, plus));
    else if (kind == FoldKind::multiply)
      state = times(state, fold_tree(v, times));
    else if (kind == FoldKind::highest)
      state = larger(state, fold_tree(v, [](C a, C b) { return larger(a, b); }));
    else
      state = smaller(state, fold_tree(v, smaller));
  }
  TC_DEVICE C combine(C a, C b) const {
    if (kind == FoldKind::add) return plus(a, b);
    if (kind == FoldKind::multiply) return times(a, b);
    return kind == FoldKind::highest ? larger(a, b) : smaller(a, b);
  }
  TC_DEVICE void store(const Sink& y, std::int64_t at, C state) const {
    if constexpr (std::is_floating_point_v<C>)
      y.put(at, state / static_cast<C>(divisor));
    else if (y.dtype == DType::float64)  // exact sums of integers, rounded once
      y.put(at, static_cast<double>(state) / divisor);
    else if (is_float(y.dtype))
      y.put(at, static_cast<float>(static_cast<double>(state) / divisor));
    else
      y.put(at, state);
  }

 private:
  // Integers wrap around on overflow.
  static TC_DEVICE C plus(C a, C b) {
    if constexpr (std::is_floating_point_v<C>)
      return a + b;
    else
      return static_cast<C>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  }
  static TC_DEVICE C times(C a, C b) {
    if constexpr (std::is_floating_point_v<C>)
      return a * b;
    else
      return static_cast<C>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
  }
  static TC_DEVICE C smaller(C a, C b) { return b < a || b != b ? b : a; }
};

template <class C>
void fold(const Array& x, const Array& y, FoldKind kind, double divisor = 1) {
  reduce(readable_as<C>(x), y, Fold<C>{kind, divisor});
}

// Counts or combines truth values: every element is read as 1 or 0, a float from the bits besides its sign.
void fold_truth(const Array& x, const Array& y, FoldKind kind) {
  constexpr std::uint64_t kMagnitude[] = {0x7fff, 0x7fffffff, 0x7fffffffffffffff};
  const DType d = x.dtype();
  if (!is_float(d)) return reduce(x, y, Fold<std::int64_t>{kind, 1}, ~std::uint64_t(0));
  const int which = is_half(d) ? 0 : d == DType::float32 ? 1 : 2;
  const DType same_size = is_half(d) ? DType::int16 : d == DType::float32 ? DType::int32 : DType::int64;
  reduce(Array(x.storage(), x.raw(), same_size, x.shape(), x.strides()), y, Fold<std::int64_t>{kind, 1},
         kMagnitude[which]);
}

void fold_as(const Array& x, const Array& y, FoldKind kind, double divisor) {
  const bool exact = kind == FoldKind::add && !is_float(x.dtype()) && x.dtype() != DType::int64;
  if (!is_float(y.dtype()) || exact)  // sums of up to 2^32 narrow integers fit in int64
    fold<std::int64_t>(x, y, kind, divisor);
  else if (y.dtype() == DType::float64)
    fold<double>(x, y, kind, divisor);
  else
    fold<float>(x, y, kind, divisor);
}

void sum(const Array& x, Array& y, double divisor) { fold_as(x, y, FoldKind::add, divisor); }
void prod(const Array& x, Array& y) { fold_as(x, y, FoldKind::multiply, 1); }
void extremum(const Array& x, const Array& y, FoldKind kind) {
  if (is_bool(y.dtype()))
    fold_truth(x, y, kind);
  else
    fold_as(x, y, kind, 1);
}
void max(const Array& x, Array& y) { extremum(x, y, FoldKind::highest); }
void min(const Array& x, Array& y) { extremum(x, y, FoldKind::lowest); }
void count_nonzero(const Array& x, Array& y) { fold_truth(x, y, FoldKind::add); }

TC_PROVIDE_CUDA(sum_registered, kernels::sum, &sum);
TC_PROVIDE_CUDA(prod_registered, kernels::prod, &prod);
TC_PROVIDE_CUDA(max_registered, kernels::max, &max);
TC_PROVIDE_CUDA(min_registered, kernels::min, &min);
TC_PROVIDE_CUDA(count_registered, kernels::count_nonzero, &count_nonzero);

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
