// Division by a number known to the host, as a multiplication: Granlund and Montgomery, "Division by invariant integers
// using multiplication" (1994).
#pragma once
#include "cuda/device/cuda.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

// n / divisor for 0 <= n < 2^63.
struct FastDivide {
  std::int64_t divisor = 1;
  std::uint64_t factor = 0;  // 0 for a divisor of 1
  int shift = 0;

  FastDivide() = default;
  explicit FastDivide(std::int64_t d) : divisor(d) {
    if (d <= 1) return;
    int log = 1;  // rounded up
    while (log < 63 && (std::int64_t(1) << log) < d) ++log;
    // floor(2^(63 + log) / d) + 1: with an error of at most one in the last place, exact for 63 bits
    factor = static_cast<std::uint64_t>((static_cast<unsigned __int128>(1) << (63 + log)) /
                                        static_cast<unsigned __int128>(d)) +
             1;
    shift = log - 1;
  }
  TC_DEVICE std::int64_t operator()(std::int64_t n) const {
    return factor == 0 ? n : static_cast<std::int64_t>(__umul64hi(static_cast<std::uint64_t>(n), factor) >> shift);
  }
};

// The same for dividends and divisors below 2^31: a third of the instructions.
struct FastDivide31 {
  std::uint32_t divisor = 1, factor = 0, shift = 0;

  FastDivide31() = default;
  explicit FastDivide31(std::int64_t d) : divisor(static_cast<std::uint32_t>(d)) {
    while ((std::uint64_t{1} << shift) < divisor) ++shift;
    factor =
        static_cast<std::uint32_t>(((std::uint64_t{1} << 32) * ((std::uint64_t{1} << shift) - divisor)) / divisor + 1);
  }
  TC_DEVICE std::uint32_t operator()(std::uint32_t n) const { return (__umulhi(n, factor) + n) >> shift; }
};

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
