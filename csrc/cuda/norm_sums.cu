// Weight and bias gradients in two launches, without atomics: chunks of the batch leave their sums in memory, which are
// then added in order. How many chunks there are follows from the shape. Bytes floor: g and x once.
#include "cuda/device/launch.h"
#include "cuda/elements.h"
#include "cuda/group.h"
#include "cuda/norm_sums.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

constexpr int kColumns = 32, kLanes = 8, kThreads = kColumns * kLanes;
constexpr int kInFlight = 4;  // elements of g and of x per thread

template <class C>
struct SumInputs {
  Source<C> g, x;
  const C *mean, *rstd;
  std::int64_t batch, parameters;
  FastDivide inner, per_row;
  int has_rows, from_variance;
  C eps;
  std::int64_t per_chunk;         // batch items (columns) or elements of a parameter (planes)
  C *dweight, *dbias;             // of the first chunk
  std::int64_t chunk_stride = 0;  // to the next chunk's

  TC_DEVICE std::int64_t row_of(std::int64_t item, std::int64_t parameter) const {
    return has_rows ? item * (parameters / per_row.divisor) + per_row(parameter) : parameter;
  }
  // Adds the elements at `at` of the batch items `item`, slots below `count`.
  template <int K>
  TC_DEVICE void add(C& weight, C& bias, const std::int64_t (&at)[K], const std::int64_t (&item)[K], int count,
                     std::int64_t parameter) const {
    C gv[K], xv[K];
    g.gather(gv, count, C(0), 0, [&](int k) { return at[k]; });
    x.gather(xv, count, C(0), 0, [&](int k) { return at[k]; });
#pragma unroll
    for (int k = 0; k < K; ++k) {
      if (k >= count) continue;
      const std::int64_t row = row_of(item[k], parameter);
      const C scale = from_variance ? C(1) / sqrt(rstd[row] + eps) : rstd[row];
      weight += gv[k] * ((xv[k] - (mean ? mean[row] : C(0))) * scale);
      bias += gv[k];
    }
  }
};

// inner == 1: neighbouring threads take neighbouring parameters.
template <class C>
__global__ void __launch_bounds__(kThreads) sum_columns(const SumInputs<C> s) {
  TC_SHARED(C, sums, [2][kLanes][kColumns]);
  const int column = static_cast<int>(threadIdx.x) % kColumns, lane = static_cast<int>(threadIdx.x) / kColumns;
  const std::int64_t parameter = static_cast<std::int64_t>(blockIdx.x) * kColumns + column;
  const std::int64_t begin = blockIdx.y * s.per_chunk;
  const std::int64_t end = begin + s.per_chunk < s.batch ? begin + s.per_chunk : s.batch;
  C weight = C(0), bias = C(0);
  if (parameter < s.parameters)
    for (std::int64_t item = begin + lane; item < end; item += kLanes * kInFlight) {
      const std::int64_t left = (end - item + kLanes - 1) / kLanes;
      std::int64_t at[kInFlight], items[kInFlight];
#pragma unroll
      for (int k = 0; k < kInFlight; ++k) {
        items[k] = item + k * kLanes;
        at[k] = items[k] * s.parameters + parameter;
      }
      s.add(weight, bias, at, items, left < kInFlight ? static_cast<int>(left) : kInFlight, parameter);
    }
  sums[0][lane][column] = weight;
  sums[1][lane][column] = bias;
  __syncthreads();
  if (lane > 1 || parameter >= s.parameters) return;
  C total = sums[lane][0][column];  // lane 0 adds up weights, lane 1 biases
  for (int l = 1; l < kLanes; ++l) total += sums[lane][l][column];
  (lane == 0 ? s.dweight : s.dbias)[blockIdx.y * s.chunk_stride + parameter] = total;
}

// inner > 1: a block takes one parameter, whose elements lie in runs of `inner`.
template <class C>
__global__ void __launch_bounds__(kThreads) sum_planes(const SumInputs<C> s) {
  TC_SHARED(C, scratch, [kMostWarps]);
  const std::int64_t parameter = blockIdx.x, all = s.batch * s.inner.divisor, begin = blockIdx.y * s.per_chunk;
  const std::int64_t end = begin + s.per_chunk < all ? begin + s.per_chunk : all;
  C weight = C(0), bias = C(0);
  for (std::int64_t i = begin + threadIdx.x; i < end; i += kThreads * kInFlight) {
    const std::int64_t left = (end - i + kThreads - 1) / kThreads;
    std::int64_t at[kInFlight], items[kInFlight];
#pragma unroll
    for (int k = 0; k < kInFlight; ++k) {
      const std::int64_t element = i + k * kThreads;
      items[k] = s.inner(element);
      at[k] = (items[k] * s.parameters + parameter) * s.inner.divisor + (element - items[k] * s.inner.divisor);
    }
    s.add(weight, bias, at, items, left < kInFlight ? static_cast<int>(left) : kInFlight, parameter);
  }
  weight = sum_group(weight, kThreads, scratch);
  bias = sum_group(bias, kThreads, scratch);
  if (threadIdx.x == 0) {
    s.dweight[blockIdx.y * s.chunk_stride + parameter] = weight;
    s.dbias[blockIdx.y * s.chunk_stride + parameter] = bias;
  }
}

// Adds the chunks of 2 * parameters sums each: the first half are weights.
template <class C>
__global__ void __launch_bounds__(kThreads)
    add_chunks(const C* partial, std::int64_t chunks, std::int64_t parameters, C* dweight, C* dbias) {
  TC_SHARED(C, sums, [kLanes][kColumns]);
  const int column = static_cast<int>(threadIdx.x) % kColumns, lane = static_cast<int>(threadIdx.x) / kColumns;
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kColumns + column;
  C total = C(0);
  if (i < 2 * parameters)
    for (std::int64_t c = lane; c < chunks; c += kLanes) total += partial[c * 2 * parameters + i];
  sums[lane][column] = total;
  __syncthreads();
  if (lane > 0 || i >= 2 * parameters) return;
  for (int l = 1; l < kLanes; ++l) total += sums[l][column];
  if (i < parameters)
    dweight[i] = total;
  else
    dbias[i - parameters] = total;
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

void parameter_sums(const ParameterSums& plan, const Array& g, const Array& x, const Array* mean, const Array& rstd,
                    const Array& dweight, const Array& dbias) {
  const bool columns = plan.inner == 1;
  const std::int64_t all = columns ? plan.batch : plan.batch * plan.inner;
  const std::int64_t blocks = columns ? ceil_div(plan.parameters, kColumns) : plan.parameters;
  const std::int64_t least = columns ? kLanes * kInFlight * 2 : kThreads * kInFlight;
  const std::int64_t per_chunk = ceil_div(all, std::max<std::int64_t>(1, std::min(512 / blocks, all / least)));
  const std::int64_t chunks = ceil_div(all, per_chunk);
  dispatch(WideFloats{}, rstd.dtype(), [&]<class C>() {
    SumInputs<C> s{Source<C>(g),      Source<C>(x),       mean ? mean->data<C>() : nullptr, rstd.data<C>(),
                   plan.batch,        plan.parameters,    FastDivide(plan.inner),           FastDivide(plan.per_row),
                   plan.per_row > 0,  plan.from_variance, static_cast<C>(plan.eps),         per_chunk,
                   dweight.data<C>(), dbias.data<C>()};
    Array partial;
    if (chunks > 1) {
      partial = Array::empty({chunks, 2, plan.parameters}, rstd.dtype(), x.device());
      s.dweight = partial.data<C>();
      s.dbias = s.dweight + plan.parameters;
      s.chunk_stride = 2 * plan.parameters;
    }
    const LaunchShape shape{dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(chunks)), dim3(kThreads)};
    if (columns)
      launch<sum_columns<C>>(shape, s);
    else
      launch<sum_planes<C>>(shape, s);
    if (chunks > 1)
      launch<add_chunks<C>>({dim3(static_cast<unsigned>(ceil_div(2 * plan.parameters, kColumns))), dim3(kThreads)},
                            partial.data<C>(), chunks, plan.parameters, dweight.data<C>(), dbias.data<C>());
  });
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
