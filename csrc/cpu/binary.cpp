// Elementwise kernels of two inputs.
#include "cpu/elementwise_ops.h"
#include "cpu/stage.h"

namespace tc::cpu {
namespace {

// ---- pow: one exponent for all elements, as in x ** 2 ----

template <class T, int exponent>
void power_loop(const void* const* in, void* out, std::int64_t n, const Params& params) {
  struct Power {
    static simd::Vec<T> apply(simd::Vec<T> x) { return functors::power_by(x, exponent); }
  };
  vector_loop<Power>(static_cast<T*>(out), n, params, static_cast<const T*>(in[0]));
}

bool is_one_element(const Array& x) {
  for (int i = 0; i < x.ndim(); ++i)
    if (x.shape(i) != 1 && x.stride(i) != 0) return false;
  return true;
}

// Small whole exponents are products in Pow itself, so the bits are those of the general loop.
void pow(const Array& a, const Array& b, Array& y, const Params& params) {
  const DType dtype = loop_dtype(promote(a.dtype(), b.dtype()));
  if (is_float(dtype) && is_one_element(b)) {
    double exponent = 0;
    row_mover(b.dtype(), DType::float64)(b.raw(), 1, reinterpret_cast<std::byte*>(&exponent), 1, 1);
    const Array* inputs[] = {&a};
    Loop loop = nullptr;
    dispatch(WideFloats{}, dtype, [&]<class T>() {
      if (exponent == 2)
        loop = &power_loop<T, 2>;
      else if (exponent == 3)
        loop = &power_loop<T, 3>;
      else if (exponent == -1)
        loop = &power_loop<T, -1>;
    });
    if (loop) return TC_ISA::run_loop({loop, {dtype}, dtype}, inputs, 1, y, params);
  }
  binary<functors::Pow>(a, b, y, params);
}

// ---- floor_divide and remainder ----

// Both for quotients small enough to be exact whole numbers. The rounded a / b lies on the same side of every whole
// number as the exact one, or on it, so its floor is right or one too large; a fused a - q b is then exact up to the
// rounding of the result itself, and its sign tells which.
template <class Op, class T>
void division_loop(const void* const* in, void* out, std::int64_t n, const Params&) {
  using V = simd::Vec<T>;
  const auto *a = static_cast<const T*>(in[0]), *b = static_cast<const T*>(in[1]);
  auto* y = static_cast<T*>(out);
  std::int64_t i = 0;
  if constexpr (simd::kHasFma) {
    const V limit = sizeof(T) == 4 ? T(0x1p22) : T(0x1p51), zero = T(0);
    constexpr std::int64_t lanes = simd::kLanes<T>;
    for (; i + lanes <= n; i += lanes) {
      const V p = simd::load(a + i), d = simd::load(b + i), exact = p / d;
      if (!simd::all((simd::abs(exact) < limit) & (simd::abs(d) < V(std::numeric_limits<T>::infinity())))) {
        for (std::int64_t k = i; k < i + lanes; ++k) y[k] = Op::apply(a[k], b[k]);
        continue;
      }
      const V q = simd::floor(exact), r = simd::fma(-q, d, p);
      const auto too_large = (r * simd::copysign(V(T(1)), d)) < zero;
      if constexpr (std::is_same_v<Op, functors::Remainder>) {
        const V fixed = simd::select(too_large, r + d, r);
        simd::store(y + i, simd::select(fixed == zero, simd::copysign(zero, d), fixed));
      } else {
        const V fixed = simd::select(too_large, q - V(T(1)), q);
        simd::store(y + i, simd::select(fixed == zero, simd::copysign(zero, exact), fixed));
      }
    }
  }
  for (; i < n; ++i) y[i] = Op::apply(a[i], b[i]);
}

template <class Op>
void divide_down(const Array& a, const Array& b, Array& y, const Params& params) {
  const DType dtype = loop_dtype(promote(a.dtype(), b.dtype()));
  if (!is_float(dtype)) return binary<Op>(a, b, y, params);
  const Array* inputs[] = {&a, &b};
  dispatch(WideFloats{}, dtype,
           [&]<class T>() { TC_ISA::run_loop({&division_loop<Op, T>, {dtype, dtype}, dtype}, inputs, 2, y, params); });
}

const ProvideBinary arithmetic{functors::BinaryArithmeticOps{}};
const ProvideBinary logic{functors::BinaryLogicOps{}};
const Provide power{kernels::binary<functors::Pow>, DeviceType::cpu, &pow};
const Provide quotient{kernels::binary<functors::FloorDivide>, DeviceType::cpu, &divide_down<functors::FloorDivide>};
const Provide rest{kernels::binary<functors::Remainder>, DeviceType::cpu, &divide_down<functors::Remainder>};

}  // namespace
}  // namespace tc::cpu
