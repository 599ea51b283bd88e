// Elementary functions.
#pragma once
#include "ops/functors_base.h"

namespace tc::functors {

struct Exp : Op<"exp", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return exp(x);
  }
};
struct Exp2 : Op<"exp2", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return exp2(x);
  }
};
struct Expm1 : Op<"expm1", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return expm1(x);
  }
};
struct Log : Op<"log", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return log(x);
  }
};
struct Log2 : Op<"log2", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return log2(x);
  }
};
struct Log10 : Op<"log10", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return log10(x);
  }
};
struct Log1p : Op<"log1p", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return log1p(x);
  }
};
struct Sqrt : Op<"sqrt", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return sqrt(x);
  }
};
struct Rsqrt : Op<"rsqrt", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return constant<V>(1) / sqrt(x);
  }
};
struct Sin : Op<"sin", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return sin(x);
  }
};
struct Cos : Op<"cos", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return cos(x);
  }
};
struct Tan : Op<"tan", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return tan(x);
  }
};
struct Asin : Op<"asin", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return asin(x);
  }
};
struct Acos : Op<"acos", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return acos(x);
  }
};
struct Atan : Op<"atan", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return atan(x);
  }
};
struct Sinh : Op<"sinh", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return sinh(x);
  }
};
struct Cosh : Op<"cosh", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return cosh(x);
  }
};
struct Tanh : Op<"tanh", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return tanh(x);
  }
};
struct Asinh : Op<"asinh", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return asinh(x);
  }
};
struct Acosh : Op<"acosh", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return acosh(x);
  }
};
struct Atanh : Op<"atanh", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return atanh(x);
  }
};
struct Erf : Op<"erf", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return erf(x);
  }
};
struct Atan2 : Op<"atan2", WideFloats> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    return atan2(a, b);
  }
};
struct Hypot : Op<"hypot", WideFloats> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    return hypot(a, b);
  }
};
struct Logaddexp : Op<"logaddexp", WideFloats> {  // log(exp(a) + exp(b))
  template <class V>
  static TC_HD V apply(V a, V b) {
    return logaddexp(a, b);
  }
};

}  // namespace tc::functors
