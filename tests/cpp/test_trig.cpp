// Free-standing test of csrc/ops/functors_trig.h, the sin, cos and tan of GPUs, against the C library in a wider type:
// all magnitudes, dense near multiples of pi/2, the worst cases of the reduction, special values.
// Usage: test_trig [step through the 2^32 floats = 499] [-v]
#include <cstdlib>
#include <string>

#include "ops/functors_trig.h"
#include "ulps.h"

namespace {

using namespace tc::functors;

template <class T>
struct Function {
  const char* name;
  T (*f)(T);
  long double (*exact)(long double);
};
template <class T>
const Function<T> kFunctions[] = {
    {"sin", trig::sin<T>, std::sin}, {"cos", trig::cos<T>, std::cos}, {"tan", trig::tan<T>, std::tan}};

template <class T>
void check(const std::vector<T>& inputs, const char* type) {
  for (const Function<T>& function : kFunctions<T>) {
    Worst<T> worst;
    for (T x : inputs) {
      const T y = function.f(x);
      worst.add(ulps<T, long double>(y, function.exact(x)), x, 0, y);
    }
    worst.report(function.name, type, 2);
  }
}

// The floats next to multiples of pi/2, at every magnitude.
template <class T>
void add_near_multiples(std::vector<T>& out) {
  const long double half_pi = 1.570796326794896619231321691639751442L;
  for (int k = 0; k < 50000; ++k)
    for (T x : {static_cast<T>(k * half_pi), static_cast<T>((k + 0.5L) * half_pi)})
      for (T y : {x, std::nextafter(x, T(0)), std::nextafter(x, std::numeric_limits<T>::infinity())})
        out.push_back(y), out.push_back(-y);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint32_t step = 499;
  for (int i = 1; i < argc; ++i)
    if (std::string(argv[i]) == "-v")
      verbose = true;
    else
      step = static_cast<std::uint32_t>(std::max(1, std::atoi(argv[i])));

  std::vector<float> floats = special_values<float>();
  for (std::uint64_t bits = 0; bits < (std::uint64_t(1) << 32); bits += step)
    floats.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  add_near_multiples(floats);
  for (float x :
       {1e5f, std::nextafter(1e5f, 2e5f), 0x1.6ac5b2p+34f, 0x1.ddebdep+37f, 0x1.3cc1a2p+126f, 0x1.fffffep+127f})
    floats.push_back(x), floats.push_back(-x);
  check(floats, "float");

  std::vector<double> doubles = double_samples(300000);
  add_near_multiples(doubles);
  std::mt19937_64 random(3);
  for (int exponent = -60; exponent < 1024; ++exponent)  // every position in the bits of 2/pi
    for (int i = 0; i < 200; ++i)
      doubles.push_back(std::ldexp(1 + static_cast<double>(random() >> 12) * 0x1p-52, exponent));
  // 6381956970095103 2^797 is the double closest to a multiple of pi/2; the others come next.
  for (double x : {std::ldexp(6381956970095103.0, 797), 0x1.921fb54442d18p+0, 1e9, std::nextafter(1e9, 2e9), 1e22,
                   0x1.6ac5b262ca1ffp+849, 0x1.ac4d2b8d3a5f7p+1023, std::numeric_limits<double>::max()})
    doubles.push_back(x), doubles.push_back(-x);
  check(doubles, "double");

  std::printf("%d failures\n", failures);
  return failures != 0;
}
