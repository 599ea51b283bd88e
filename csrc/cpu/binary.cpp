// Elementwise kernels of two inputs.
#include "cpu/elementwise_ops.h"

namespace tc::cpu {
namespace {

// Blocks whose exponents are all one small whole number, as in x ** 2, take the vector way: Pow gives the same bits.
template <class T>
void pow_loop(const void* const* in, void* out, std::int64_t n, const Params&) {
  const auto *a = static_cast<const T*>(in[0]), *b = static_cast<const T*>(in[1]);
  auto* y = static_cast<T*>(out);
  using V = simd::Vec<T>;
  bool one_exponent = b[0] == T(1) || b[0] == T(2) || b[0] == T(3) || b[0] == T(-1);
  for (std::int64_t i = 1; i < n && one_exponent; ++i) one_exponent = b[i] == b[0];
  if (!one_exponent) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = functors::Pow::apply(a[i], b[i]);
    return;
  }
  const int exponent = static_cast<int>(b[0]);
  constexpr std::int64_t lanes = simd::kLanes<T>;
  for (std::int64_t i = 0; i < n; i += lanes) {
    const std::int64_t count = std::min(lanes, n - i);
    const V x = count == lanes ? simd::load(a + i) : simd::load_partial(a + i, count);
    simd::store_partial(y + i, count, functors::power_by(x, exponent));
  }
}

template <>
[[maybe_unused]] void binary_loop<functors::Pow, float>(const void* const* in, void* out, std::int64_t n, const Params& params) {
  pow_loop<float>(in, out, n, params);
}
template <>
[[maybe_unused]] void binary_loop<functors::Pow, double>(const void* const* in, void* out, std::int64_t n, const Params& params) {
  pow_loop<double>(in, out, n, params);
}

const ProvideBinary arithmetic{functors::BinaryArithmeticOps{}};
const ProvideBinary logic{functors::BinaryLogicOps{}};

}  // namespace
}  // namespace tc::cpu
