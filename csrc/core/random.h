// From random bits to numbers. Element i of a stream is a function of (seed, offset, i) alone and uses only integer
// arithmetic and single correctly rounded operations (explicit fma, no product that a compiler could fuse into a sum),
// so its bits are the same on every processor, instruction set and number of threads.
//
// Layout: a tile is 16 consecutive blocks. 32-bit elements take word w of block b at place 16 w + b of their tile of
// 64, 64-bit ones the words (2p, 2p + 1) at place 16 p + b of their tile of 32: vector lanes and GPU threads that
// compute neighbouring blocks write neighbouring elements.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/philox.h"

namespace tc::random {

// Functions of loops over tiles are always_inline: a copy of their own would be shared between instruction sets.

inline constexpr int kTileBlocks = 16;
inline constexpr int kTile32 = 64;  // 32-bit elements in a tile
inline constexpr int kTile64 = 32;  // 64-bit elements in a tile

// `offset` counts blocks; a generator adds blocks_32(n) or blocks_64(n) to it after each n elements drawn.
struct Stream {
  std::uint64_t seed = 0, offset = 0;
};

TC_HD constexpr std::uint64_t blocks_32(std::uint64_t n) { return (n / kTile32 + (n % kTile32 != 0)) * kTileBlocks; }
TC_HD constexpr std::uint64_t blocks_64(std::uint64_t n) { return (n / kTile64 + (n % kTile64 != 0)) * kTileBlocks; }

// `attempt` > 0 gives fresh words for the same element: for methods that reject.
TC_HD constexpr PhiloxBlock block(Stream stream, std::uint64_t index, std::uint32_t attempt = 0) {
  const std::uint64_t n = stream.offset + index;
  return philox({{static_cast<std::uint32_t>(n), static_cast<std::uint32_t>(n >> 32), attempt, 0}}, stream.seed);
}

TC_HD constexpr std::uint32_t bits_32(Stream stream, std::uint64_t i, std::uint32_t attempt = 0) {
  return block(stream, i / kTile32 * kTileBlocks + i % kTileBlocks, attempt).word[i % kTile32 / kTileBlocks];
}
TC_HD constexpr std::uint64_t bits_64(Stream stream, std::uint64_t i, std::uint32_t attempt = 0) {
  const PhiloxBlock b = block(stream, i / kTile64 * kTileBlocks + i % kTileBlocks, attempt);
  const int pair = static_cast<int>(i % kTile64 / kTileBlocks);
  return b.word[2 * pair] | static_cast<std::uint64_t>(b.word[2 * pair + 1]) << 32;
}

// All words of tile `t` as word[w][b]; flattened, they are the 32-bit elements [64 t, 64 t + 64). Compilers vectorise
// it.
struct Tile {
  alignas(64) std::uint32_t word[4][kTileBlocks];
};
[[gnu::always_inline]] inline void fill_tile(Stream stream, std::uint64_t t, Tile& tile) {
  for (int b = 0; b < kTileBlocks; ++b) {
    const std::uint64_t n = stream.offset + t * kTileBlocks + static_cast<std::uint64_t>(b);
    tile.word[0][b] = static_cast<std::uint32_t>(n);
    tile.word[1][b] = static_cast<std::uint32_t>(n >> 32);
    tile.word[2][b] = tile.word[3][b] = 0;
  }
  std::uint32_t k0 = static_cast<std::uint32_t>(stream.seed), k1 = static_cast<std::uint32_t>(stream.seed >> 32);
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    for (int b = 0; b < kTileBlocks; ++b) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * tile.word[0][b],
                          p1 = std::uint64_t{0xCD9E8D57u} * tile.word[2][b];
      tile.word[0][b] = static_cast<std::uint32_t>(p1 >> 32) ^ tile.word[1][b] ^ k0;
      tile.word[2][b] = static_cast<std::uint32_t>(p0 >> 32) ^ tile.word[3][b] ^ k1;
      tile.word[1][b] = static_cast<std::uint32_t>(p1);
      tile.word[3][b] = static_cast<std::uint32_t>(p0);
    }
  }
}

// Uniform in [0, 1): multiples of 2^-24 and of 2^-53, all equally likely and exact.
TC_HD inline float uniform(std::uint32_t bits) {
  return static_cast<float>(static_cast<std::int32_t>(bits >> 8)) * 0x1p-24f;
}
TC_HD inline double uniform(std::uint64_t bits) {
  return static_cast<double>(static_cast<std::int64_t>(bits >> 11)) * 0x1p-53;
}

// Uniform in [low, high): rounding of low + u (high - low) could reach `high`, so the result is held below it.
template <class T>
struct Interval {
  T low, span, last;
  Interval(T low, T high) : low(low), span(high - low), last(low < high ? std::nextafter(high, low) : low) {}
  TC_HD T operator()(T u) const {
    const T value = sizeof(T) == 4 ? static_cast<T>(::fmaf(u, span, low)) : static_cast<T>(::fma(u, span, low));
    return value < last ? value : last;
  }
};

// The largest T below `high` (or `low`, in an empty interval) as a float, for T narrower than float: rounding a number
// below `high` to T may reach it. Infinity for other T, which Interval serves.
template <class T>
float last_below(double low, double high) {
  if constexpr (sizeof(T) >= sizeof(float)) {
    return std::numeric_limits<float>::infinity();
  } else {
    if (!(low < high)) return static_cast<float>(low);
    T value(static_cast<float>(high));
    if (static_cast<double>(static_cast<float>(value)) < high) return static_cast<float>(value);
    if (static_cast<float>(value) == 0)
      value.bits = 0x8001;
    else
      value.bits = static_cast<std::uint16_t>(value.bits & 0x8000 ? value.bits + 1 : value.bits - 1);
    return static_cast<float>(value);
  }
}

// Uniform integers in [0, span) without bias: the high half of bits * span, where those low halves are rejected that
// would give some results one more chance than others (Lemire, "Fast random integer generation in an interval", 2019).
// A rejected element draws again with the next `attempt`, so that it still depends on nothing but its own index.
// 32 bits serve every span up to 2^32; span 0 means 2^32 and 2^64.
struct Bounded32 {
  std::uint32_t span, rejected;  // 2^32 mod span
  TC_HD constexpr explicit Bounded32(std::uint32_t span) : span(span), rejected(span == 0 ? 0 : (0u - span) % span) {}
  TC_HD constexpr bool accept(std::uint32_t bits) const { return bits * span >= rejected; }
  TC_HD constexpr std::uint32_t map(std::uint32_t bits) const {
    return span == 0 ? bits : static_cast<std::uint32_t>(std::uint64_t{bits} * span >> 32);
  }
  TC_HD constexpr std::uint32_t operator()(Stream stream, std::uint64_t i, std::uint32_t attempt = 0) const {
    std::uint32_t bits = bits_32(stream, i, attempt);
    while (!accept(bits)) bits = bits_32(stream, i, ++attempt);
    return map(bits);
  }
};

struct Bounded64 {
  std::uint64_t span, rejected;  // 2^64 mod span
  TC_HD constexpr explicit Bounded64(std::uint64_t span) : span(span), rejected(span == 0 ? 0 : (0u - span) % span) {}
  TC_HD constexpr bool accept(std::uint64_t bits) const { return bits * span >= rejected; }
  TC_HD constexpr std::uint64_t map(std::uint64_t bits) const { return span == 0 ? bits : high_product(bits, span); }
  TC_HD constexpr std::uint64_t operator()(Stream stream, std::uint64_t i, std::uint32_t attempt = 0) const {
    std::uint64_t bits = bits_64(stream, i, attempt);
    while (!accept(bits)) bits = bits_64(stream, i, ++attempt);
    return map(bits);
  }
  // Upper 64 of the 128 bits of a * b.
  TC_HD static constexpr std::uint64_t high_product(std::uint64_t a, std::uint64_t b) {
    const std::uint64_t a0 = a & 0xffffffffu, a1 = a >> 32, b0 = b & 0xffffffffu, b1 = b >> 32;
    const std::uint64_t middle = a1 * b0 + (a0 * b0 >> 32), other = (middle & 0xffffffffu) + a0 * b1;
    return a1 * b1 + (middle >> 32) + (other >> 32);
  }
};

namespace detail {

TC_HD inline float fma(float a, float b, float c) { return ::fmaf(a, b, c); }
TC_HD inline double fma(double a, double b, double c) { return ::fma(a, b, c); }
TC_HD inline float root(float x) { return ::sqrtf(x); }
TC_HD inline double root(double x) { return ::sqrt(x); }

// c0 + x (c1 + x (c2 + ...)). Recursion, not a loop: it must be flat for the loop over elements to be vectorised.
template <class T>
TC_HD inline T horner(T, T c0) {
  return c0;
}
template <class T, class... Ts>
TC_HD inline T horner(T x, T c0, Ts... rest) {
  return fma(x, horner(x, rest...), c0);
}

// The formats' sizes, and Taylor series as long as their precision asks for (the first omitted term is below 1/8 ulp).
template <class T>
struct Series;
template <>
struct Series<float> {
  using Int = std::int32_t;
  using Uint = std::uint32_t;
  static constexpr int kMantissa = 23, kFractionBits = 31, kShift = 1;
  static constexpr float kUnit = 0x1p-31f;
  static constexpr Uint kRootHalf = 0x3f3504f3u;  // bits of sqrt(1/2)
  TC_HD static float atanh(float z) { return horner(z, 2.f, 2.f / 3, 2.f / 5, 2.f / 7, 2.f / 9, 2.f / 11); }
  TC_HD static float sin(float z) { return horner(z, 1.f, -1.f / 6, 1.f / 120, -1.f / 5040, 1.f / 362880); }
  TC_HD static float cos(float z) {
    return horner(z, 1.f, -1.f / 2, 1.f / 24, -1.f / 720, 1.f / 40320, -1.f / 3628800);
  }
};
template <>
struct Series<double> {
  using Int = std::int64_t;
  using Uint = std::uint64_t;
  static constexpr int kMantissa = 52, kFractionBits = 53, kShift = 11;
  static constexpr double kUnit = 0x1p-53;
  static constexpr Uint kRootHalf = 0x3fe6a09e667f3bcdu;
  TC_HD static double atanh(double z) {
    return horner(z, 2., 2. / 3, 2. / 5, 2. / 7, 2. / 9, 2. / 11, 2. / 13, 2. / 15, 2. / 17, 2. / 19, 2. / 21, 2. / 23);
  }
  TC_HD static double sin(double z) {
    return horner(z, 1., -1. / 6, 1. / 120, -1. / 5040, 1. / 362880, -1. / 39916800, 1. / 6227020800,
                  -1. / 1307674368000, 1. / 355687428096000);
  }
  TC_HD static double cos(double z) {
    return horner(z, 1., -1. / 2, 1. / 24, -1. / 720, 1. / 40320, -1. / 3628800, 1. / 479001600, -1. / 87178291200,
                  1. / 20922789888000, -1. / 6402373705728000);
  }
};

// -2 ln u for u = k / 2^kFractionBits in (0, 1]: u = 2^e m with m in [sqrt(1/2), sqrt(2)), ln m = 2 atanh((m - 1) / (m
// + 1)).
template <class T>
[[gnu::always_inline]] TC_HD inline T minus_two_log(typename Series<T>::Int k) {
  using S = Series<T>;
  using Uint = typename S::Uint;
  const Uint bits = std::bit_cast<Uint>(static_cast<T>(k));
  const Uint from_root = bits - S::kRootHalf;
  const auto exponent = static_cast<typename S::Int>(from_root) >> S::kMantissa;
  const T m = std::bit_cast<T>((from_root & ((Uint{1} << S::kMantissa) - 1)) + S::kRootHalf);
  // Next to 1, k / 2^kFractionBits - 1 is taken from the integer, which has more bits there than m.
  const T near =
      static_cast<T>(static_cast<typename S::Int>(static_cast<Uint>(k) - (Uint{1} << S::kFractionBits))) * S::kUnit;
  const bool is_near = exponent == S::kFractionBits;
  const T s = (is_near ? near : m - 1) / (m + 1);
  const T log_m = s * S::atanh(s * s);
  const T log =
      fma(static_cast<T>(exponent - S::kFractionBits), static_cast<T>(0.693147180559945309417232121458), log_m);
  const T twice = T(-2) * log;
  return twice > 0 ? twice : T(0);
}

}  // namespace detail

// Two independent standard normal numbers from two words (Box, Muller, "A note on the generation of random normal
// deviates", 1958). The radius has 31 (float) or 53 bits and is never 0's logarithm: |z| <= 6.6 and 8.6, never inf or
// nan.
template <class T>
[[gnu::always_inline]] TC_HD inline void normal_pair(typename detail::Series<T>::Uint a,
                                                     typename detail::Series<T>::Uint b, T& z0, T& z1) {
  using S = detail::Series<T>;
  using Int = typename S::Int;
  using Uint = typename S::Uint;
  constexpr int kBits = 8 * sizeof(T);
  const T radius = detail::root(detail::minus_two_log<T>(static_cast<Int>(a >> S::kShift) | 1));
  // b is the angle in units of 2 pi / 2^kBits: nearest quarter turn, and the rest in [-1/8, 1/8) of a turn.
  const Uint quarter = (b + (Uint{1} << (kBits - 3))) >> (kBits - 2);
  const Int rest = static_cast<Int>(b - (quarter << (kBits - 2)));
  const T x = static_cast<T>(rest) *
              static_cast<T>(1.57079632679489661923132169164 / static_cast<double>(Uint{1} << (kBits - 2)));
  const T xx = x * x;
  const T s = x * S::sin(xx), c = S::cos(xx);
  const T c_turned = (quarter & 1) ? s : c, s_turned = (quarter & 1) ? c : s;
  const Uint c_sign = ((quarter + 1) & 2) << (kBits - 2), s_sign = (quarter & 2) << (kBits - 2);
  z0 = radius * std::bit_cast<T>(std::bit_cast<Uint>(c_turned) ^ c_sign);
  z1 = radius * std::bit_cast<T>(std::bit_cast<Uint>(s_turned) ^ s_sign);
}

// mean + std z, rounded once.
TC_HD inline float shift_normal(float z, float mean, float std) { return ::fmaf(z, std, mean); }
TC_HD inline double shift_normal(double z, double mean, double std) { return ::fma(z, std, mean); }

// Element i of a stream of normal numbers. The two of a pair are neighbours in the layout's slow index.
TC_HD inline float normal_32(Stream stream, std::uint64_t i) {
  const PhiloxBlock b = block(stream, i / kTile32 * kTileBlocks + i % kTileBlocks);
  const int place = static_cast<int>(i % kTile32 / kTileBlocks), pair = place & 2;
  float z0, z1;
  normal_pair<float>(b.word[pair], b.word[pair + 1], z0, z1);
  return place & 1 ? z1 : z0;
}
TC_HD inline double normal_64(Stream stream, std::uint64_t i) {
  const PhiloxBlock b = block(stream, i / kTile64 * kTileBlocks + i % kTileBlocks);
  double z0, z1;
  normal_pair<double>(b.word[0] | static_cast<std::uint64_t>(b.word[1]) << 32,
                      b.word[2] | static_cast<std::uint64_t>(b.word[3]) << 32, z0, z1);
  return i % kTile64 / kTileBlocks ? z1 : z0;
}

// The same for a whole tile on the CPU: 64 floats, 32 doubles.
[[gnu::always_inline]] inline void normal_tile(const Tile& tile, float* out) {
  for (int pair = 0; pair < 4; pair += 2)
    for (int b = 0; b < kTileBlocks; ++b)
      normal_pair<float>(tile.word[pair][b], tile.word[pair + 1][b], out[pair * kTileBlocks + b],
                         out[(pair + 1) * kTileBlocks + b]);
}
[[gnu::always_inline]] inline void normal_tile(const Tile& tile, double* out) {
  for (int b = 0; b < kTileBlocks; ++b)
    normal_pair<double>(tile.word[0][b] | static_cast<std::uint64_t>(tile.word[1][b]) << 32,
                        tile.word[2][b] | static_cast<std::uint64_t>(tile.word[3][b]) << 32, out[b],
                        out[kTileBlocks + b]);
}

}  // namespace tc::random
