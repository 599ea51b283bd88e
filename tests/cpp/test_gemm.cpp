// Tests of the matrix product of one instruction set, on their own: small-integer inputs, whose sums are exact in every
// type, over shapes, layouts, epilogues and operand forms; operands end at forbidden pages, C lies among canaries.
// Prints one line per failure and a count; the exit status is 0 when there is none.
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <string>

#include "cpu/gemm.h"
#include "guarded.h"

namespace {

using namespace tc;
using namespace tc::cpu;
using guarded::Memory;
using i64 = std::int64_t;

std::mt19937_64 random_bits{20240607};
int failures = 0, checks = 0;

i64 pick(i64 low, i64 high) { return std::uniform_int_distribution<i64>(low, high)(random_bits); }

template <class T>
const char* type_name() {
  return name_of(dtype_of<T>());
}

// Exact arithmetic of the reference: double for floats, wrapping 64 bits for integers.
template <class T>
using Wide = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;
template <class T>
Wide<T> widen(T x) {
  return convert<Wide<T>>(x);
}

enum Layout {
  rows_adjacent,
  padded,
  cols_adjacent,
  cols_padded,
  both_strided,
  negative_rows,
  negative_cols,
  same_rows,
  same_cols,
  kLayouts
};

// A matrix of small integers in guarded, read-only memory that has exactly the elements its strides reach.
template <class T>
struct Input {
  Input(i64 rows, i64 cols, int layout, int largest = 3) : rows(rows), cols(cols) {
    switch (layout) {
      case rows_adjacent:
        row_stride = cols, col_stride = 1;
        break;
      case padded:
        row_stride = cols + 5, col_stride = 1;
        break;
      case cols_adjacent:
        row_stride = 1, col_stride = rows;
        break;
      case cols_padded:
        row_stride = 1, col_stride = rows + 3;
        break;
      case both_strided:
        row_stride = 2 * cols + 1, col_stride = 2;
        break;
      case negative_rows:
        row_stride = -cols, col_stride = 1;
        break;
      case negative_cols:
        row_stride = cols + 2, col_stride = -1;
        break;
      case same_rows:
        row_stride = 0, col_stride = 1;
        break;
      default:
        row_stride = 1, col_stride = 0;
        break;
    }
    const i64 r = std::max<i64>(rows - 1, 0), c = std::max<i64>(cols - 1, 0);
    const i64 low = std::min<i64>(0, r * row_stride) + std::min<i64>(0, c * col_stride);
    const i64 high = std::max<i64>(0, r * row_stride) + std::max<i64>(0, c * col_stride);
    const i64 count = rows && cols ? high - low + 1 : 0;
    memory = std::make_unique<Memory>(static_cast<std::size_t>(count) * sizeof(T), pick(0, 1) == 0);
    T* first = static_cast<T*>(memory->data());
    for (i64 i = 0; i < count; ++i)
      first[i] = convert<T>(static_cast<int>(pick(std::is_unsigned_v<T> ? 0 : -largest, largest)));
    memory->make_read_only();
    data = first - low;
  }
  T at(i64 i, i64 j) const { return data[i * row_stride + j * col_stride]; }
  Matrix<T> view() const { return {data, row_stride, col_stride}; }
  i64 rows, cols, row_stride = 0, col_stride = 0;
  std::unique_ptr<Memory> memory;
  T* data;
};

// C with gaps: every element that is not part of it is a canary.
template <class T>
struct Output {
  Output(i64 m, i64 n, int layout) : m(m), n(n) {
    switch (layout % 5) {
      case 0:
        row_stride = n, col_stride = 1;
        break;
      case 1:
        row_stride = n + 7, col_stride = 1;
        break;
      case 2:
        row_stride = 1, col_stride = m + 2;
        break;
      case 3:
        row_stride = 3 * n + 1, col_stride = 3;
        break;
      default:
        row_stride = -(n + 1), col_stride = 1;
        break;
    }
    const i64 span = std::abs(row_stride) * std::max<i64>(m - 1, 0) + col_stride * std::max<i64>(n - 1, 0) + 1;
    all.resize(static_cast<std::size_t>(span + 128));
    std::memset(static_cast<void*>(all.data()), 0x5a, all.size() * sizeof(T));
    origin = 64 + (row_stride < 0 ? -row_stride * std::max<i64>(m - 1, 0) : 0);
  }
  T* data() { return all.data() + origin; }
  T& at(i64 i, i64 j) { return data()[i * row_stride + j * col_stride]; }
  i64 m, n, row_stride = 0, col_stride = 0, origin = 0;
  std::vector<T> all;
};

template <class T>
bool same_bits(const T& a, const T& b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

double activation_value(Activation activation, double x) {
  switch (activation) {
    case Activation::relu:
      return x < 0 ? 0 : x;
    case Activation::gelu:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::silu:
      return x / (1 + std::exp(-x));
    default:
      return x;
  }
}

// Largest error of storing x in a half type; 0 for the others.
template <class T>
double rounding(double x) {
  if (std::is_same_v<T, half>) return std::fabs(x) * 0x1p-11 + 0x1p-25;
  if (std::is_same_v<T, bfloat16>) return std::fabs(x) * 0x1p-8;
  return 0;
}

template <class T>
using Call = std::function<void(const Input<T>&, const Input<T>&, Output<T>&, const Epilogue<T>&)>;

struct Case {
  i64 m, n, k;
  int a_layout, b_layout, c_layout;
  int alpha, beta;
  bool column_bias, row_bias;
  Activation activation;
};

std::string describe(const char* form, const char* type, const Case& s) {
  char text[300];
  std::snprintf(text, sizeof text,
                "%s %s m=%lld n=%lld k=%lld layouts %d %d %d alpha=%d beta=%d bias %d %d activation %d", form, type,
                static_cast<long long>(s.m), static_cast<long long>(s.n), static_cast<long long>(s.k), s.a_layout,
                s.b_layout, s.c_layout, s.alpha, s.beta, s.column_bias, s.row_bias, static_cast<int>(s.activation));
  return text;
}

template <class T>
void check_case(const char* form, const Case& s, const Call<T>& call) {
  const Input<T> a(s.m, s.k, s.a_layout), b(s.k, s.n, s.b_layout);
  const Input<T> column_bias(1, s.n, rows_adjacent), row_bias(s.m, 1, both_strided);
  Output<T> c(s.m, s.n, s.c_layout);
  Epilogue<T> epilogue;
  epilogue.alpha = static_cast<Acc<T>>(s.alpha), epilogue.beta = static_cast<Acc<T>>(s.beta);
  if (s.column_bias) epilogue.column_bias = column_bias.data, epilogue.column_bias_stride = column_bias.col_stride;
  if (s.row_bias) epilogue.row_bias = row_bias.data, epilogue.row_bias_stride = row_bias.row_stride;
  epilogue.activation = s.activation;
  for (i64 i = 0; i < s.m; ++i)
    for (i64 j = 0; j < s.n; ++j) {
      if (s.beta)
        c.at(i, j) = convert<T>(static_cast<int>(pick(0, 5)));
      else
        std::memset(static_cast<void*>(&c.at(i, j)), 0xff, sizeof(T));  // NaN: must not be read
    }
  std::vector<T> expected = c.all;
  std::vector<double> exact;
  std::vector<double> before;  // the activation
  for (i64 i = 0; i < s.m; ++i)
    for (i64 j = 0; j < s.n; ++j) {
      Wide<T> sum = 0;
      for (i64 p = 0; p < s.k; ++p) sum += widen(a.at(i, p)) * widen(b.at(p, j));
      sum *= static_cast<Wide<T>>(s.alpha);
      if (s.beta) sum += static_cast<Wide<T>>(s.beta) * widen(c.at(i, j));
      if (s.column_bias) sum += widen(column_bias.at(0, j));
      if (s.row_bias) sum += widen(row_bias.at(i, 0));
      T& out = expected[static_cast<std::size_t>(c.origin + i * c.row_stride + j * c.col_stride)];
      if constexpr (std::is_integral_v<T>) {
        out = static_cast<T>(sum);
        if (s.activation == Activation::relu && out < T(0)) out = T(0);
      } else {
        before.push_back(sum);
        exact.push_back(activation_value(s.activation, sum));
        out = convert<T>(static_cast<float>(exact.back()));
        if constexpr (std::is_same_v<T, double>) out = exact.back();
      }
    }
  call(a, b, c, epilogue);
  ++checks;
  const bool bitwise = s.activation == Activation::none || s.activation == Activation::relu;
  std::size_t wrong = 0;
  if (!bitwise) {  // compare the values here, and put them in the expected array so that the canaries are compared
                   // below
    if constexpr (!std::is_integral_v<T>) {
      std::size_t at = 0;
      for (i64 i = 0; i < s.m; ++i)
        for (i64 j = 0; j < s.n; ++j, ++at) {
          const double got = convert<double>(c.at(i, j));
          // Four roundings of the type that computes (of x in gelu, 1 + erf(x) being a difference for x < 0), and one
          // of the type that is stored.
          const double computed =
              4 * std::numeric_limits<Acc<T>>::epsilon() * std::max(std::fabs(before[at]), std::fabs(exact[at]));
          if (!(std::fabs(got - exact[at]) <= computed + rounding<T>(exact[at]))) ++wrong;
          expected[static_cast<std::size_t>(c.origin + i * c.row_stride + j * c.col_stride)] = c.at(i, j);
        }
    }
  }
  for (std::size_t i = 0; i < expected.size(); ++i)
    wrong += !same_bits(expected[i], c.all[i]) && !(widen(expected[i]) == 0 && widen(c.all[i]) == 0);
  if (wrong && ++failures <= 20)
    std::printf("FAIL: %s: %zu of %zu elements\n", describe(form, type_name<T>(), s).c_str(), wrong, expected.size());
}

template <class T>
Case random_case(i64 m, i64 n, i64 k) {
  constexpr Activation kActivations[] = {Activation::none, Activation::none,    Activation::relu, Activation::gelu,
                                         Activation::tanh, Activation::sigmoid, Activation::silu};
  Case s{m,
         n,
         k,
         static_cast<int>(pick(0, kLayouts - 1)),
         static_cast<int>(pick(0, kLayouts - 1)),
         static_cast<int>(pick(0, 4)),
         1,
         0,
         pick(0, 3) == 0,
         pick(0, 3) == 0,
         kActivations[pick(0, std::is_integral_v<T> ? 2 : 6)]};
  if (pick(0, 2) == 0) s.alpha = static_cast<int>(pick(0, 3));
  if (pick(0, 1) == 0) s.beta = static_cast<int>(pick(1, 2));
  return s;
}

// Every way to hand the same product over.
template <class T>
std::vector<std::pair<const char*, Call<T>>> forms() {
  const auto filler = [](const Input<T>& x) {
    return [&x](Packed<T>* out, i64 ld, i64 row0, i64 row1, i64 col0, i64 col1) {
      for (i64 i = row0; i < row1; ++i)
        for (i64 j = col0; j < col1; ++j) out[(i - row0) * ld + j - col0] = static_cast<Packed<T>>(x.at(i, j));
    };
  };
  return {
      {"gemm",
       [](const Input<T>& a, const Input<T>& b, Output<T>& c, const Epilogue<T>& e) {
         gemm<T>(c.m, c.n, a.cols, a.view(), b.view(), c.data(), c.row_stride, c.col_stride, e);
       }},
      {"gemm_serial",
       [](const Input<T>& a, const Input<T>& b, Output<T>& c, const Epilogue<T>& e) {
         gemm_serial<T>(c.m, c.n, a.cols, a.view(), b.view(), c.data(), c.row_stride, c.col_stride, e);
       }},
      {"packed a",
       [](const Input<T>& a, const Input<T>& b, Output<T>& c, const Epilogue<T>& e) {
         const PackedMatrix<T> packed = pack_a<T>(c.m, a.cols, a.view());
         gemm<T>(c.m, c.n, a.cols, packed, b.view(), c.data(), c.row_stride, c.col_stride, e);
       }},
      {"packed b",
       [](const Input<T>& a, const Input<T>& b, Output<T>& c, const Epilogue<T>& e) {
         const PackedMatrix<T> packed = pack_b<T>(a.cols, c.n, b.view());
         gemm<T>(c.m, c.n, a.cols, a.view(), packed, c.data(), c.row_stride, c.col_stride, e);
       }},
      {"filled a and b",
       [filler](const Input<T>& a, const Input<T>& b, Output<T>& c, const Epilogue<T>& e) {
         gemm<T>(c.m, c.n, a.cols, filler(a), filler(b), c.data(), c.row_stride, c.col_stride, e);
       }},
      {"filled a, packed b",
       [filler](const Input<T>& a, const Input<T>& b, Output<T>& c, const Epilogue<T>& e) {
         const auto fill = filler(b);
         const PackedMatrix<T> packed = pack_b<T>(a.cols, c.n, fill);
         gemm<T>(c.m, c.n, a.cols, filler(a), packed, c.data(), c.row_stride, c.col_stride, e);
       }},
  };
}

template <class T>
void test_type(int samples) {
  const auto all = forms<T>();
  for (int i = 0; i < samples; ++i) {
    guarded::threads = static_cast<int>(pick(1, 3));
    const auto& [name, call] = all[static_cast<std::size_t>(i) % all.size()];
    check_case<T>(name, random_case<T>(pick(0, 40), pick(0, 40), pick(0, 40)), call);
  }
  constexpr i64 kShapes[][3] = {{301, 277, 613}, {1, 1000, 517}, {97, 1, 1031},   {3, 5, 5000},    {70, 33, 2100},
                                {513, 130, 1},   {1, 1, 3000},   {2, 700, 300},   {700, 2, 300},   {14, 32, 256},
                                {28, 64, 512},   {15, 33, 257},  {170, 1030, 40}, {129, 257, 300}, {1, 3001, 2},
                                {3001, 1, 2},    {1, 70, 4000},  {40, 48, 17000}};
  for (const auto& shape : kShapes) {
    // Half types hold integers up to 2048 (256): larger sums are rounded once, as the reference rounds them.
    for (int i = 0; i < 3; ++i) {
      guarded::threads = i + 1;
      const auto& [name, call] = all[static_cast<std::size_t>(pick(0, static_cast<i64>(all.size()) - 1))];
      check_case<T>(name, random_case<T>(shape[0], shape[1], shape[2]), call);
    }
  }
}

// Real inputs: every element within the bound of a sum of k rounded products, and the same bits on 1 to 5 threads.
template <class T>
void test_real(i64 m, i64 n, i64 k) {
  std::vector<T> a(static_cast<std::size_t>(m * k)), b(static_cast<std::size_t>(k * n)),
      c(static_cast<std::size_t>(m * n)), again = c;
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (T& x : a) x = static_cast<T>(uniform(random_bits));
  for (T& x : b) x = static_cast<T>(uniform(random_bits));
  guarded::threads = 1;
  gemm<T>(m, n, k, Matrix<T>{a.data(), k, 1}, Matrix<T>{b.data(), n, 1}, c.data(), n);
  ++checks;
  double worst = 0;
  for (i64 i = 0; i < m; i += std::max<i64>(1, m / 50))
    for (i64 j = 0; j < n; j += std::max<i64>(1, n / 50)) {
      long double sum = 0, size = 0;
      for (i64 p = 0; p < k; ++p) {
        const long double term =
            static_cast<long double>(a[static_cast<std::size_t>(i * k + p)]) * b[static_cast<std::size_t>(p * n + j)];
        sum += term, size += std::fabs(term);
      }
      const double bound = static_cast<double>(size) * static_cast<double>(k + 1) * std::numeric_limits<T>::epsilon();
      worst = std::max(worst,
                       std::fabs(static_cast<double>(sum - c[static_cast<std::size_t>(i * n + j)])) / (bound + 1e-300));
    }
  if (!(worst <= 1) && ++failures)
    std::printf("FAIL: %s %lldx%lldx%lld error %g of the bound\n", type_name<T>(), (long long)m, (long long)n,
                (long long)k, worst);
  for (int threads : {2, 3, 5, 0}) {
    guarded::threads = std::max(threads, 1);
    if (threads)
      gemm<T>(m, n, k, Matrix<T>{a.data(), k, 1}, Matrix<T>{b.data(), n, 1}, again.data(), n);
    else
      gemm_serial<T>(m, n, k, Matrix<T>{a.data(), k, 1}, Matrix<T>{b.data(), n, 1}, again.data(), n);
    ++checks;
    if (std::memcmp(c.data(), again.data(), c.size() * sizeof(T)) != 0 && ++failures)
      std::printf("FAIL: %s %lldx%lldx%lld differs on %d threads\n", type_name<T>(), (long long)m, (long long)n,
                  (long long)k, threads);
  }
}

template <class T>
void test_batched(i64 batch, i64 m, i64 n, i64 k, bool shared_b, bool gaps) {
  const i64 a_step = m * k + (gaps ? 3 : 0), c_step = m * n + (gaps ? 2 : 0), b_step = shared_b ? 0 : k * n;
  const Input<T> a(1, batch * a_step, rows_adjacent), b(1, std::max(batch * b_step, k * n), rows_adjacent);
  Output<T> c(1, batch * c_step, 0);
  guarded::threads = static_cast<int>(pick(1, 3));
  const BatchOffsets strides{a_step, b_step, c_step};
  gemm_batched<T>(batch, strides, m, n, k, Matrix<T>{a.data, k, 1}, Matrix<T>{b.data, n, 1}, c.data(), n);
  ++checks;
  std::vector<T> expected(c.all.size());
  std::memset(static_cast<void*>(expected.data()), 0x5a, expected.size() * sizeof(T));
  for (i64 t = 0; t < batch; ++t)
    for (i64 i = 0; i < m; ++i)
      for (i64 j = 0; j < n; ++j) {
        Wide<T> sum = 0;
        for (i64 p = 0; p < k; ++p)
          sum += widen(a.data[t * a_step + i * k + p]) * widen(b.data[t * b_step + p * n + j]);
        expected[static_cast<std::size_t>(c.origin + t * c_step + i * n + j)] = convert<T>(sum);
      }
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (!same_bits(expected[i], c.all[i]) && !(widen(expected[i]) == 0 && widen(c.all[i]) == 0)) {
      if (++failures <= 20)
        std::printf("FAIL: batched %s %lld x %lldx%lldx%lld\n", type_name<T>(), (long long)batch, (long long)m,
                    (long long)n, (long long)k);
      return;
    }
}

template <class T>
void test_batches() {
  for (bool shared : {false, true})
    for (bool gaps : {false, true}) {
      test_batched<T>(0, 3, 4, 5, shared, gaps);
      test_batched<T>(5, 3, 4, 5, shared, gaps);
      test_batched<T>(7, 33, 17, 20, shared, gaps);
      test_batched<T>(3, 130, 140, 150, shared, gaps);
      test_batched<T>(40, 1, 9, 30, shared, gaps);
      test_batched<T>(6, 12, 0, 3, shared, gaps);
      test_batched<T>(6, 12, 3, 0, shared, gaps);
    }
}

void test_special_values() {
  // NaN and infinity pass through, relu keeps NaN, beta == 0 drops what C held.
  const float inf = INFINITY, nan = NAN;
  const float a[4] = {1, inf, nan, 1}, b[2] = {0, 1};
  float c[2] = {nan, nan};
  Epilogue<float> e;
  e.activation = Activation::relu;
  gemm<float>(2, 1, 2, Matrix<float>{a, 2, 1}, Matrix<float>{b, 1, 1}, c, 1, 1, e);
  ++checks;
  if (!(c[0] == inf && std::isnan(c[1])) && ++failures) std::printf("FAIL: special values: %g %g\n", c[0], c[1]);
}

}  // namespace

int main() {
  test_type<float>(1500);
  test_type<double>(900);
  test_type<half>(400);
  test_type<bfloat16>(400);
  test_type<std::uint8_t>(200);
  test_type<std::int8_t>(200);
  test_type<std::int16_t>(200);
  test_type<std::int32_t>(300);
  test_type<std::int64_t>(300);
  for (const auto& [m, n, k] : {std::array<i64, 3>{64, 64, 64},
                                {200, 300, 500},
                                {1, 500, 700},
                                {600, 1, 900},
                                {10, 12, 9000},
                                {1, 3, 20000},
                                {130, 1500, 260},
                                {37, 2100, 100},
                                {400, 400, 1},
                                {35, 70, 20000}}) {
    test_real<float>(m, n, k);
    test_real<double>(m, n, k);
  }
  test_batches<float>();
  test_batches<half>();
  test_batches<std::int32_t>();
  test_special_values();
  if (guarded::live_bytes != 0 && ++failures)
    std::printf("FAIL: %lld bytes of scratch not freed\n", (long long)guarded::live_bytes.load());
  std::printf("%d checks, %d failures\n", checks, failures);
  return failures != 0;
}
