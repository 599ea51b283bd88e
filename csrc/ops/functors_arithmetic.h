// Arithmetic. Integers wrap around; dividing them by zero gives 0, so that no input can trap.
#pragma once
#include "ops/functors_base.h"

namespace tc::functors {

// Integer arithmetic is done unsigned, where overflow is defined.
template <class V, class F>
TC_HD V wrap(V a, V b, F f) {
  if constexpr (sizeof(V) < sizeof(int)) {
    return static_cast<V>(f(static_cast<int>(a), static_cast<int>(b)));
  } else {
    using U = std::make_unsigned_t<V>;
    return static_cast<V>(f(static_cast<U>(a), static_cast<U>(b)));
  }
}

// ---- one input ----

struct Positive : RoundingOp<"positive"> {
  template <class V>
  static TC_HD V apply(V x) {
    return x;
  }
};
struct Negative : Op<"negative", Numeric> {
  template <class V>
  static TC_HD V apply(V x) {
    if constexpr (kIsInt<V>)
      return static_cast<V>(0u - static_cast<std::make_unsigned_t<V>>(x));
    else
      return -x;
  }
};
struct Abs : Op<"abs", Numeric> {
  template <class V>
  static TC_HD V apply(V x) {
    if constexpr (std::is_unsigned_v<V>)
      return x;
    else if constexpr (kIsInt<V>)
      return x < 0 ? Negative::apply(x) : x;
    else
      return abs(x);
  }
};
struct Sign : Op<"sign", Numeric> {  // NaN stays NaN
  template <class V>
  static TC_HD V apply(V x) {
    if constexpr (kIsInt<V>) {
      return static_cast<V>((x > 0) - (x < 0));
    } else {
      const V zero = constant<V>(0), one = constant<V>(1);
      const V size = select(abs(x) > zero, one, abs(x));  // 0 or NaN elsewhere
      return select(x < zero, -size, size);
    }
  }
};
struct Square : Op<"square", Numeric> {
  template <class V>
  static TC_HD V apply(V x) {
    if constexpr (kIsInt<V>)
      return wrap(x, x, [](auto p, auto q) { return p * q; });
    else
      return x * x;
  }
};
struct Reciprocal : Op<"reciprocal", WideFloats> {
  template <class V>
  static TC_HD V apply(V x) {
    return constant<V>(1) / x;
  }
};
struct Floor : RoundingOp<"floor"> {
  template <class V>
  static TC_HD V apply(V x) {
    return floor(x);
  }
};
struct Ceil : RoundingOp<"ceil"> {
  template <class V>
  static TC_HD V apply(V x) {
    return ceil(x);
  }
};
struct Trunc : RoundingOp<"trunc"> {
  template <class V>
  static TC_HD V apply(V x) {
    return trunc(x);
  }
};
struct Round : RoundingOp<"round"> {
  template <class V>
  static TC_HD V apply(V x) {
    return round(x);
  }
};

// ---- two inputs ----

struct Add : Op<"add", Everything> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    if constexpr (std::is_same_v<V, bool>)
      return a | b;
    else if constexpr (kIsInt<V>)
      return wrap(a, b, [](auto p, auto q) { return p + q; });
    else
      return a + b;
  }
};
struct Subtract : Op<"subtract", Numeric> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    if constexpr (kIsInt<V>)
      return wrap(a, b, [](auto p, auto q) { return p - q; });
    else
      return a - b;
  }
};
struct Multiply : Op<"multiply", Everything> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    if constexpr (std::is_same_v<V, bool>)
      return a & b;
    else if constexpr (kIsInt<V>)
      return wrap(a, b, [](auto p, auto q) { return p * q; });
    else
      return a * b;
  }
};
struct Divide : Op<"divide", WideFloats> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    return a / b;
  }
};
struct Maximum : Op<"maximum", Numeric> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    if constexpr (kIsInt<V>)
      return a > b ? a : b;
    else
      return max(a, b);
  }
};
struct Minimum : Op<"minimum", Numeric> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    if constexpr (kIsInt<V>)
      return a < b ? a : b;
    else
      return min(a, b);
  }
};

// Python's division: the quotient is rounded down, the remainder has the divisor's sign. From fmod, which is exact.
struct FloorDivide : Op<"floor_divide", Numeric> {
  static constexpr bool scalar_only = true;
  template <class V>
  static TC_HD V apply(V a, V b) {
    if constexpr (kIsInt<V>) {
      if (b == 0) return 0;
      if (std::is_signed_v<V> && b == V(-1)) return wrap(V(0), a, [](auto p, auto q) { return p - q; });
      const V quotient = static_cast<V>(a / b);
      return static_cast<V>(quotient - (a % b != 0 && (a < 0) != (b < 0)));
    } else {
      // The array API standard asks for floor(a / b) of infinities, where Python and NumPy give NaN or -1.
      if (b == 0 || std::isinf(a) || std::isinf(b)) return std::floor(a / b);
      const V remainder = std::fmod(a, b);
      V quotient = (a - remainder) / b;
      if (remainder != 0 && (remainder < 0) != (b < 0)) quotient -= 1;
      if (quotient == 0) return std::copysign(V(0), a / b);
      const V whole = std::floor(quotient);  // a - remainder was rounded: quotient is whole but for that
      return quotient - whole > V(0.5) ? whole + 1 : whole;
    }
  }
};
struct Remainder : Op<"remainder", Numeric> {
  static constexpr bool scalar_only = true;
  template <class V>
  static TC_HD V apply(V a, V b) {
    if constexpr (kIsInt<V>) {
      if (b == 0 || (std::is_signed_v<V> && b == V(-1))) return 0;
      const V remainder = static_cast<V>(a % b);
      return static_cast<V>(remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder);
    } else {
      const V remainder = std::fmod(a, b);
      if (remainder == 0) return b == 0 ? remainder : std::copysign(V(0), b);
      return (remainder < 0) != (b < 0) ? remainder + b : remainder;
    }
  }
};

// Whole small powers are products, so that a loop over one exponent may take the short way with the same bits.
template <class V>
TC_HD V power_by(V a, int exponent) {
  return exponent == 1 ? a : exponent == 2 ? a * a : exponent == 3 ? a * a * a : constant<V>(1) / a;
}
struct Pow : Op<"pow", Numeric> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    if constexpr (kIsInt<V>) {  // a negative power is 1/a^|b| rounded to zero
      if (std::is_signed_v<V> && b < 0) return a == 1 ? V(1) : a == V(-1) ? (b & 1 ? V(-1) : V(1)) : V(0);
      V result = 1;
      for (;; a = Square::apply(a)) {
        if (b & 1) result = Multiply::apply(result, a);
        b = static_cast<V>(b >> 1);
        if (b == 0) return result;
      }
    } else {
      V result = pow(a, b);
      for (const int small : {1, 2, 3, -1}) result = select(b == constant<V>(small), power_by(a, small), result);
      return result;
    }
  }
};
struct Copysign : Op<"copysign", WideFloats> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    return copysign(a, b);
  }
};
struct Nextafter : Op<"nextafter", WideFloats> {
  static constexpr bool scalar_only = true, wide_only = true;
  template <class V>
  static TC_HD V apply(V a, V b) {
    // The order of the bits, as integers, is the order of the numbers of one sign.
    using Bits = std::conditional_t<sizeof(V) == 4, std::uint32_t, std::uint64_t>;
    if (a != a || b != b) return a + b;
    if (a == b) return b;
    if (a == 0) return std::copysign(std::numeric_limits<V>::denorm_min(), b);
    const bool away_from_zero = (b > a) == (a > 0);
    return std::bit_cast<V>(static_cast<Bits>(std::bit_cast<Bits>(a) + (away_from_zero ? Bits(1) : ~Bits(0))));
  }
};

}  // namespace tc::functors
