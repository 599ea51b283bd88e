// log(sum(exp(x))) in one pass: each block's sum is taken relative to its own maximum, and rescaled where a later
// maximum is larger (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018).
#include <cmath>

#include "cpu/reduce_driver.h"
#include "cpu/reduce_vector.h"
#include "cpu/simd/math.h"
#include "ops/reduce.h"

namespace tc::cpu {
namespace {

template <class T>
struct LogSumExp {
  using Element = T;
  using Output = T;
  static constexpr DType kDType = dtype_of<T>();
  struct State {
    T max, sum;  // sum of exp(x - max)
  };
  static_assert(simd::kVectorBytes == kFoldBytes);

  // exp of differences to a maximum; where that is infinite or NaN, equal infinities count as 0 apart.
  static T scaled(T x, T max) { return x == max ? T(1) : std::exp(x - max); }

  State identity() const { return {-std::numeric_limits<T>::infinity(), T(0)}; }
  void row(State& state, const T* x, std::int64_t n, std::int64_t) const {
    const T max = fold<FoldMax>(x, n);
    if (!std::isfinite(max)) {
      // Nothing but -inf adds nothing; +inf and NaN are the result whatever else there is.
      state = combine(state, {max, max == -std::numeric_limits<T>::infinity() ? T(0) : T(1)});
      return;
    }
    const T sum = fold_mapped<FoldAdd>(x, n, [max](auto v) {
      if constexpr (std::is_same_v<decltype(v), T>)
        return simd::math::exp(v - max);
      else
        return simd::math::exp(simd::Vec<T>(v - max)).v;
    });
    state = combine(state, {max, sum});
  }
  State combine(const State& a, const State& b) const {
    if (a.max != a.max) return a;
    if (b.max != b.max) return b;
    const T max = std::max(a.max, b.max);
    return {max, a.sum * scaled(a.max, max) + b.sum * scaled(b.max, max)};
  }
  Output finish(const State& s) const { return std::isfinite(s.max) ? s.max + std::log(s.sum) : s.max; }

  struct Columns {
    static constexpr bool kFolds = true;
    static constexpr std::int64_t kCapacity = 8192 / static_cast<int>(sizeof(T));
    alignas(64) T maxima[kCapacity], sums[kCapacity];

    void reset(const LogSumExp& f, std::int64_t n) {
      std::fill_n(maxima, n, f.identity().max);
      std::fill_n(sums, n, T(0));
    }
    void add(const T* const* rows, int count, std::int64_t n, std::int64_t) {
      using V = simd::Vec<T>;
      for (std::int64_t j = 0; j < n; j += simd::kLanes<T>) {
        const std::int64_t left = std::min<std::int64_t>(simd::kLanes<T>, n - j);
        const V before = simd::load_partial(maxima + j, left);
        V max = before;
        for (int r = 0; r < count; ++r) max = simd::max(max, simd::load_partial(rows[r] + j, left));
        // exp(x - max) with inf - inf read as 0.
        const auto term = [&](V x) { return simd::math::exp(simd::select(x == max, V(T(0)), x - max)); };
        const V lowest(-std::numeric_limits<T>::infinity());
        V sum = simd::load_partial(sums + j, left) * term(before);
        for (int r = 0; r < count; ++r) {
          const V x = simd::load_partial(rows[r] + j, left);
          sum += simd::select(x == lowest, V(T(0)), term(x));
        }
        simd::store_partial(maxima + j, left, max);
        simd::store_partial(sums + j, left, sum);
      }
    }
    State state(std::int64_t j) const { return {maxima[j], sums[j]}; }
  };
};

void logsumexp(const Array& x, Array& y) {
  if (y.dtype() == DType::float64)
    reduce(x, y, LogSumExp<double>{});
  else
    reduce(x, y, LogSumExp<float>{});
}

const Provide registered{kernels::logsumexp, DeviceType::cpu, &logsumexp};

}  // namespace
}  // namespace tc::cpu
