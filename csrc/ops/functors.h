// The scalar meaning of every elementwise op, shared by all devices, with the dtypes it is defined on.
// `dtypes` lists the types the loop runs in; float16 and bfloat16 run in float and are converted at load and store.
// Integers given to an op whose `dtypes` are WideFloats are promoted to the default float.
// V is a scalar or a vector of them: maths functions are called unqualified and found by argument (std:: for scalars).
#pragma once
#include <cmath>
#include <limits>
#include <type_traits>

#include "core/dtype.h"

namespace tc::functors {

using Numeric = Concat<Ints, WideFloats>::type;
using Everything = Concat<Bool, Numeric>::type;
using BoolInts = Concat<Bool, Ints>::type;

template <class T>
inline constexpr bool kIsInt = std::is_integral_v<T>;

// ---- unary, same dtype out ------------------------------------------------------------------------------------------

struct Negative {
  static constexpr auto name = "negative";
  using dtypes = Numeric;
  template <class V>
  static TC_HD V apply(V x) {
    if constexpr (kIsInt<V>) return static_cast<V>(0u - static_cast<std::make_unsigned_t<V>>(x));
    else return -x;
  }
};
struct Abs {
  static constexpr auto name = "abs";
  using dtypes = Numeric;
  template <class V>
  static TC_HD V apply(V x) {
    if constexpr (kIsInt<V>) return x < 0 ? Negative::apply(x) : x;
    else {
      using std::abs;
      return abs(x);
    }
  }
};
struct Exp {
  static constexpr auto name = "exp";
  using dtypes = WideFloats;
  template <class V>
  static TC_HD V apply(V x) {
    using std::exp;
    return exp(x);
  }
};
struct Log {
  static constexpr auto name = "log";
  using dtypes = WideFloats;
  template <class V>
  static TC_HD V apply(V x) {
    using std::log;
    return log(x);
  }
};
struct Sqrt {
  static constexpr auto name = "sqrt";
  using dtypes = WideFloats;
  template <class V>
  static TC_HD V apply(V x) {
    using std::sqrt;
    return sqrt(x);
  }
};
struct Tanh {
  static constexpr auto name = "tanh";
  using dtypes = WideFloats;
  template <class V>
  static TC_HD V apply(V x) {
    using std::tanh;
    return tanh(x);
  }
};

// ---- binary, same dtype out -----------------------------------------------------------------------------------------

// Integer arithmetic wraps around: done unsigned, where overflow is defined.
template <class V, class F>
TC_HD V wrap(V a, V b, F f) {
  if constexpr (sizeof(V) < sizeof(int)) return static_cast<V>(f(static_cast<int>(a), static_cast<int>(b)));
  else {
    using U = std::make_unsigned_t<V>;
    return static_cast<V>(f(static_cast<U>(a), static_cast<U>(b)));
  }
}

struct Add {
  static constexpr auto name = "add";
  using dtypes = Everything;
  template <class V>
  static TC_HD V apply(V a, V b) {
    if constexpr (std::is_same_v<V, bool>) return a || b;
    else if constexpr (kIsInt<V>) return wrap(a, b, [](auto p, auto q) { return p + q; });
    else return a + b;
  }
};
struct Subtract {
  static constexpr auto name = "subtract";
  using dtypes = Numeric;
  template <class V>
  static TC_HD V apply(V a, V b) {
    if constexpr (kIsInt<V>) return wrap(a, b, [](auto p, auto q) { return p - q; });
    else return a - b;
  }
};
struct Multiply {
  static constexpr auto name = "multiply";
  using dtypes = Everything;
  template <class V>
  static TC_HD V apply(V a, V b) {
    if constexpr (std::is_same_v<V, bool>) return a && b;
    else if constexpr (kIsInt<V>) return wrap(a, b, [](auto p, auto q) { return p * q; });
    else return a * b;
  }
};
struct Divide {
  static constexpr auto name = "divide";
  using dtypes = WideFloats;
  template <class V>
  static TC_HD V apply(V a, V b) {
    return a / b;
  }
};

// ---- comparison: bool out -------------------------------------------------------------------------------------------

struct Equal {
  static constexpr auto name = "equal";
  using dtypes = Everything;
  using result = bool;
  template <class V>
  static TC_HD auto apply(V a, V b) {
    return a == b;
  }
};
struct Less {
  static constexpr auto name = "less";
  using dtypes = Everything;
  using result = bool;
  template <class V>
  static TC_HD auto apply(V a, V b) {
    return a < b;
  }
};

// ---- the lists the ops, kernels and bindings are made from ----------------------------------------------------------

template <class... Ops>
struct List {};
using UnaryOps = List<Negative, Abs, Exp, Log, Sqrt, Tanh>;
using BinaryOps = List<Add, Subtract, Multiply, Divide, Equal, Less>;

}  // namespace tc::functors
