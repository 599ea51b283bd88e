// argmax and argmin: the first position of the extreme, where a NaN beats every number.
#include "cuda/reduce.h"
#include "ops/reduce.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

template <class C>
struct Best {
  C value;
  std::int64_t at;  // -1 before the first term

  friend TC_DEVICE Best shuffle_xor(const Best& b, int lanes) {
    return {shuffle_xor(b.value, lanes), shuffle_xor(b.at, lanes)};
  }
};

template <class C>
struct ArgExtreme {
  using Element = C;
  using State = Best<C>;
  int lowest;  // look for the smallest: elements are turned into numbers of the opposite order

  TC_DEVICE C turned(C v) const {
    if (!lowest) return v;
    if constexpr (std::is_floating_point_v<C>)
      return -v;
    else
      return ~v;
  }
  static TC_DEVICE bool beats(C a, C b) { return a > b || (a != a && b == b); }

  TC_DEVICE C fill() const {  // the last choice, whichever way
    if constexpr (std::is_floating_point_v<C>)
      return turned(static_cast<C>(-INFINITY));
    else
      return turned(INT64_MIN);
  }
  TC_DEVICE State identity() const { return {C(0), -1}; }
  template <int K, class Index>
  TC_DEVICE void add(State& state, const C (&v)[K], int count, Index&& index) const {
    if (count == 0) return;
    C best = turned(v[0]);
    int which = 0;
#pragma unroll
    for (int k = 1; k < K; ++k) {
      const C value = turned(v[k]);
      if (beats(value, best)) best = value, which = k;
    }
    state = combine(state, {best, index(which)});
  }
  TC_DEVICE State combine(const State& a, const State& b) const {
    if (a.at < 0 || b.at < 0) return a.at < 0 ? b : a;
    if (beats(b.value, a.value)) return b;
    return beats(a.value, b.value) || a.at < b.at ? a : b;
  }
  TC_DEVICE void store(const Sink& y, std::int64_t at, const State& s) const { y.put(at, s.at); }
};

void arg(const Array& x, const Array& y, int lowest) {
  if (x.dtype() == DType::float64)
    reduce(x, y, ArgExtreme<double>{lowest});
  else if (is_float(x.dtype()))
    reduce(x, y, ArgExtreme<float>{lowest});
  else
    reduce(x, y, ArgExtreme<std::int64_t>{lowest});
}
void argmax(const Array& x, Array& y) { arg(x, y, 0); }
void argmin(const Array& x, Array& y) { arg(x, y, 1); }

TC_PROVIDE_CUDA(argmax_registered, kernels::argmax, &argmax);
TC_PROVIDE_CUDA(argmin_registered, kernels::argmin, &argmin);

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
