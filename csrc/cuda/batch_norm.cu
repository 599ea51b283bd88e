// Batch normalisation: statistics per channel by the driver of reductions, gradients of weight and bias by norm_sums,
// and one pass that writes. Bytes floor: x twice and y once; backward, g and x twice and dx once.
#include "cuda/moments.h"
#include "cuda/norm_sums.h"
#include "cuda/reduce.h"
#include "ops/norm.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

using kernels::OptionalArray;

constexpr int kThreads = 256, kHeld = 8;  // elements per thread

// Mean and (not corrected) variance in one pass.
template <class C>
struct MeanAndVariance : FoldMoments<C> {
  Sink mean;

  TC_DEVICE void store(const Sink& variance, std::int64_t at, const Moments& s) const {
    mean.put(at, static_cast<C>(s.mean));
    variance.put(at, static_cast<C>(s.squares / s.count));
  }
};

// What a channel's elements are written from: (first - shift - (x - center) slope) scale + offset, of which forward
// needs (x - center) scale + offset.
template <class C>
struct Coefficients {
  C center, scale, offset, shift, slope;
};

template <class C>
__global__ void __launch_bounds__(kThreads)
    channel_coefficients(std::int64_t channels, C eps, C count, const C* mean, const C* variance, const C* weight,
                         const C* bias, const C* dweight, const C* dbias, Coefficients<C>* out) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (c >= channels) return;
  const C rstd = C(1) / sqrt(variance[c] + eps);
  out[c] = {mean[c], weight ? rstd * weight[c] : rstd, bias ? bias[c] : C(0), dbias ? dbias[c] / count : C(0),
            dweight ? dweight[c] * rstd / count : C(0)};
}

// Elements of (batch, channels, inner) in order; a thread takes kHeld neighbours.
template <class C, bool backward>
__global__ void __launch_bounds__(kThreads)
    channel_write(const Source<C> g, const Source<C> x, const Sink out, const Coefficients<C>* coefficients,
                  std::int64_t size, const FastDivide inner, const FastDivide channels, int packed) {
  const std::int64_t at = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * kHeld;
  if (at >= size) return;
  const int count = size - at < kHeld ? static_cast<int>(size - at) : kHeld;
  const Share share{0, 1, packed && count == kHeld ? packed : 0};
  C v[kHeld], gv[kHeld];
  x.row(v, at, count, share, C(0));
  if constexpr (backward) g.row(gv, at, count, share, C(0));
  std::int64_t plane = inner(at), left = inner.divisor - (at - plane * inner.divisor);  // elements of this channel
  Coefficients<C> of = coefficients[plane - channels(plane) * channels.divisor];
#pragma unroll
  for (int k = 0; k < kHeld; ++k) {
    if (left == 0 && k < count) {
      left = inner.divisor;
      ++plane;
      of = coefficients[plane - channels(plane) * channels.divisor];
    }
    --left;
    if constexpr (backward)
      v[k] = (gv[k] - of.shift - (v[k] - of.center) * of.slope) * of.scale;
    else
      v[k] = (v[k] - of.center) * of.scale + of.offset;
  }
  out.row(v, at, count, share);
}

template <class C>
const C* data_of(const OptionalArray& a) {
  return a ? a->template data<C>() : nullptr;
}

template <class C, bool backward>
void write_channels(const ChannelNorm& plan, const Array& g, const Array& x, const Array& out, const Array& mean,
                    const Array& variance, const C* weight, const C* bias, const C* dweight, const C* dbias) {
  const auto bytes = plan.channels * static_cast<std::int64_t>(sizeof(Coefficients<C>));
  const Array coefficients = Array::empty({bytes}, DType::uint8, x.device());
  auto* const of = coefficients.data<Coefficients<C>>();
  const auto blocks = [](std::int64_t n, std::int64_t each) {
    return dim3(static_cast<unsigned>((n + each - 1) / each));
  };
  launch<channel_coefficients<C>>({blocks(plan.channels, kThreads), dim3(kThreads)}, plan.channels,
                                  static_cast<C>(plan.eps), static_cast<C>(plan.batch * plan.inner), mean.data<C>(),
                                  variance.data<C>(), weight, bias, dweight, dbias, of);
  const bool aligned = is_aligned(g.raw()) && is_aligned(x.raw()) && is_aligned(out.raw());
  launch<channel_write<C, backward>>({blocks(x.size(), kThreads * kHeld), dim3(kThreads)}, Source<C>(g), Source<C>(x),
                                     Sink(out), of, x.size(), FastDivide(plan.inner), FastDivide(plan.channels),
                                     aligned ? log2_pack(x.dtype(), kHeld) : 0);
}

void channel_norm(const ChannelNorm& plan, const Array& x, const OptionalArray& weight, const OptionalArray& bias,
                  Array& y, Array& mean, Array& variance) {
  dispatch(WideFloats{}, mean.dtype(), [&]<class C>() {
    if (plan.training) {
      const Dims shape{plan.batch, plan.channels, plan.inner};
      reduce(x.view(shape, row_major_strides(shape)), variance.view(shape, {0, 1, 0}),
             MeanAndVariance<C>{{}, Sink(mean)});
    }
    write_channels<C, false>(plan, x, x, y, mean, variance, data_of<C>(weight), data_of<C>(bias), nullptr, nullptr);
  });
}

void channel_norm_backward(const ChannelNorm& plan, const Array& g, const Array& x, const OptionalArray& weight,
                           const Array& mean, const Array& variance, Array& dx, Array& dweight, Array& dbias) {
  parameter_sums({plan.batch, plan.channels, plan.inner, 0, true, plan.eps}, g, x, &mean, variance, dweight, dbias);
  dispatch(WideFloats{}, mean.dtype(), [&]<class C>() {
    write_channels<C, true>(plan, g, x, dx, mean, variance, data_of<C>(weight), nullptr,
                            plan.training ? dweight.data<C>() : nullptr, plan.training ? dbias.data<C>() : nullptr);
  });
}

template <class T>
__global__ void __launch_bounds__(kThreads) move_statistics(T* running, std::int64_t stride, std::int64_t size,
                                                            const Sink batch, double momentum, double factor) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= size) return;
  const double seen = batch.dtype == DType::float64 ? reinterpret_cast<const double*>(batch.data)[i]
                                                    : reinterpret_cast<const float*>(batch.data)[i];
  running[i * stride] = convert<T>((1 - momentum) * convert<double>(running[i * stride]) + momentum * (factor * seen));
}

void update_running(const Array& batch, double momentum, double factor, Array& running) {
  const std::int64_t n = batch.size();
  dispatch(Floats{}, running.dtype(), [&]<class T>() {
    launch<move_statistics<T>>({dim3(static_cast<unsigned>((n + kThreads - 1) / kThreads)), dim3(kThreads)},
                               running.data<T>(), running.stride(0), n, Sink(batch), momentum, factor);
  });
}

TC_PROVIDE_CUDA(forward, kernels::channel_norm, &channel_norm);
TC_PROVIDE_CUDA(backward, kernels::channel_norm_backward, &channel_norm_backward);
TC_PROVIDE_CUDA(update, kernels::update_running, &update_running);

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
