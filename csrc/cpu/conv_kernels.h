// Direct kernels for products with few output channels per group (depthwise, first layers' gradients), where packing
// would cost more than it saves: taps are read from the padded copy as vectors.
#pragma once
#include "cpu/conv_image.h"

namespace tc::cpu {
namespace {

inline constexpr int kFew = 4;  // output channels per group that are computed directly

// One vector of a grid row: `count` columns from column `start`, at `base` in the copy.
inline std::vector<Run> vector_runs(const Window& window, std::int64_t lanes) {
  std::vector<Run> runs;
  if (window.columns()) for_runs(window, 0, window.columns(), lanes, [&](const Run& r) { runs.push_back(r); });
  return runs;
}

// out[m * out_stride + column] = bias[m] + sum over k of weights[m * taps + k] * image(k, column), for m < M.
template <class T, int M>
void few_rows(const Window& window, const Run* runs, std::int64_t count, const T* image, const T* weights,
              const T* bias, T* out, std::int64_t out_stride) {
  using V = simd::Vec<T>;
  constexpr int kUnroll = simd::kVectorBytes == 64 || M <= 2 ? 4 : 2;
  const std::int64_t taps = window.taps();
  const std::int64_t* offsets = window.offsets.data();
  for (std::int64_t i = 0; i < count; i += kUnroll) {
    const T* from[kUnroll];
    V sums[M][kUnroll];
    for (int u = 0; u < kUnroll; ++u) from[u] = image + runs[std::min(i + u, count - 1)].base;
    for (int m = 0; m < M; ++m)
      for (int u = 0; u < kUnroll; ++u) sums[m][u] = V(bias ? bias[m] : T(0));
    for (std::int64_t k = 0; k < taps; ++k) {
      V in[kUnroll];
      for (int u = 0; u < kUnroll; ++u) in[u] = simd::load(from[u] + offsets[k]);
      for (int m = 0; m < M; ++m) {
        const V w(weights[m * taps + k]);
        for (int u = 0; u < kUnroll; ++u) sums[m][u] = simd::fma(w, in[u], sums[m][u]);
      }
    }
    for (int u = 0; u < kUnroll && i + u < count; ++u) {
      const Run& run = runs[i + u];
      for (int m = 0; m < M; ++m) {
        T* to = out + m * out_stride + run.start;
        if (run.count == simd::kLanes<T>)
          simd::store(to, sums[m][u]);
        else
          simd::store_partial(to, run.count, sums[m][u]);
      }
    }
  }
}

// sums[m * taps + k] += sum over columns of g[m * g_stride + column] * image(k, column), for m < M.
template <class T, int M>
void few_weight_rows(const Window& window, const Run* runs, std::int64_t count, const T* image, const T* g,
                     std::int64_t g_stride, T* out) {
  using V = simd::Vec<T>;
  constexpr int kTaps = 4;
  const std::int64_t taps = window.taps();
  for (std::int64_t k = 0; k < taps; k += kTaps) {
    const T* from[kTaps];
    V sums[M][kTaps];
    for (int t = 0; t < kTaps; ++t)
      from[t] = image + window.offsets[static_cast<std::size_t>(std::min(k + t, taps - 1))];
    for (int m = 0; m < M; ++m)
      for (int t = 0; t < kTaps; ++t) sums[m][t] = V(T(0));
    for (std::int64_t i = 0; i < count; ++i) {
      const Run& run = runs[i];
      V in[kTaps];
      if (run.count == simd::kLanes<T>) {
        for (int t = 0; t < kTaps; ++t) in[t] = simd::load(from[t] + run.base);
        for (int m = 0; m < M; ++m) {
          const V gv = simd::load(g + m * g_stride + run.start);
          for (int t = 0; t < kTaps; ++t) sums[m][t] = simd::fma(gv, in[t], sums[m][t]);
        }
      } else {
        for (int t = 0; t < kTaps; ++t) in[t] = simd::load_partial(from[t] + run.base, run.count);
        for (int m = 0; m < M; ++m) {
          const V gv = simd::load_partial(g + m * g_stride + run.start, run.count);
          for (int t = 0; t < kTaps; ++t) sums[m][t] = simd::fma(gv, in[t], sums[m][t]);
        }
      }
    }
    for (int m = 0; m < M; ++m)
      for (int t = 0; t < kTaps && k + t < taps; ++t) out[m * taps + k + t] += simd::reduce_add(sums[m][t]);
  }
}

// Calls body.template operator()<M>() for m in 1 .. kFew.
template <class Body>
void with_rows(std::int64_t m, Body&& body) {
  if (m == 1)
    body.template operator()<1>();
  else if (m == 2)
    body.template operator()<2>();
  else if (m == 3)
    body.template operator()<3>();
  else
    body.template operator()<4>();
}

}  // namespace
}  // namespace tc::cpu
