// Failure count, errors in units in the last place, and the inputs that find them: for test_simd.cpp.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>
#include <vector>

namespace {

int failures = 0;
bool verbose = false;

template <class... Args>
void fail(const char* format, Args... args) {
  if (++failures <= 60) std::printf(format, args...), std::puts("");
}
#define EXPECT(condition) \
  if (!(condition)) fail("line %d: %s", __LINE__, #condition)

template <class T>
constexpr int kMinExponent = sizeof(T) == 4 ? -126 : -1022;
template <class T>
constexpr int kMantissaBits = sizeof(T) == 4 ? 23 : 52;

// Error of y in units in the last place of the exact value; infinite where NaN, infinity or the sign of zero is wrong.
template <class T, class Wide>
double ulps(T y, Wide exact) {
  const double wrong = INFINITY;
  if (std::isnan(exact) || std::isnan(y)) return std::isnan(exact) && std::isnan(y) ? 0 : wrong;
  if (exact == 0) return y == 0 && std::signbit(y) == std::signbit(exact) ? 0 : wrong;
  if (std::isinf(exact)) return y == static_cast<T>(exact) ? 0 : wrong;
  if (std::signbit(y) != std::signbit(exact)) return wrong;
  const T limit = std::numeric_limits<T>::max();
  const Wide edge = static_cast<Wide>(limit) * (1 + std::ldexp(Wide(1), -kMantissaBits<T> - 2));
  if (std::isinf(y))
    return std::fabs(exact) >= edge
               ? 0
               : (std::fabs(exact) >= limit * (1 - std::ldexp(Wide(1), -kMantissaBits<T>)) ? 1 : wrong);
  const int exponent = std::max(std::ilogb(exact), kMinExponent<T>);
  return static_cast<double>(std::fabs(std::ldexp(static_cast<Wide>(y) - exact, kMantissaBits<T> - exponent)));
}

template <class T>
struct Worst {
  double error = 0;
  T x = 0, y = 0, got = 0;
  void add(double e, T a, T b, T result) {
    if (e > error) error = e, x = a, y = b, got = result;
  }
  void report(const char* name, const char* type, double bound) const {
    if (verbose)
      std::printf("  %-10s %-6s %8.3f ulp at %.17g, %.17g -> %.17g\n", name, type, error, double(x), double(y),
                  double(got));
    if (!(error <= bound))
      fail("%s(%s): %.3f ulp > %.2f at %.17g (%a), %.17g: got %.17g", name, type, error, bound, double(x), double(x),
           double(y), double(got));
  }
};

template <class T>
std::vector<T> special_values() {
  using L = std::numeric_limits<T>;
  std::vector<T> out;
  for (T x : {T(0),
              L::denorm_min(),
              L::denorm_min() * 3,
              L::min() - L::denorm_min(),
              L::min(),
              L::epsilon() / 4,
              L::epsilon(),
              T(1e-5),
              T(0.1),
              T(0.25),
              T(0.3),
              T(0.5),
              T(0.6),
              T(0.69314718),
              T(0.7),
              T(0.75),
              T(0.92),
              T(1),
              T(1) - L::epsilon() / 2,
              T(1) + L::epsilon(),
              T(1.5),
              T(1.5707963267948966),
              T(2),
              T(2.5),
              T(3),
              T(3.5),
              T(3.1415926535897932),
              T(10),
              T(16.5),
              T(20),
              T(88),
              T(88.72),
              T(88.7228394),
              T(89),
              T(103.97),
              T(104),
              T(127),
              T(128),
              T(149),
              T(150),
              T(709.7),
              T(709.78),
              T(710),
              T(710.4),
              T(745),
              T(746),
              T(1023),
              T(1024),
              T(1074),
              T(1075),
              T(1e6),
              T(8388607.5),
              T(1e10),
              T(1e22),
              L::max() / 2,
              L::max(),
              L::infinity(),
              L::quiet_NaN()})
    for (T y : {x, std::nextafter(x, T(0)), std::nextafter(x, L::infinity())}) out.push_back(y), out.push_back(-y);
  return out;
}

// Doubles that exercise a function: all magnitudes, and densely the range where most of them change.
std::vector<double> double_samples(std::size_t count) {
  std::mt19937_64 random(7);
  std::vector<double> out = special_values<double>();
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t bits = random();
    switch (i % 6) {
      case 0:
        out.push_back(std::bit_cast<double>(bits));
        break;
      case 1:
        out.push_back(static_cast<double>(static_cast<std::int64_t>(bits)) * 0x1p-63);
        break;
      case 2:
        out.push_back(static_cast<double>(static_cast<std::int64_t>(bits)) * 0x1p-60);
        break;
      case 3:
        out.push_back(static_cast<double>(static_cast<std::int64_t>(bits)) * 0x1p-53);
        break;
      case 4:
        out.push_back(
            1 + std::ldexp(static_cast<double>(static_cast<std::int64_t>(bits)), -64 - static_cast<int>(bits % 40)));
        break;
      default:
        out.push_back(
            std::ldexp(static_cast<double>(static_cast<std::int64_t>(bits)), -63 - static_cast<int>(bits % 60)));
        break;
    }
  }
  return out;
}

}  // namespace
