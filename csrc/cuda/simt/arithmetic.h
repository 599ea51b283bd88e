// Loops over the operands of tensor-core products, fast with whatever vector instructions the processor has.
#pragma once
#include <bit>
#include <cstdint>

// The same bits with all instruction sets: the products are exact (but for numbers near the smallest), so that fusing
// them with the sum changes nothing.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define TC_SIMT_FAST __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default"), optimize("O3")))
#else
#define TC_SIMT_FAST
#endif

namespace tc::simt {

// A 16-bit number in the low half of `bits` as a float, without branches.
template <bool is_half>
[[gnu::always_inline]] inline float widen(std::uint32_t bits) {
  if constexpr (is_half) {
    const std::uint32_t magnitude = (bits & 0x7fffu) << 13;
    const float scaled = std::bit_cast<float>(magnitude) * 0x1p112f;  // exact, for subnormal numbers too
    const std::uint32_t special =
        (bits & 0x7c00u) == 0x7c00u ? 0x7f800000u | magnitude : std::bit_cast<std::uint32_t>(scaled);
    return std::bit_cast<float>(special | (bits & 0x8000u) << 16);
  } else {
    return std::bit_cast<float>(bits << 16);
  }
}

}  // namespace tc::simt
