// Comparisons, tests, truth values and bits.
#pragma once
#include "ops/functors_base.h"

namespace tc::functors {

// ---- comparisons ----

struct Equal : Predicate<"equal", Everything> {
  template <class V>
  static TC_HD bool apply(V a, V b) {
    return a == b;
  }
};
struct NotEqual : Predicate<"not_equal", Everything> {
  template <class V>
  static TC_HD bool apply(V a, V b) {
    return a != b;
  }
};
struct Less : Predicate<"less", Everything> {
  template <class V>
  static TC_HD bool apply(V a, V b) {
    return a < b;
  }
};
struct LessEqual : Predicate<"less_equal", Everything> {
  template <class V>
  static TC_HD bool apply(V a, V b) {
    return a <= b;
  }
};
// The same as the other two with the inputs exchanged, which is how their op calls them: no kernels of their own.
struct Greater : Predicate<"greater", Everything> {
  using swapped = Less;
};
struct GreaterEqual : Predicate<"greater_equal", Everything> {
  using swapped = LessEqual;
};

// ---- tests of floats ----

struct Isnan : Predicate<"isnan", WideFloats> {
  template <class V>
  static TC_HD bool apply(V x) {
    return x != x;
  }
};
struct Isinf : Predicate<"isinf", WideFloats> {
  template <class V>
  static TC_HD bool apply(V x) {
    return std::abs(x) == std::numeric_limits<V>::infinity();
  }
};
struct Isfinite : Predicate<"isfinite", WideFloats> {
  template <class V>
  static TC_HD bool apply(V x) {
    return std::abs(x) < std::numeric_limits<V>::infinity();
  }
};
struct Signbit : Predicate<"signbit", WideFloats> {
  template <class V>
  static TC_HD bool apply(V x) {
    using Bits = std::conditional_t<sizeof(V) == 4, std::int32_t, std::int64_t>;
    return std::bit_cast<Bits>(x) < 0;
  }
};

// ---- truth values ----

struct LogicalNot : LogicalOp<"logical_not"> {
  template <class V>
  static TC_HD bool apply(V x) {
    return !x;
  }
};
struct LogicalAnd : LogicalOp<"logical_and"> {
  template <class V>
  static TC_HD bool apply(V a, V b) {
    return a & b;
  }
};
struct LogicalOr : LogicalOp<"logical_or"> {
  template <class V>
  static TC_HD bool apply(V a, V b) {
    return a | b;
  }
};
struct LogicalXor : LogicalOp<"logical_xor"> {
  template <class V>
  static TC_HD bool apply(V a, V b) {
    return a != b;
  }
};

// ---- bits ----

struct BitwiseInvert : Op<"bitwise_invert", BoolInts> {
  template <class V>
  static TC_HD V apply(V x) {
    if constexpr (std::is_same_v<V, bool>)
      return !x;
    else
      return static_cast<V>(~x);
  }
};
struct BitwiseAnd : Op<"bitwise_and", BoolInts> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    return static_cast<V>(a & b);
  }
};
struct BitwiseOr : Op<"bitwise_or", BoolInts> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    return static_cast<V>(a | b);
  }
};
struct BitwiseXor : Op<"bitwise_xor", BoolInts> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    return static_cast<V>(a ^ b);
  }
};
// Shifts by the width or more, and by a negative count, move every bit out: 0, or the sign for right shifts.
struct BitwiseLeftShift : Op<"bitwise_left_shift", Ints> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    using U = std::make_unsigned_t<V>;
    constexpr U width = 8 * sizeof(V);
    const U count = static_cast<U>(b);
    return count < width ? static_cast<V>(static_cast<U>(static_cast<U>(a) << count)) : V(0);
  }
};
struct BitwiseRightShift : Op<"bitwise_right_shift", Ints> {
  template <class V>
  static TC_HD V apply(V a, V b) {
    using U = std::make_unsigned_t<V>;
    constexpr U width = 8 * sizeof(V);
    const U count = static_cast<U>(b);
    return count < width ? static_cast<V>(a >> count) : static_cast<V>(a < 0 ? -1 : 0);
  }
};

}  // namespace tc::functors
