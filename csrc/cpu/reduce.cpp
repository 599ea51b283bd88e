// sum, mean, prod, max, min and count_nonzero: reductions whose state is one number.
#include "ops/reduce.h"

#include "cpu/reduce_driver.h"
#include "cpu/reduce_vector.h"

namespace tc::cpu {
namespace {

constexpr std::int64_t kColumnBytes = 16384;  // half of the smallest L1 cache in use

// Op over elements of type T; the result is divided by `divisor` (a mean), which is 1 otherwise. Integers sum and
// multiply as unsigned numbers S: they wrap around on overflow.
template <class Op, class T, class S = T>
struct Fold {
  using Element = S;
  using State = S;
  using Output = T;
  static constexpr DType kDType = dtype_of<T>();
  T divisor = T(1);

  State identity() const { return Op::template identity<S>(); }
  [[gnu::noinline]] void row(State& state, const S* x, std::int64_t n, std::int64_t) const {
    state = combine(state, fold<Op>(x, n));
  }
  State combine(State a, State b) const { return Op::template apply<S>(a, b); }
  Output finish(State s) const {
    if constexpr (std::is_floating_point_v<T>)
      return s / divisor;
    else
      return static_cast<T>(s);
  }

  struct Columns {
    static constexpr std::int64_t kCapacity = kColumnBytes / static_cast<int>(sizeof(S));
    static constexpr bool kFolds = true;
    alignas(64) S values[kCapacity];

    void reset(const Fold& f, std::int64_t n) { std::fill_n(values, n, f.identity()); }
    [[gnu::noinline]] void add(const S* const* rows, int count, std::int64_t n, std::int64_t) {
      constexpr std::int64_t W = kFoldBytes / static_cast<int>(sizeof(S));
      const auto op = [](auto a, auto b) { return Op::template apply<S>(a, b); };
      const auto eight = [&](auto v, auto load) {
        const auto ab = op(load(0), load(1)), cd = op(load(2), load(3)), ef = op(load(4), load(5)),
                   gh = op(load(6), load(7));
        return op(v, op(op(ab, cd), op(ef, gh)));
      };
      S* const v = values;
      int r = 0;
      if (count == kTileRows) {
        std::int64_t j = 0;
        for (; j + W <= n; j += W) {
          const FoldVector<S> total = eight(load_vector(v + j), [&](int k) { return load_vector(rows[k] + j); });
          std::memcpy(v + j, &total, sizeof total);
        }
        for (; j < n; ++j) v[j] = eight(v[j], [&](int k) { return rows[k][j]; });
        r = kTileRows;
      }
      for (; r < count; ++r) {
        const S* const a = rows[r];
        std::int64_t j = 0;
        for (; j + W <= n; j += W) {
          const FoldVector<S> total = op(load_vector(v + j), load_vector(a + j));
          std::memcpy(v + j, &total, sizeof total);
        }
        for (; j < n; ++j) v[j] = op(v[j], a[j]);
      }
    }
    State state(std::int64_t j) const { return values[j]; }
  };
};

// How many of the elements, read as bool, are true.
struct Count {
  using Element = std::uint8_t;
  using State = std::int64_t;
  using Output = std::int64_t;
  static constexpr DType kDType = DType::boolean;

  State identity() const { return 0; }
  [[gnu::noinline]] void row(State& state, const Element* x, std::int64_t n, std::int64_t) const {
    std::uint32_t total = 0;
    for (std::int64_t i = 0; i < n; ++i) total += x[i];
    state += total;
  }
  State combine(State a, State b) const { return a + b; }
  Output finish(State s) const { return s; }

  struct Columns {
    static constexpr std::int64_t kCapacity = kColumnBytes / 4;
    alignas(64) std::uint32_t values[kCapacity];  // a chunk of rows is shorter than 2^32
    static constexpr bool kFolds = true;

    void reset(const Count&, std::int64_t n) { std::fill_n(values, n, 0u); }
    [[gnu::noinline]] void add(const Element* const* rows, int count, std::int64_t n, std::int64_t) {
      std::uint32_t* __restrict const v = values;
      for (int r = 0; r < count; ++r) {
        const Element* const a = rows[r];
        for (std::int64_t j = 0; j < n; ++j) v[j] += a[j];
      }
    }
    State state(std::int64_t j) const { return values[j]; }
  };
};

// The type arithmetic results of dtype y are computed in: float, double or wrapping 64-bit integers.
template <class Op>
void arithmetic(const Array& x, Array& y, double divisor) {
  if (y.dtype() == DType::float64)
    reduce(x, y, Fold<Op, double>{divisor});
  else if (is_float(y.dtype()))
    reduce(x, y, Fold<Op, float>{static_cast<float>(divisor)});
  else
    reduce(x, y, Fold<Op, std::int64_t, std::uint64_t>{});
}
void sum(const Array& x, Array& y, double divisor) { arithmetic<FoldAdd>(x, y, divisor); }
void prod(const Array& x, Array& y) { arithmetic<FoldMultiply>(x, y, 1); }

template <class Op>
void extremum(const Array& x, Array& y) {
  if (is_bool(y.dtype())) return reduce(x, y, Fold<Op, bool, std::uint8_t>{});
  const DType loop = is_half(y.dtype()) ? DType::float32 : y.dtype();
  dispatch(Concat<Ints, WideFloats>::type{}, loop, [&]<class T>() { reduce(x, y, Fold<Op, T>{}); });
}
void max(const Array& x, Array& y) { extremum<FoldMax>(x, y); }
void min(const Array& x, Array& y) { extremum<FoldMin>(x, y); }

void count_nonzero(const Array& x, Array& y) { reduce(x, y, Count{}); }

const Provide sum_registered{kernels::sum, DeviceType::cpu, &sum};
const Provide prod_registered{kernels::prod, DeviceType::cpu, &prod};
const Provide max_registered{kernels::max, DeviceType::cpu, &max};
const Provide min_registered{kernels::min, DeviceType::cpu, &min};
const Provide count_registered{kernels::count_nonzero, DeviceType::cpu, &count_nonzero};

}  // namespace
}  // namespace tc::cpu
