// Folding contiguous elements with a binary operation: several vectors side by side hide the latency of the operation
// and keep partial sums short. Any element type, on the compiler's vector extensions.
#pragma once
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace tc::cpu {
namespace {

#if defined(__AVX512F__)
constexpr int kFoldBytes = 64;
#elif defined(__AVX2__)
constexpr int kFoldBytes = 32;
#else
constexpr int kFoldBytes = 16;
#endif

constexpr int kFoldPrefetch = 2048;  // bytes ahead; the processor's own prefetching stops at page ends

template <class T>
struct FoldVectorOf {
  typedef T type __attribute__((vector_size(kFoldBytes)));
};
template <class T>
using FoldVector = typename FoldVectorOf<T>::type;

// Binary operations on scalars and on vectors alike. S is the scalar type.
struct FoldAdd {
  template <class S, class V>
  static V apply(V a, V b) {
    return a + b;
  }
  template <class S>
  static constexpr S identity() {
    return S(0);
  }
};
struct FoldMultiply {
  template <class S, class V>
  static V apply(V a, V b) {
    return a * b;
  }
  template <class S>
  static constexpr S identity() {
    return S(1);
  }
};
struct FoldMax {  // a NaN wins
  template <class S, class V>
  static V apply(V a, V b) {
    if constexpr (std::is_floating_point_v<S>)
      return ((b > a) | (b != b)) ? b : a;
    else
      return b > a ? b : a;
  }
  template <class S>
  static constexpr S identity() {
    if constexpr (std::is_floating_point_v<S>)
      return -std::numeric_limits<S>::infinity();
    else
      return std::numeric_limits<S>::min();
  }
};
struct FoldMin {
  template <class S, class V>
  static V apply(V a, V b) {
    if constexpr (std::is_floating_point_v<S>)
      return ((b < a) | (b != b)) ? b : a;
    else
      return b < a ? b : a;
  }
  template <class S>
  static constexpr S identity() {
    if constexpr (std::is_floating_point_v<S>)
      return std::numeric_limits<S>::infinity();
    else
      return std::numeric_limits<S>::max();
  }
};

template <class T>
inline FoldVector<T> load_vector(const T* p) {
  FoldVector<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// op over map(x[0]), …, map(x[n-1]); `map` takes scalars and vectors. n >= 1.
template <class Op, class T, class Map>
inline T fold_mapped(const T* x, std::int64_t n, Map map) {
  constexpr std::int64_t W = kFoldBytes / static_cast<int>(sizeof(T));
  const auto op = [](auto a, auto b) { return Op::template apply<T>(a, b); };
  std::int64_t i = 0;
  T total;
  if (n >= W) {
    FoldVector<T> a = map(load_vector(x));
    i = W;
    if (n >= 4 * W) {
      FoldVector<T> b = map(load_vector(x + W)), c = map(load_vector(x + 2 * W)), d = map(load_vector(x + 3 * W));
      for (i = 4 * W; i + 4 * W <= n; i += 4 * W) {
        for (int line = 0; line < 4 * kFoldBytes; line += 64)
          __builtin_prefetch(reinterpret_cast<const char*>(x + i) + line + kFoldPrefetch);
        a = op(a, map(load_vector(x + i)));
        b = op(b, map(load_vector(x + i + W)));
        c = op(c, map(load_vector(x + i + 2 * W)));
        d = op(d, map(load_vector(x + i + 3 * W)));
      }
      a = op(op(a, b), op(c, d));
    }
    for (; i + W <= n; i += W) a = op(a, map(load_vector(x + i)));
    alignas(kFoldBytes) T lanes[W];
    std::memcpy(lanes, &a, sizeof a);
    for (std::int64_t width = W / 2; width > 0; width /= 2)
      for (std::int64_t k = 0; k < width; ++k) lanes[k] = op(lanes[k], lanes[k + width]);
    total = lanes[0];
  } else {
    total = map(x[0]);
    i = 1;
  }
  for (; i < n; ++i) total = op(total, map(x[i]));
  return total;
}
template <class Op, class T>
inline T fold(const T* x, std::int64_t n) {
  return fold_mapped<Op>(x, n, [](auto v) { return v; });
}

}  // namespace
}  // namespace tc::cpu
