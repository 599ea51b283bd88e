// What elementwise functors are written in: their name and dtypes, settings, and maths that means the same for one
// element and for a vector of them.
#pragma once
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

#include "core/dtype.h"
#if defined(__CUDACC__)
#include "ops/functors_trig.h"
#endif

namespace tc {

// Scalar settings of a functor (a slope, a bound), in the order its apply() takes them.
struct Params {
  double values[4] = {};
  TC_HD double operator[](int i) const { return values[i]; }
};

namespace functors {

using Numeric = Concat<Ints, WideFloats>::type;
using Everything = Concat<Bool, Numeric>::type;
using BoolInts = Concat<Bool, Ints>::type;

template <class T>
inline constexpr bool kIsInt = std::is_integral_v<T>;

template <std::size_t N>
struct Text {
  char chars[N];
  constexpr Text(const char (&text)[N]) {
    for (std::size_t i = 0; i < N; ++i) chars[i] = text[i];
  }
};

// `Types` are those the loop runs in; float16 and bfloat16 run in float and are converted at load and store. Integers
// given to an op on WideFloats alone are promoted to the default float.
template <Text text, class Types>
struct Op {
  static constexpr const char* name = text.chars;
  using dtypes = Types;
};
// Ops of floats that integers pass through unchanged.
template <Text text>
struct RoundingOp : Op<text, WideFloats> {
  static constexpr bool keeps_integers = true;
};
// Ops whose result is bool.
template <Text text, class Types>
struct Predicate : Op<text, Types> {
  using result = bool;
};
// Ops of truth values: any dtype is accepted, and is true where it is not zero.
template <Text text>
struct LogicalOp : Predicate<text, Bool> {
  static constexpr bool takes_truth = true;
};
// Ops with `count` settings.
template <Text text, int count, class Types = WideFloats>
struct SettingsOp : Op<text, Types> {
  static constexpr int params = count;
};

// ---- scalars: the functions a vector type brings along by argument-dependent lookup ---------------------------------

template <class T>
concept Scalar = std::is_floating_point_v<T>;

template <class T>
  requires std::is_arithmetic_v<T>
TC_HD T select(bool mask, T a, T b) {
  return mask ? a : b;
}
template <Scalar T>
TC_HD T abs(T x) {
  return std::abs(x);
}
template <Scalar T>
TC_HD T sqrt(T x) {
  return std::sqrt(x);
}
template <Scalar T>
TC_HD T floor(T x) {
  return std::floor(x);
}
template <Scalar T>
TC_HD T ceil(T x) {
  return std::ceil(x);
}
template <Scalar T>
TC_HD T trunc(T x) {
  return std::trunc(x);
}
template <Scalar T>
TC_HD T round(T x) {
  return std::nearbyint(x);
}  // halves to even
template <Scalar T>
TC_HD T exp(T x) {
  return std::exp(x);
}
template <Scalar T>
TC_HD T exp2(T x) {
  return std::exp2(x);
}
template <Scalar T>
TC_HD T expm1(T x) {
  return std::expm1(x);
}
template <Scalar T>
TC_HD T log(T x) {
  return std::log(x);
}
template <Scalar T>
TC_HD T log2(T x) {
  return std::log2(x);
}
template <Scalar T>
TC_HD T log10(T x) {
  return std::log10(x);
}
template <Scalar T>
TC_HD T log1p(T x) {
  return std::log1p(x);
}
template <Scalar T>
TC_HD T sin(T x) {
#if defined(__CUDA_ARCH__)
  return trig::sin(x);
#else
  return std::sin(x);
#endif
}
template <Scalar T>
TC_HD T cos(T x) {
#if defined(__CUDA_ARCH__)
  return trig::cos(x);
#else
  return std::cos(x);
#endif
}
template <Scalar T>
TC_HD T tan(T x) {
#if defined(__CUDA_ARCH__)
  return trig::tan(x);
#else
  return std::tan(x);
#endif
}
template <Scalar T>
TC_HD T asin(T x) {
  return std::asin(x);
}
template <Scalar T>
TC_HD T acos(T x) {
  return std::acos(x);
}
template <Scalar T>
TC_HD T atan(T x) {
  return std::atan(x);
}
template <Scalar T>
TC_HD T sinh(T x) {
  return std::sinh(x);
}
template <Scalar T>
TC_HD T cosh(T x) {
  return std::cosh(x);
}
template <Scalar T>
TC_HD T tanh(T x) {
  return std::tanh(x);
}
template <Scalar T>
TC_HD T asinh(T x) {
  return std::asinh(x);
}
template <Scalar T>
TC_HD T acosh(T x) {
  return std::acosh(x);
}
template <Scalar T>
TC_HD T atanh(T x) {
  return std::atanh(x);
}
template <Scalar T>
TC_HD T erf(T x) {
  return std::erf(x);
}
template <Scalar T>
TC_HD T pow(T x, T y) {
  return std::pow(x, y);
}
template <Scalar T>
TC_HD T atan2(T y, T x) {
  return std::atan2(y, x);
}
template <Scalar T>
TC_HD T hypot(T x, T y) {
  return std::hypot(x, y);
}
template <Scalar T>
TC_HD T copysign(T x, T sign) {
  return std::copysign(x, sign);
}
template <Scalar T>
TC_HD T min(T a, T b) {
  return a < b || a != a ? a : b;
}  // NaN if either is NaN
template <Scalar T>
TC_HD T max(T a, T b) {
  return a > b || a != a ? a : b;
}

// A number as a V.
template <class V>
TC_HD V constant(double value) {
  if constexpr (requires { typename V::Scalar; })
    return V(static_cast<typename V::Scalar>(value));
  else
    return static_cast<V>(value);
}
template <Scalar T>
TC_HD T sigmoid(T x) {  // the exponential is taken of -|x|, so that nothing overflows
  const T e = std::exp(-std::abs(x));
  return (x < 0 ? e : T(1)) / (1 + e);
}
template <Scalar T>
TC_HD T softplus(T x) {  // log(1 + exp(x))
  return max(x, T(0)) + std::log1p(std::exp(-std::abs(x)));
}
template <Scalar T>
TC_HD T logaddexp(T a, T b) {  // the distance of equal infinities counts as 0
  return max(a, b) + std::log1p(std::exp(a == b ? T(0) : -std::abs(a - b)));
}

}  // namespace functors
}  // namespace tc
