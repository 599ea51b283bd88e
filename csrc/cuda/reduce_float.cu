// Variance, standard deviation and log-sum-exp: reductions of floating-point values in one pass.
#include "cuda/moments.h"
#include "cuda/online.h"
#include "cuda/reduce.h"
#include "ops/reduce.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

template <class C>
struct Variance : FoldMoments<C> {
  double correction;
  int root;

  TC_DEVICE void store(const Sink& y, std::int64_t at, const Moments& s) const {
    const double left = s.count - correction, variance = s.squares / (left > 0 ? left : 0.0);
    y.put(at, static_cast<C>(root ? sqrt(variance) : variance));
  }
};

template <class C>
struct LogSumExp {
  using Element = C;
  using State = OnlineSum<C>;

  TC_DEVICE C fill() const { return lowest_of<C>(); }
  TC_DEVICE State identity() const { return State::nothing(); }
  template <int K, class Index>
  TC_DEVICE void add(State& state, const C (&v)[K], int, Index&&) const {
    add_online(state, v);
  }
  TC_DEVICE State combine(const State& a, const State& b) const { return combine_online(a, b); }
  TC_DEVICE void store(const Sink& y, std::int64_t at, const State& s) const { y.put(at, s.log_sum()); }
};

void var(const Array& x, Array& y, double correction, bool root) {
  if (y.dtype() == DType::float64)
    reduce(readable_as<double>(x), y, Variance<double>{{}, correction, root});
  else
    reduce(readable_as<float>(x), y, Variance<float>{{}, correction, root});
}

void logsumexp(const Array& x, Array& y) {
  if (y.dtype() == DType::float64)
    reduce(readable_as<double>(x), y, LogSumExp<double>{});
  else
    reduce(readable_as<float>(x), y, LogSumExp<float>{});
}

TC_PROVIDE_CUDA(var_registered, kernels::var, &var);
TC_PROVIDE_CUDA(logsumexp_registered, kernels::logsumexp, &logsumexp);

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
