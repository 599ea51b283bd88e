// What happens to a tile of sums on its way to C: alpha, beta, bias, activation, rounding to the element type.
#pragma once
#include <algorithm>
#include <cstdint>

#include "cpu/gemm.h"
#include "cpu/gemm_kernel.h"
#include "cpu/simd/math.h"

namespace tc::cpu {
inline namespace TC_ISA {
namespace {

template <class P>
[[gnu::always_inline]] inline simd::Vec<P> activation_of(Activation activation, simd::Vec<P> x) {
  switch (activation) {
    case Activation::relu:
      return select(x < P(0), P(0), x);  // keeps NaN
    case Activation::gelu:
      return x * P(0.5) * (simd::math::erf(x * P(0.70710678118654752)) + P(1));
    case Activation::tanh:
      return simd::math::tanh(x);
    case Activation::sigmoid:
      return simd::math::sigmoid(x);
    case Activation::silu:
      return x * simd::math::sigmoid(x);
    case Activation::none:
      break;
  }
  return x;
}

// In place on rows of `width` lanes, a multiple of the vector.
template <class P>
[[gnu::noinline]] void activate(Activation activation, P* x, std::int64_t stride, std::int64_t rows,
                                std::int64_t width) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t j = 0; j < width; j += kLanes<P>)
      simd::store(x + r * stride + j, activation_of(activation, simd::load(x + r * stride + j)));
}

// Where sums go. finish() takes raw sums of the tile at (i, j), in rows of `stride` with whole vectors, and may change
// them; `beta` stands in for the epilogue's, and `last` is false while more of k is to come: no bias, no activation.
template <class P>
struct Sink {
  P* direct = nullptr;  // C itself, where kernels can write to it: same type, columns adjacent
  std::int64_t direct_stride = 0;
  P alpha = P(1), beta = P(0);
  bool plain = true;  // no bias, no activation
  void (*finish)(const void* context, P* sums, std::int64_t stride, std::int64_t rows, std::int64_t cols,
                 std::int64_t i, std::int64_t j, P beta, bool last) = nullptr;
  const void* context = nullptr;
};

template <class T>
struct Destination {
  T* c;
  std::int64_t row_stride, col_stride;
  const Epilogue<T>* epilogue;
};

template <class T>
void finish_tile(const void* context, Packed<T>* sums, std::int64_t stride, std::int64_t rows, std::int64_t cols,
                 std::int64_t i, std::int64_t j, Packed<T> beta, bool last) {
  using P = Packed<T>;
  const Destination<T>& to = *static_cast<const Destination<T>*>(context);
  const Epilogue<T>& e = *to.epilogue;
  const P alpha = static_cast<P>(e.alpha);
  T* c = to.c + i * to.row_stride + j * to.col_stride;
  const T* column_bias = last && e.column_bias ? e.column_bias + j * e.column_bias_stride : nullptr;
  const T* row_bias = last && e.row_bias ? e.row_bias + i * e.row_bias_stride : nullptr;
  for (std::int64_t r = 0; r < rows; ++r) {
    P* sum = sums + r * stride;
    const T* old = c + r * to.row_stride;
    const P row_term = row_bias ? static_cast<P>(row_bias[r * e.row_bias_stride]) : P(0);
    if constexpr (std::is_floating_point_v<P>) {
      for (std::int64_t q = 0; q < cols; q += kLanes<P>) {
        const std::int64_t lanes = std::min<std::int64_t>(kLanes<P>, cols - q);
        const auto fetch = [&](const T* p, std::int64_t step) {
          if (step == 1) return lanes == kLanes<P> ? simd::load(p) : simd::load_partial(p, lanes);
          Native<P> v{};
          for (std::int64_t l = 0; l < lanes; ++l) v[l] = static_cast<P>(p[l * step]);
          return simd::Vec<P>(v);
        };
        simd::Vec<P> v = simd::load(sum + q) * simd::Vec<P>(alpha);
        if (beta != P(0)) v += simd::Vec<P>(beta) * fetch(old + q * to.col_stride, to.col_stride);
        if (column_bias) v += fetch(column_bias + q * e.column_bias_stride, e.column_bias_stride);
        if (row_bias) v += simd::Vec<P>(row_term);
        simd::store(sum + q, v);
      }
    } else {
      for (std::int64_t q = 0; q < cols; ++q) {
        P v = alpha * sum[q];
        if (beta != P(0)) v += beta * static_cast<P>(old[q * to.col_stride]);
        if (column_bias) v += static_cast<P>(column_bias[q * e.column_bias_stride]);
        sum[q] = v + row_term;
      }
    }
  }
  if constexpr (std::is_floating_point_v<P>) {
    if (last && e.activation != Activation::none)
      activate(e.activation, sums, stride, rows, (cols + kLanes<P> - 1) / kLanes<P> * kLanes<P>);
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const P* sum = sums + r * stride;
    T* out = c + r * to.row_stride;
    if constexpr (std::is_floating_point_v<P>) {
      if (to.col_stride == 1) {
        std::int64_t q = 0;
        for (; q + kLanes<P> <= cols; q += kLanes<P>) simd::store(out + q, simd::load(sum + q));
        if (q < cols) simd::store_partial(out + q, cols - q, simd::load(sum + q));
        continue;
      }
    }
    const bool relu = std::is_signed_v<T> && last && e.activation == Activation::relu;
    for (std::int64_t q = 0; q < cols; ++q) {
      T value = static_cast<T>(sum[q]);
      if constexpr (std::is_integral_v<T>) value = relu && value < T(0) ? T(0) : value;
      out[q * to.col_stride] = value;
    }
  }
}

template <class T>
Sink<Packed<T>> sink_of(const Destination<T>& to) {
  using P = Packed<T>;
  Sink<P> sink;
  if constexpr (sizeof(T) == sizeof(P)) {  // signed and unsigned integers of one width may alias
    if (to.col_stride == 1) sink.direct = reinterpret_cast<P*>(to.c), sink.direct_stride = to.row_stride;
  }
  const Epilogue<T>& e = *to.epilogue;
  sink.alpha = static_cast<P>(e.alpha);
  sink.beta = static_cast<P>(e.beta);
  sink.plain = !e.column_bias && !e.row_bias && e.activation == Activation::none;
  sink.finish = &finish_tile<T>;
  sink.context = &to;
  return sink;
}

}  // namespace
}  // namespace TC_ISA
}  // namespace tc::cpu
