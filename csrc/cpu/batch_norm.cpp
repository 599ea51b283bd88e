// Batch normalisation: statistics per channel over batch and space. A channel that fits in the L2 cache is summed and
// written by one task, so that memory sees it once; longer ones are cut in fixed chunks of images, summed chunk by
// chunk.
#include <cmath>
#include <vector>

#include "cpu/norm_sums.h"
#include "cpu/parallel.h"
#include "cpu/wide.h"
#include "ops/norm.h"

namespace tc::cpu {
namespace {

using kernels::OptionalArray;

constexpr std::int64_t kGrain = 1 << 14;    // elements per task
constexpr std::int64_t kLongest = 1 << 16;  // elements of a chunk
constexpr std::int64_t kColumns = 64;       // channels per task where a channel's elements are not adjacent

template <class T>
T at(const OptionalArray& a, std::int64_t c, T otherwise) {
  return a ? a->template data<T>()[c] : otherwise;
}

double inverse(double variance, double eps) { return 1 / std::sqrt(variance + eps); }

// Sums first(c, n0, n1) over the chunks of each channel, calls use(c, total) once per channel, then write(c, n0, n1).
template <class Sum, class First, class Use, class Write>
void two_stages(const ChannelNorm& plan, First&& first, Use&& use, Write&& write) {
  const std::int64_t step = std::max<std::int64_t>(1, kLongest / plan.inner);
  const std::int64_t chunks = (plan.batch + step - 1) / step;
  if (chunks == 1) {
    parallel_for(plan.channels, std::max<std::int64_t>(1, kGrain / (plan.batch * plan.inner)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t c = begin; c < end; ++c) {
                     use(c, first(c, std::int64_t(0), plan.batch));
                     write(c, std::int64_t(0), plan.batch);
                   }
                 });
    return;
  }
  std::vector<Sum> sums(static_cast<std::size_t>(plan.channels * chunks));
  const auto each = [&](auto&& body) {
    parallel_tasks(plan.channels * chunks, [&](std::int64_t t) {
      body(t, t / chunks, t % chunks * step, std::min(plan.batch, (t % chunks + 1) * step));
    });
  };
  each([&](std::int64_t t, std::int64_t c, std::int64_t n0, std::int64_t n1) {
    sums[static_cast<std::size_t>(t)] = first(c, n0, n1);
  });
  for (std::int64_t c = 0; c < plan.channels; ++c) {
    Sum total{};
    for (std::int64_t k = 0; k < chunks; ++k) total += sums[static_cast<std::size_t>(c * chunks + k)];
    use(c, total);
  }
  each([&](std::int64_t, std::int64_t c, std::int64_t n0, std::int64_t n1) { write(c, n0, n1); });
}

// Count, mean and sum of squared deviations; += after Chan, Golub and LeVeque (1979).
struct Moments {
  double count = 0, mean = 0, squares = 0;
  void operator+=(const Moments& other) {
    if (other.count == 0) return;
    const double all = count + other.count, apart = other.mean - mean;
    squares += other.squares + apart * apart * count * other.count / all;
    mean += apart * other.count / all;
    count = all;
  }
};
struct GradientSums {
  double g = 0, gx = 0;  // Σ g and Σ g (x - mean)
  void operator+=(const GradientSums& other) { g += other.g, gx += other.gx; }
};

template <class T>
void forward_planes(const ChannelNorm& plan, const T* x, const OptionalArray& weight, const OptionalArray& bias, T* y,
                    T* mean, T* variance) {
  using V = simd::Vec<T>;
  const std::int64_t stride = plan.channels * plan.inner;
  const auto moments = [&](std::int64_t c, std::int64_t n0, std::int64_t n1) {
    Moments m;
    if (!plan.training) return m;
    const T* from = x + c * plan.inner;
    m.count = static_cast<double>((n1 - n0) * plan.inner);
    for (std::int64_t n = n0; n < n1; ++n)
      m.mean += sum_blocks<T>(plan.inner, [](V v) { return v; }, from + n * stride);
    m.mean /= m.count;
    const T center = static_cast<T>(m.mean);
    const V shift(center);
    for (std::int64_t n = n0; n < n1; ++n)
      m.squares += sum_blocks<T>(plan.inner, [&](V v) { return (v - shift) * (v - shift); }, from + n * stride);
    const double off = m.mean - static_cast<double>(center);
    m.squares = std::max(0.0, m.squares - m.count * off * off);
    return m;
  };
  const auto use = [&](std::int64_t c, const Moments& m) {
    if (!plan.training) return;
    mean[c] = static_cast<T>(m.mean);
    variance[c] = static_cast<T>(m.squares / m.count);
  };
  const auto write = [&](std::int64_t c, std::int64_t n0, std::int64_t n1) {
    const T factor = static_cast<T>(inverse(static_cast<double>(variance[c]), plan.eps)) * at<T>(weight, c, T(1));
    const V shift(mean[c]), scale(factor), b(at<T>(bias, c, T(0)));
    for (std::int64_t n = n0; n < n1; ++n)
      map_row<T>(
          plan.inner, y + n * stride + c * plan.inner, [&](V v) { return simd::fma(v - shift, scale, b); },
          x + n * stride + c * plan.inner);
  };
  two_stages<Moments>(plan, moments, use, write);
}

template <class T>
void backward_planes(const ChannelNorm& plan, const T* g, const T* x, const OptionalArray& weight, const T* mean,
                     const T* variance, T* dx, T* dweight, T* dbias) {
  using V = simd::Vec<T>;
  const std::int64_t stride = plan.channels * plan.inner;
  const double count = static_cast<double>(plan.batch * plan.inner);
  std::vector<GradientSums> totals(static_cast<std::size_t>(plan.channels));
  const auto sums = [&](std::int64_t c, std::int64_t n0, std::int64_t n1) {
    GradientSums total;
    const V m(mean[c]);
    for (std::int64_t n = n0; n < n1; ++n) {
      const std::int64_t from = n * stride + c * plan.inner;
      const PairSum s =
          sum_pair_blocks<T>(plan.inner, [&](V gv, V xv) { return std::pair{gv, gv * (xv - m)}; }, g + from, x + from);
      total.g += s.first, total.gx += s.second;
    }
    return total;
  };
  const auto use = [&](std::int64_t c, const GradientSums& s) {
    totals[static_cast<std::size_t>(c)] = s;
    dbias[c] = static_cast<T>(s.g);
    dweight[c] = static_cast<T>(s.gx * inverse(static_cast<double>(variance[c]), plan.eps));
  };
  const auto write = [&](std::int64_t c, std::int64_t n0, std::int64_t n1) {
    const double rstd = inverse(static_cast<double>(variance[c]), plan.eps),
                 w = static_cast<double>(at<T>(weight, c, T(1)));
    const GradientSums& s = totals[static_cast<std::size_t>(c)];
    const V scale(static_cast<T>(rstd * w)), m(mean[c]);
    // dx = w rstd (g - Σg / count - (x - mean) rstd² Σg(x - mean) / count)
    const V a(plan.training ? static_cast<T>(s.g / count) : T(0));
    const V b(plan.training ? static_cast<T>(s.gx * rstd * rstd / count) : T(0));
    for (std::int64_t n = n0; n < n1; ++n) {
      const std::int64_t from = n * stride + c * plan.inner;
      map_row<T>(
          plan.inner, dx + from, [&](V gv, V xv) { return (gv - a - (xv - m) * b) * scale; }, g + from, x + from);
    }
  };
  two_stages<GradientSums>(plan, sums, use, write);
}

// inner == 1: x is a matrix (batch, channels), and a task takes kColumns of its columns.
template <class T>
void forward_columns(const ChannelNorm& plan, const T* x, const OptionalArray& weight, const OptionalArray& bias, T* y,
                     T* mean, T* variance) {
  const std::int64_t stride = plan.channels;
  parallel_for(plan.channels, kColumns, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t width = end - begin;
    double sums[kColumns] = {}, squares[kColumns] = {};
    T center[kColumns], scale[kColumns], shift[kColumns];
    if (plan.training) {
      for (std::int64_t n = 0; n < plan.batch; ++n)
        for (std::int64_t j = 0; j < width; ++j) sums[j] += static_cast<double>(x[n * stride + begin + j]);
      for (std::int64_t j = 0; j < width; ++j) sums[j] /= static_cast<double>(plan.batch);
      for (std::int64_t n = 0; n < plan.batch; ++n)
        for (std::int64_t j = 0; j < width; ++j) {
          const double d = static_cast<double>(x[n * stride + begin + j]) - sums[j];
          squares[j] += d * d;
        }
      for (std::int64_t j = 0; j < width; ++j) {
        mean[begin + j] = static_cast<T>(sums[j]);
        variance[begin + j] = static_cast<T>(squares[j] / static_cast<double>(plan.batch));
      }
    }
    for (std::int64_t j = 0; j < width; ++j) {
      center[j] = mean[begin + j];
      scale[j] =
          static_cast<T>(inverse(static_cast<double>(variance[begin + j]), plan.eps)) * at<T>(weight, begin + j, T(1));
      shift[j] = at<T>(bias, begin + j, T(0));
    }
    for (std::int64_t n = 0; n < plan.batch; ++n)
      for (std::int64_t j = 0; j < width; ++j)
        y[n * stride + begin + j] = (x[n * stride + begin + j] - center[j]) * scale[j] + shift[j];
  });
}

template <class T>
void backward_columns(const ChannelNorm& plan, const T* g, const T* x, const OptionalArray& weight, const T* mean,
                      const T* variance, T* dx, T* dweight, T* dbias) {
  const std::int64_t stride = plan.channels;
  const double count = static_cast<double>(plan.batch);
  parallel_for(plan.channels, kColumns, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t width = end - begin;
    double first[kColumns] = {}, second[kColumns] = {};
    T center[kColumns], scale[kColumns], a[kColumns] = {}, b[kColumns] = {};
    for (std::int64_t j = 0; j < width; ++j) center[j] = mean[begin + j];
    for (std::int64_t n = 0; n < plan.batch; ++n)
      for (std::int64_t j = 0; j < width; ++j) {
        const T gv = g[n * stride + begin + j];
        first[j] += static_cast<double>(gv);
        second[j] += static_cast<double>(gv * (x[n * stride + begin + j] - center[j]));
      }
    for (std::int64_t j = 0; j < width; ++j) {
      const double rstd = inverse(static_cast<double>(variance[begin + j]), plan.eps);
      dbias[begin + j] = static_cast<T>(first[j]);
      dweight[begin + j] = static_cast<T>(second[j] * rstd);
      scale[j] = static_cast<T>(rstd * static_cast<double>(at<T>(weight, begin + j, T(1))));
      if (plan.training) {
        a[j] = static_cast<T>(first[j] / count);
        b[j] = static_cast<T>(second[j] * rstd * rstd / count);
      }
    }
    for (std::int64_t n = 0; n < plan.batch; ++n)
      for (std::int64_t j = 0; j < width; ++j) {
        const std::int64_t i = n * stride + begin + j;
        dx[i] = (g[i] - a[j] - (x[i] - center[j]) * b[j]) * scale[j];
      }
  });
}

void channel_norm(const ChannelNorm& plan, const Array& given, const OptionalArray& weight, const OptionalArray& bias,
                  Array& result, Array& mean, Array& variance) {
  const Array x = wide(given);
  WideResult y(result);
  dispatch(WideFloats{}, x.dtype(), [&]<class T>() {
    const auto run = plan.inner == 1 ? &forward_columns<T> : &forward_planes<T>;
    run(plan, x.data<T>(), weight, bias, y.array.data<T>(), mean.data<T>(), variance.data<T>());
  });
  y.finish();
}

void channel_norm_backward(const ChannelNorm& plan, const Array& given_g, const Array& given_x,
                           const OptionalArray& weight, const Array& mean, const Array& variance, Array& result,
                           Array& dweight, Array& dbias) {
  const Array g = wide(given_g), x = wide(given_x);
  WideResult dx(result);
  dispatch(WideFloats{}, x.dtype(), [&]<class T>() {
    const auto run = plan.inner == 1 ? &backward_columns<T> : &backward_planes<T>;
    run(plan, g.data<T>(), x.data<T>(), weight, mean.data<T>(), variance.data<T>(), dx.array.data<T>(),
        dweight.data<T>(), dbias.data<T>());
  });
  dx.finish();
}

void update_running(const Array& batch, double momentum, double factor, Array& running) {
  dispatch(WideFloats{}, batch.dtype(), [&]<class A>() {
    dispatch(Floats{}, running.dtype(), [&]<class T>() {
      for (std::int64_t c = 0; c < batch.size(); ++c) {
        T& value = running.data<T>()[c * running.stride(0)];
        const double seen = static_cast<double>(batch.data<A>()[c]);
        value = convert<T>((1 - momentum) * convert<double>(value) + momentum * (factor * seen));
      }
    });
  });
}

const Provide update{kernels::update_running, DeviceType::cpu, &update_running};
const Provide forward{kernels::channel_norm, DeviceType::cpu, &channel_norm};
const Provide backward{kernels::channel_norm_backward, DeviceType::cpu, &channel_norm_backward};

}  // namespace
}  // namespace tc::cpu
