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

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
