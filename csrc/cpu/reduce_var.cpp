// Variance and standard deviation in one pass over memory: mean and sum of squared deviations of blocks that lie in the
// cache, each found in two passes there, joined by the update of Chan, Golub and LeVeque ("Updating formulae and a
// pairwise algorithm for computing sample variances", 1979).
#include <cmath>

#include "cpu/reduce_driver.h"
#include "cpu/reduce_vector.h"
#include "ops/reduce.h"

namespace tc::cpu {
namespace {

template <class T>
struct Variance {
  using Element = T;
  using Output = T;
  static constexpr DType kDType = dtype_of<T>();
  struct State {
    double mean, squares;  // squares: the sum of squared deviations from the mean
    std::int64_t count;
  };
  double correction;
  bool root;

  State identity() const { return {0, 0, 0}; }
  void row(State& state, const T* x, std::int64_t n, std::int64_t) const {
    const T guess = fold<FoldAdd>(x, n) / static_cast<T>(n);
    const T drift =
        fold_mapped<FoldAdd>(x, n, [guess](auto v) { return v - guess; });  // what rounding left in the mean
    const T squares = fold_mapped<FoldAdd>(x, n, [guess](auto v) { return (v - guess) * (v - guess); });
    const double shift = static_cast<double>(drift) / static_cast<double>(n);
    const double left = squares - drift * shift;
    state = combine(state, {guess + shift, left < 0 ? 0 : left, n});  // NaN stays
  }
  State combine(const State& a, const State& b) const {
    if (a.count == 0) return b;
    const std::int64_t n = a.count + b.count;
    const double share = static_cast<double>(b.count) / static_cast<double>(n);
    const double delta = b.mean - a.mean;
    return {a.mean + delta * share, a.squares + b.squares + delta * delta * (share * static_cast<double>(a.count)), n};
  }
  Output finish(const State& s) const {
    const double divisor = std::max(0.0, static_cast<double>(s.count) - correction);
    const double variance = s.squares / divisor;
    return static_cast<T>(root ? std::sqrt(variance) : variance);
  }

  struct Columns {
    static constexpr std::int64_t kCapacity = 8192 / static_cast<int>(sizeof(T));
    alignas(64) T pivots[kCapacity], means[kCapacity], squares[kCapacity];  // means of x - pivot: near 0, so precise
    std::int64_t count;

    static constexpr bool kFolds = false;

    void reset(const Variance&, std::int64_t) { count = 0; }
    void add(const T* const* rows, int given, std::int64_t n, std::int64_t) {
      if (given == kTileRows)
        join<kTileRows>(rows, n);
      else
        for (int r = 0; r < given; ++r) join<1>(rows + r, n);
    }
    template <int kRows>
    void join(const T* const* given, std::int64_t n) {
      const T* rows[kRows];
      for (int r = 0; r < kRows; ++r) rows[r] = given[r];
      T* __restrict const p = pivots;
      T* __restrict const m = means;
      T* __restrict const s = squares;
      if (count == 0)
        for (std::int64_t j = 0; j < n; ++j) p[j] = rows[0][j], m[j] = s[j] = T(0);
      const double total = static_cast<double>(count + kRows);
      const T share = static_cast<T>(kRows / total),
              weight = static_cast<T>(kRows * (static_cast<double>(count) / total));
      for (std::int64_t j = 0; j < n; ++j) {
        T sum = T(0), deviations = T(0);
        for (int r = 0; r < kRows; ++r) sum += rows[r][j] - p[j];
        const T mean = sum / T(kRows), center = p[j];
        for (int r = 0; r < kRows; ++r) deviations += (rows[r][j] - center - mean) * (rows[r][j] - center - mean);
        const T delta = mean - m[j];
        m[j] += delta * share;
        s[j] += deviations + delta * delta * weight;
      }
      count += kRows;
    }
    State state(std::int64_t j) const { return {static_cast<double>(pivots[j]) + means[j], squares[j], count}; }
  };
};

void var(const Array& x, Array& y, double correction, bool root) {
  if (y.dtype() == DType::float64)
    reduce(x, y, Variance<double>{correction, root});
  else
    reduce(x, y, Variance<float>{correction, root});
}

const Provide registered{kernels::var, DeviceType::cpu, &var};

}  // namespace
}  // namespace tc::cpu
