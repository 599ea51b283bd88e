// Free-standing test of csrc/cpu/simd: every vector function against the C library in a wider type with a bound in
// units in the last place, the special values of the array API standard, half types against core/dtype.h, and partial
// loads and stores beside a page that must not be touched. tests/core/test_simd.py builds it for each instruction set.
// Usage: test_simd [step through the 2^32 floats = 4099] [-v]
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "cpu/simd/math.h"
#include "ulps.h"

namespace {

using namespace tc;
using namespace tc::simd;

// ---- functions of one argument ----

using F1 = Vec<float> (*)(Vec<float>);
using D1 = Vec<double> (*)(Vec<double>);
template <class T>
using Function1 = std::conditional_t<sizeof(T) == 4, F1, D1>;

struct Unary {
  const char* name;
  F1 f;
  D1 d;
  double (*f_exact)(double);
  long double (*d_exact)(long double);
  double f_bound = 2, d_bound = 2;
};
template <class W>
W exact_sigmoid(W x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
template <class W>
W exact_softplus(W x) {
  return std::fmax(x, W(0)) + std::log1p(std::exp(-std::fabs(x)));
}
template <class W>
W nan_softplus(W x) {
  return std::isnan(x) ? x : exact_softplus(x);
}
#define UNARY(name) \
  {#name, [](Vec<float> x) { return math::name(x); }, [](Vec<double> x) { return math::name(x); }, std::name, std::name}
#define UNARY_BY(name, exact, f_bound, d_bound) \
  {#name,                                       \
   [](Vec<float> x) { return math::name(x); },  \
   [](Vec<double> x) { return math::name(x); }, \
   exact<double>,                               \
   exact<long double>,                          \
   f_bound,                                     \
   d_bound}
const Unary kUnary[] = {
    UNARY(exp),
    UNARY(exp2),
    UNARY(expm1),
    UNARY(log),
    UNARY(log2),
    UNARY(log10),
    UNARY(log1p),
    UNARY(sin),
    UNARY(cos),
    UNARY(tan),
    UNARY(sinh),
    UNARY(cosh),
    UNARY(tanh),
    UNARY(asinh),
    UNARY(acosh),
    UNARY(atanh),
    UNARY(asin),
    UNARY(acos),
    UNARY(atan),
    UNARY(erf),
    UNARY(erfc),
    UNARY_BY(sigmoid, exact_sigmoid, 2, 2),
    UNARY_BY(softplus, nan_softplus, 2, 2),
    UNARY(sqrt),
    UNARY(floor),
    UNARY(ceil),
    UNARY(trunc),
    {"round", [](Vec<float> x) { return math::round(x); }, [](Vec<double> x) { return math::round(x); }, std::nearbyint,
     std::nearbyint, 0, 0},
};

template <class T, class Wide>
void check_unary(Function1<T> f, Wide (*exact)(Wide), const std::vector<T>& inputs, Worst<T>& worst) {
  T lanes[kLanes<T>];
  for (std::size_t i = 0; i < inputs.size(); i += kLanes<T>) {
    const int n = static_cast<int>(std::min<std::size_t>(kLanes<T>, inputs.size() - i));
    store(lanes, f(load_partial(inputs.data() + i, n, T(0.5))));
    for (int k = 0; k < n; ++k) worst.add(ulps<T, Wide>(lanes[k], exact(inputs[i + k])), inputs[i + k], 0, lanes[k]);
  }
}

void test_unary(std::uint32_t step) {
  std::vector<float> floats = special_values<float>();
  for (std::uint64_t bits = 0; bits < (std::uint64_t(1) << 32); bits += step)
    floats.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  const std::vector<double> doubles = double_samples(100000);
  for (const Unary& u : kUnary) {
    Worst<float> worst_float;
    check_unary<float, double>(u.f, u.f_exact, floats, worst_float);
    worst_float.report(u.name, "float", u.f_bound);
    Worst<double> worst_double;
    check_unary<double, long double>(u.d, u.d_exact, doubles, worst_double);
    worst_double.report(u.name, "double", u.d_bound);
  }
}

// ---- functions of two arguments ----

struct Binary {
  const char* name;
  Vec<float> (*f)(Vec<float>, Vec<float>);
  Vec<double> (*d)(Vec<double>, Vec<double>);
  double (*f_exact)(double, double);
  long double (*d_exact)(long double, long double);
};
template <class W>
W exact_logaddexp(W a, W b) {
  if (a == b) return a + std::log(W(2));
  if (std::isnan(a) || std::isnan(b)) return a + b;
  return std::fmax(a, b) + std::log1p(std::exp(-std::fabs(a - b)));
}
template <class W>
W exact_max(W a, W b) {
  return std::isnan(a) || std::isnan(b) ? a + b : (a > b ? a : b);
}
template <class W>
W exact_min(W a, W b) {
  return std::isnan(a) || std::isnan(b) ? a + b : (a < b ? a : b);
}
#define BINARY(name, exact)                                            \
  {#name, [](Vec<float> a, Vec<float> b) { return math::name(a, b); }, \
   [](Vec<double> a, Vec<double> b) { return math::name(a, b); }, exact<double>, exact<long double>}
template <class W>
W exact_atan2(W a, W b) {
  return std::atan2(a, b);
}
template <class W>
W exact_pow(W a, W b) {
  return std::pow(a, b);
}
template <class W>
W exact_hypot(W a, W b) {
  return std::hypot(a, b);
}
template <class W>
W exact_copysign(W a, W b) {
  return std::copysign(a, b);
}
const Binary kBinary[] = {BINARY(atan2, exact_atan2),         BINARY(pow, exact_pow), BINARY(hypot, exact_hypot),
                          BINARY(logaddexp, exact_logaddexp), BINARY(max, exact_max), BINARY(min, exact_min),
                          BINARY(copysign, exact_copysign)};

template <class T, class Wide, class Function>
void check_binary(const char* name, const char* type, Function f, Wide (*exact)(Wide, Wide),
                  const std::vector<std::pair<T, T>>& inputs) {
  Worst<T> worst;
  T a[kLanes<T>] = {}, b[kLanes<T>] = {}, out[kLanes<T>];
  // log(exp(a) + exp(b)) near its zeros is ill-conditioned: its error is one of the larger term.
  const bool cancels = std::string(name) == "logaddexp";
  for (std::size_t i = 0; i < inputs.size(); i += kLanes<T>) {
    const std::size_t n = std::min<std::size_t>(kLanes<T>, inputs.size() - i);
    for (std::size_t k = 0; k < n; ++k) a[k] = inputs[i + k].first, b[k] = inputs[i + k].second;
    store(out, f(load(a), load(b)));
    for (std::size_t k = 0; k < n; ++k) {
      const Wide expected = exact(a[k], b[k]);
      double error = ulps<T, Wide>(out[k], expected);
      if (cancels && std::isfinite(out[k]) && std::isfinite(expected) && std::max(a[k], b[k]) < 0 &&
          std::max(a[k], b[k]) >= -1)
        error = static_cast<double>(std::fabs(out[k] - expected) * 2 / std::numeric_limits<T>::epsilon());
      worst.add(error, a[k], b[k], out[k]);
    }
  }
  worst.report(name, type, 2);
}

template <class T>
std::vector<std::pair<T, T>> pairs(std::size_t count) {
  const std::vector<T> special = special_values<T>();
  std::vector<std::pair<T, T>> out;
  for (T a : special)
    for (T b : special) out.emplace_back(a, b);
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> unit(-1, 1);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t bits = random();
    if (i % 4 == 0) {
      if constexpr (sizeof(T) == 4)
        out.emplace_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)),
                         std::bit_cast<float>(static_cast<std::uint32_t>(bits >> 32)));
      else
        out.emplace_back(std::bit_cast<double>(bits), std::bit_cast<double>(random()));
    } else if (i % 4 == 1)
      out.emplace_back(static_cast<T>(unit(random)), static_cast<T>(unit(random)));
    else if (i % 4 == 2)
      out.emplace_back(static_cast<T>(std::fabs(unit(random)) * 20), static_cast<T>(unit(random) * 30));
    else
      out.emplace_back(static_cast<T>(1 + unit(random) / (i % 64 + 1)), static_cast<T>(unit(random) * (1 << i % 20)));
  }
  return out;
}

void test_binary() {
  const auto floats = pairs<float>(200000);
  const auto doubles = pairs<double>(100000);
  for (const Binary& b : kBinary) {
    check_binary<float, double>(b.name, "float", b.f, b.f_exact, floats);
    check_binary<double, long double>(b.name, "double", b.d, b.d_exact, doubles);
  }
}

// ---- the array API standard's special cases that the comparison with the C library does not already pin ----

template <class T>
void test_special() {
  using L = std::numeric_limits<T>;
  const T inf = L::infinity(), nan = L::quiet_NaN();
  auto same = [](T a, T b) {
    return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
  };
  EXPECT(same(math::pow(nan, T(0)), 1) && same(math::pow(T(1), nan), 1) && same(math::pow(T(-1), inf), 1) &&
         same(math::pow(T(-0.0), T(-3)), -inf));
  EXPECT(same(math::pow(T(-8), T(3)), -512) && same(math::pow(T(-8), T(0.5)), nan) &&
         same(math::pow(-inf, T(-3)), T(-0.0)));
  EXPECT(same(math::hypot(inf, nan), inf) && same(math::hypot(nan, -inf), inf));
  EXPECT(same(math::logaddexp(inf, inf), inf) && same(math::logaddexp(-inf, -inf), -inf) &&
         same(math::logaddexp(-inf, T(2)), 2) && same(math::logaddexp(inf, -inf), inf));
  EXPECT(same(math::exp(T(0)), 1) && same(math::exp2(T(10)), 1024) && same(math::cosh(T(0)), 1) &&
         same(math::log2(T(8)), 3) && same(math::log(T(1)), 0));
  for (T x : {T(0.0), T(-0.0), L::denorm_min(), -L::denorm_min()}) {
    EXPECT(same(math::sin(x), x) && same(math::tan(x), x) && same(math::sinh(x), x) && same(math::tanh(x), x) &&
           same(math::asinh(x), x));
    EXPECT(same(math::atanh(x), x) && same(math::asin(x), x) && same(math::atan(x), x) && same(math::expm1(x), x) &&
           same(math::log1p(x), x));
  }
  EXPECT(same(math::round(T(2.5)), 2) && same(math::round(T(-0.4)), T(-0.0)) && same(math::trunc(T(-0.4)), T(-0.0)) &&
         same(math::ceil(T(-0.4)), T(-0.0)));
  EXPECT(same(fast_min(Vec<T>(nan), Vec<T>(T(1)))[0], 1) && same(min(Vec<T>(nan), Vec<T>(T(1)))[0], nan) &&
         same(max(Vec<T>(T(1)), Vec<T>(nan))[0], nan));
}

// ---- lanes, masks, reductions ----

template <class T>
void test_lanes() {
  constexpr int L = kLanes<T>;
  T in[L], out[L];
  for (int i = 0; i < L; ++i) in[i] = static_cast<T>((i * 7) % L - 3);
  const Vec<T> x = load(in);
  T sum = 0, largest = in[0], smallest = in[0];
  for (T v : in) sum += v, largest = std::max(largest, v), smallest = std::min(smallest, v);
  EXPECT(reduce_add(x) == sum && reduce_max(x) == largest && reduce_min(x) == smallest);
  store(out, select(x < Vec<T>(T(0)), abs(x) + Vec<T>(T(100)), x * x - x));
  for (int i = 0; i < L; ++i) EXPECT(out[i] == (in[i] < 0 ? -in[i] + 100 : in[i] * in[i] - in[i]));
  EXPECT(mask_bits(x == Vec<T>(in[L - 1])) == (1u << (L - 1)) && !any(x > Vec<T>(largest)) &&
         all(x >= Vec<T>(smallest)));
  EXPECT(mask_bits(~(x <= Vec<T>(T(0))) & (x != Vec<T>(T(1)))) == mask_bits(x > Vec<T>(T(1))));
  for (int n = 0; n <= L; ++n) {
    EXPECT(mask_bits(first_lanes<T>(n)) == (1u << n) - 1);
    EXPECT(reduce_max(load_partial(in, n, T(1000))) == (n < L ? T(1000) : largest));
  }
  if constexpr (std::is_floating_point_v<T>) {
    for (int i = 0; i < L; ++i) {
      T with_nan[L];
      std::copy(in, in + L, with_nan);
      with_nan[i] = std::numeric_limits<T>::quiet_NaN();
      EXPECT(std::isnan(reduce_max(load(with_nan))) && std::isnan(reduce_min(load(with_nan))) &&
             std::isnan(reduce_add(load(with_nan))));
    }
    EXPECT(std::signbit(Vec<T>(T(-0.0))[L - 1]) && std::signbit((-Vec<T>(T(0)))[0]));
    const Vec<T> y = x + Vec<T>(T(0.75));
    for (int i = 0; i < L; ++i)
      EXPECT(truncate_to_int(y)[i] == static_cast<IntOf<T>>(in[i] + T(0.75)) &&
             int_to_float(truncate_to_int(x))[i] == in[i]);
  } else {
    using U = UintOf<T>;
    const Vec<T> all_ones(T(-1));
    EXPECT(shift_right(all_ones, 5)[0] == -1 && shift_left(all_ones, 5)[1] == -32 &&
           static_cast<U>(shift_right_logical(all_ones, 5)[0]) == static_cast<U>(-1) >> 5);
    EXPECT(max(x, Vec<T>(T(2)))[0] == std::max(in[0], T(2)) && min(x, Vec<T>(T(-1)))[0] == std::min(in[0], T(-1)));
    EXPECT(abs(Vec<T>(std::numeric_limits<T>::min()))[0] == std::numeric_limits<T>::min());
    const Vec<T> largest_value(std::numeric_limits<T>::max());
    EXPECT((largest_value + Vec<T>(T(1)))[0] == std::numeric_limits<T>::min() &&
           (largest_value * Vec<T>(T(2)))[1] == -2);
    EXPECT(reduce_add(largest_value) == -kLanes<T>);
  }
}

void test_widen() {
  float in[kLanes<float>], back[kLanes<float>];
  for (int i = 0; i < kLanes<float>; ++i) in[i] = static_cast<float>(i) * 0.37f - 1;
  const auto [low, high] = widen(load(in));
  for (int i = 0; i < kLanes<double>; ++i) EXPECT(low[i] == double(in[i]) && high[i] == double(in[i + kLanes<double>]));
  store(back, narrow(low, high));
  EXPECT(std::equal(in, in + kLanes<float>, back));
}

template <class H>
void test_half() {
  constexpr int L = kLanes<float>;
  for (std::uint32_t first = 0; first < 65536; first += L) {
    H in[L];
    for (int i = 0; i < L; ++i) in[i].bits = static_cast<std::uint16_t>(first + i);
    float wide[L];
    store(wide, load(in));
    for (int i = 0; i < L; ++i)
      if (std::bit_cast<std::uint32_t>(wide[i]) != std::bit_cast<std::uint32_t>(static_cast<float>(in[i])))
        fail("decode of %#x", in[i].bits);
  }
  for (std::uint64_t bits = 0; bits < (std::uint64_t(1) << 32); bits += 1021 * L) {
    float in[L];
    for (int i = 0; i < L; ++i) in[i] = std::bit_cast<float>(static_cast<std::uint32_t>(bits + 1021 * i));
    H out[L];
    store(out, load(in));
    for (int i = 0; i < L; ++i)
      if (out[i].bits != H(in[i]).bits) fail("encode of %a: %#x, not %#x", double(in[i]), out[i].bits, H(in[i]).bits);
  }
}

// ---- nothing beyond n is read or written ----

template <class T>
void test_partial(char* page_end, char* page_begin) {
  constexpr int L = kLanes<Acc<T>>;
  for (int n = 0; n <= L; ++n) {
    T* last = reinterpret_cast<T*>(page_end) - n;
    for (int i = 0; i < n; ++i) last[i] = convert<T>(float(i + 1));
    const auto x = load_partial(static_cast<const T*>(last), n);
    for (int i = 0; i < L; ++i) EXPECT(x[i] == (i < n ? i + 1 : 0));
    store_partial(last, n, x + x);
    for (int i = 0; i < n; ++i) EXPECT(convert<double>(last[i]) == 2 * (i + 1));
    T* first = reinterpret_cast<T*>(page_begin);
    for (int i = 0; i <= L; ++i) first[i] = convert<T>(9.f);
    store_partial(first, n, x);
    for (int i = n; i <= L; ++i) EXPECT(convert<double>(first[i]) == 9);
    EXPECT(load_partial(static_cast<const T*>(first), n, Acc<T>(5))[L - 1] == (n == L ? L : 5));
  }
  if constexpr (Lane<T>) {
    T* aligned = reinterpret_cast<T*>(page_begin);
    stream(aligned, Vec<T>(T(4)));
    stream_fence();
    EXPECT(aligned[0] == T(4) && aligned[L - 1] == T(4));
  }
}

void test_memory() {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  char* base = static_cast<char*>(mmap(nullptr, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (base == MAP_FAILED || mprotect(base + page, page, PROT_READ | PROT_WRITE) != 0) std::abort();
  char *begin = base + page, *end = begin + page;
  test_partial<float>(end, begin), test_partial<double>(end, begin);
  test_partial<std::int32_t>(end, begin), test_partial<std::int64_t>(end, begin);
  test_partial<half>(end, begin), test_partial<bfloat16>(end, begin);
  munmap(base, 3 * page);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint32_t step = 4099;
  for (int i = 1; i < argc; ++i)
    if (std::string(argv[i]) == "-v")
      verbose = true;
    else
      step = static_cast<std::uint32_t>(std::max(1, std::atoi(argv[i])));
  test_lanes<float>(), test_lanes<double>(), test_lanes<std::int32_t>(), test_lanes<std::int64_t>();
  test_widen();
  test_memory();
  test_half<half>(), test_half<bfloat16>();
  test_special<float>(), test_special<double>();
  test_unary(step);
  test_binary();
  std::printf("%d-byte vectors: %d failures\n", kVectorBytes, failures);
  return failures != 0;
}
