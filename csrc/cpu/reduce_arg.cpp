// argmax and argmin: the first position of the extreme, where a NaN beats every number. Rows are searched for a
// position only when the extreme of a block, found with vectors, beats the best so far.
#include "cpu/reduce_driver.h"
#include "cpu/reduce_vector.h"
#include "ops/reduce.h"

namespace tc::cpu {
namespace {

template <class Op, class T>
struct Arg {
  using Element = T;
  using Output = std::int64_t;
  static constexpr DType kDType = dtype_of<T>();
  struct State {
    T value;
    std::int64_t at;  // -1 before the first term
  };

  static bool is_nan(T v) { return v != v; }
  static bool beats(T later, T earlier) {
    if (is_nan(earlier)) return false;
    if constexpr (std::is_same_v<Op, FoldMax>)
      return later > earlier || is_nan(later);
    else
      return later < earlier || is_nan(later);
  }

  State identity() const { return {T(0), -1}; }
  [[gnu::noinline]] void row(State& state, const T* x, std::int64_t n, std::int64_t at) const {
    const T best = fold<Op>(x, n);
    if (state.at >= 0 && !beats(best, state.value)) return;
    std::int64_t i = 0;
    if (is_nan(best)) {
      while (!is_nan(x[i])) ++i;
    } else {
      for (; i + 64 <= n; i += 64) {  // whole groups first: a loop without an exit is done with vectors
        int found = 0;
        for (int k = 0; k < 64; ++k) found |= x[i + k] == best;
        if (found) break;
      }
      while (x[i] != best) ++i;
    }
    state = {best, at + i};
  }
  State combine(const State& a, const State& b) const {
    return a.at < 0 || (b.at >= 0 && beats(b.value, a.value)) ? b : a;
  }
  Output finish(const State& s) const { return s.at; }

  struct Columns {
    using Index = std::int32_t;  // within a chunk of rows
    static constexpr std::int64_t kCapacity = 2048;
    alignas(64) T values[kCapacity];
    alignas(64) Index places[kCapacity];
    std::int64_t first;

    static constexpr bool kFolds = false;

    void reset(const Arg&, std::int64_t) { first = -1; }
    [[gnu::noinline]] void add(const T* const* rows, int count, std::int64_t n, std::int64_t at) {
      T* __restrict const v = values;
      Index* __restrict const p = places;
      int r = 0;
      if (first < 0) {
        first = at;
        for (std::int64_t j = 0; j < n; ++j) v[j] = rows[0][j], p[j] = 0;
        r = 1;
      }
      for (; r < count; ++r) {
        const T* const x = rows[r];
        const Index place = static_cast<Index>(at + r - first);
        for (std::int64_t j = 0; j < n; ++j) {
          const T a = v[j], b = x[j];
          bool better = std::is_same_v<Op, FoldMax> ? b > a : b < a;
          if constexpr (std::is_floating_point_v<T>) better |= (b != b) & (a == a);
          v[j] = better ? b : a;
          p[j] = better ? place : p[j];
        }
      }
    }
    State state(std::int64_t j) const { return {values[j], first + places[j]}; }
  };
};

template <class Op>
void arg(const Array& x, Array& y) {
  // Order among half types is that of their floats; true is 1.
  const DType loop = is_half(x.dtype()) ? DType::float32 : is_bool(x.dtype()) ? DType::uint8 : x.dtype();
  dispatch(Concat<Ints, WideFloats>::type{}, loop, [&]<class T>() { reduce(x, y, Arg<Op, T>{}); });
}
void argmax(const Array& x, Array& y) { arg<FoldMax>(x, y); }
void argmin(const Array& x, Array& y) { arg<FoldMin>(x, y); }

const Provide argmax_registered{kernels::argmax, DeviceType::cpu, &argmax};
const Provide argmin_registered{kernels::argmin, DeviceType::cpu, &argmin};

}  // namespace
}  // namespace tc::cpu
