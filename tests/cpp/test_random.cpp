// Philox against the known answers of its authors, and the mapping to numbers: tiles against single elements,
// exactness, ranges, moments. `digest` prints a hash of everything, which must not depend on the instruction set
// compiled for.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "check.h"
#include "core/random.h"

namespace {

using namespace tc::random;
using tc::philox;
using tc::PhiloxBlock;

void known_answers() {
  struct Answer {
    PhiloxBlock counter;
    std::uint64_t key;
    PhiloxBlock result;
  };
  constexpr std::uint32_t kOnes = 0xffffffffu;
  const Answer answers[] = {
      // kat_vectors of the Random123 distribution, philox4x32 with 10 rounds
      {{{0, 0, 0, 0}}, 0, {{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}}},
      {{{kOnes, kOnes, kOnes, kOnes}}, ~std::uint64_t{0}, {{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}}},
      {{{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}},
       0x299f31d0a4093822u,
       {{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}}},
  };
  for (const Answer& a : answers) {
    const PhiloxBlock got = philox(a.counter, a.key);
    for (int w = 0; w < 4; ++w) EXPECT(got.word[w] == a.result.word[w]);
  }
}

void tiles() {
  for (const Stream stream :
       {Stream{1, 0}, Stream{~0ull, 0xfffffff8ull}, Stream{42, ~0ull - 7}}) {  // counters carry, and wrap
    for (std::uint64_t t = 0; t < 4; ++t) {
      Tile tile;
      fill_tile(stream, t, tile);
      const std::uint32_t* words = &tile.word[0][0];
      float f[kTile32];
      double d[kTile64];
      normal_tile(tile, f);
      normal_tile(tile, d);
      for (std::uint64_t i = 0; i < kTile32; ++i) {
        EXPECT(words[i] == bits_32(stream, t * kTile32 + i));
        EXPECT(f[i] == normal_32(stream, t * kTile32 + i));
      }
      for (std::uint64_t i = 0; i < kTile64; ++i) EXPECT(d[i] == normal_64(stream, t * kTile64 + i));
    }
  }
  EXPECT(blocks_32(0) == 0 && blocks_32(1) == 16 && blocks_32(64) == 16 && blocks_32(65) == 32);
  EXPECT(blocks_64(0) == 0 && blocks_64(1) == 16 && blocks_64(32) == 16 && blocks_64(33) == 32);
  // The next draw of a generator begins where the one before has ended, without a word in common.
  EXPECT(bits_32({7, blocks_32(100)}, 0) == bits_32({7, 0}, 128));
}

void uniforms() {
  EXPECT(uniform(0u) == 0.f && uniform(~0u) == 1.f - 0x1p-24f);
  EXPECT(uniform(std::uint64_t{0}) == 0. && uniform(~std::uint64_t{0}) == 1. - 0x1p-53);
  const Interval<float> narrow(1.f, std::nextafter(1.f, 2.f));
  EXPECT(narrow(0.f) == 1.f && narrow(1.f - 0x1p-24f) == 1.f);
  const Interval<double> wide(-3., 5.), empty(2., 2.);
  EXPECT(wide(0.) == -3. && wide(1. - 0x1p-53) < 5. && empty(0.5) == 2.);
  // 2^20 numbers in 256 bins: chi-square has mean 255 and deviation sqrt(510).
  std::array<int, 256> bins{};
  double sum = 0;
  const std::uint64_t n = 1 << 20;
  for (std::uint64_t i = 0; i < n; ++i) {
    const float u = uniform(bits_32({2024, 0}, i));
    ++bins[static_cast<std::size_t>(u * 256)];
    sum += u;
  }
  double chi_square = 0;
  for (const int count : bins) chi_square += (count - 4096.) * (count - 4096.) / 4096.;
  EXPECT(std::fabs(chi_square - 255) < 5 * std::sqrt(510.));
  EXPECT(std::fabs(sum / n - 0.5) < 5 * std::sqrt(1. / 12 / n));
}

void integers() {
  // Exact: over all 2^32 words each of the results has the same number of accepted words. With span 3 * 2^30 one word
  // in four is rejected; counting the words around each border of the map shows the intervals' sizes.
  const Bounded32 big(3u << 30);
  std::uint64_t accepted = 0;
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 4099)
    accepted += big.accept(static_cast<std::uint32_t>(bits));
  EXPECT(std::fabs(static_cast<double>(accepted) / (4294967296. / 4099) - 0.75) < 1e-3);
  // A generator of 16 bits by the same rule, checked in full: every result equally often.
  for (const std::uint32_t span : {1u, 2u, 3u, 7u, 100u, 255u, 256u, 40000u, 65535u}) {
    std::vector<int> counts(span, 0);
    const std::uint32_t rejected = (65536u - span) % span;
    for (std::uint32_t bits = 0; bits < 65536u; ++bits)
      if ((bits * span & 65535u) >= rejected) ++counts[bits * span >> 16];
    for (const int count : counts) EXPECT(count == static_cast<int>(65536u / span));
    EXPECT(Bounded32(span).rejected == static_cast<std::uint32_t>((std::uint64_t{1} << 32) % span));
  }
  const Stream stream{99, 5};
  for (const std::uint32_t span : {1u, 2u, 6u, 1000u, (3u << 30) + 1, ~0u}) {
    const Bounded32 bounded(span);
    double sum = 0;
    for (std::uint64_t i = 0; i < 20000; ++i) {
      const std::uint32_t value = bounded(stream, i);
      EXPECT(value < span);
      sum += value;
    }
    const double deviation = std::sqrt((static_cast<double>(span) * span - 1) / 12 / 20000);
    EXPECT(std::fabs(sum / 20000 - (span - 1.) / 2) <= 5 * deviation);
  }
  for (const std::uint64_t span :
       {std::uint64_t{1}, std::uint64_t{10}, (std::uint64_t{3} << 62) + 1, ~std::uint64_t{0}}) {
    const Bounded64 bounded(span);
    for (std::uint64_t i = 0; i < 5000; ++i) EXPECT(bounded(stream, i) < span);
  }
  EXPECT(Bounded32(0)(stream, 3) == bits_32(stream, 3) && Bounded64(0)(stream, 3) == bits_64(stream, 3));
  EXPECT(Bounded64::high_product(~0ull, ~0ull) == ~0ull - 1 && Bounded64::high_product(1ull << 63, 6) == 3);
  // An element that is rejected draws again by itself: the second attempt of the same element.
  std::uint64_t again = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    if (big.accept(bits_32(stream, i))) continue;
    ++again;
    if (big.accept(bits_32(stream, i, 1))) EXPECT(big(stream, i) == big.map(bits_32(stream, i, 1)));
  }
  EXPECT(again > 150 && again < 350);
}

void normals() {
  // Worst cases of radius and angle: no infinity, no nan, and at most the documented size.
  for (const std::uint32_t a : {0u, 1u, 2u, 3u, 0x7fffffffu, 0x80000000u, ~1u, ~0u})
    for (std::uint32_t turn = 0; turn < 16; ++turn)
      for (const std::uint32_t step : {~0u, 0u, 1u}) {
        const std::uint32_t b = (turn << 28) + step;
        float x, y;
        double u, v;
        normal_pair<float>(a, b, x, y);
        normal_pair<double>(std::uint64_t{a} << 32 | a, std::uint64_t{b} << 32 | b, u, v);
        EXPECT(std::fabs(x) <= 6.6f && std::fabs(y) <= 6.6f && std::fabs(u) <= 8.6 && std::fabs(v) <= 8.6);
      }
  const Stream stream{7, 3};
  const std::uint64_t n = 1 << 19;
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0, product = 0, worst = 0, worst_double = 0;
  for (std::uint64_t i = 0; i < n; i += 2) {
    const PhiloxBlock b = block(stream, i / 2);
    float x, y;
    normal_pair<float>(b.word[0], b.word[1], x, y);
    const double r = std::sqrt(-2 * std::log((b.word[0] >> 1 | 1) * 0x1p-31)),
                 angle = b.word[1] * (6.283185307179586 / 4294967296.);
    worst = std::max({worst, std::fabs(x - r * std::cos(angle)) / r, std::fabs(y - r * std::sin(angle)) / r});
    for (const double z : {static_cast<double>(x), static_cast<double>(y)})
      m1 += z, m2 += z * z, m3 += z * z * z, m4 += z * z * z * z;
    product += static_cast<double>(x) * y;
    const std::uint64_t c = b.word[0] | std::uint64_t{b.word[1]} << 32, d = b.word[2] | std::uint64_t{b.word[3]} << 32;
    double u, v;
    normal_pair<double>(c, d, u, v);
    const long double big_r = std::sqrt(-2 * std::log((c >> 11 | 1) * 0x1p-53L));
    const long double big_angle = d * (6.283185307179586476925286766559L / 18446744073709551616.L);
    worst_double = std::max({worst_double, static_cast<double>(std::fabs(u - big_r * std::cos(big_angle)) / big_r),
                             static_cast<double>(std::fabs(v - big_r * std::sin(big_angle)) / big_r)});
  }
  const double count = static_cast<double>(n), unit = std::sqrt(1 / count);
  EXPECT(std::fabs(m1 / count) < 5 * unit);
  EXPECT(std::fabs(m2 / count - 1) < 5 * unit * std::sqrt(2.));
  EXPECT(std::fabs(m3 / count) < 5 * unit * std::sqrt(15.));
  EXPECT(std::fabs(m4 / count - 3) < 5 * unit * std::sqrt(96.));
  EXPECT(std::fabs(product / (count / 2)) < 5 * std::sqrt(2 / count));
  EXPECT(worst < 4 * 0x1p-24);  // a few roundings of the formula in higher precision
  EXPECT(worst_double < 4 * 0x1p-53);
}

void digest() {
  std::uint64_t hash = 0;
  const auto add = [&](std::uint64_t bits) { hash = (hash ^ bits) * 0x9E3779B97F4A7C15u + 1; };
  const Stream stream{123456789, 1ull << 33};
  const Interval<float> f_range(-1.5f, 7.25f);
  const Interval<double> d_range(-1.5, 7.25);
  for (std::uint64_t t = 0; t < 2000; ++t) {
    Tile tile;
    fill_tile(stream, t, tile);
    float f[kTile32];
    double d[kTile64];
    normal_tile(tile, f);
    normal_tile(tile, d);
    for (int i = 0; i < kTile32; ++i) {
      add(std::bit_cast<std::uint32_t>(f[i]));
      add(std::bit_cast<std::uint32_t>(shift_normal(f[i], 0.3f, 1.7f)));
      add(std::bit_cast<std::uint32_t>(f_range(uniform((&tile.word[0][0])[i]))));
    }
    for (int i = 0; i < kTile64; ++i) {
      add(std::bit_cast<std::uint64_t>(d[i]));
      add(std::bit_cast<std::uint64_t>(shift_normal(d[i], 0.3, 1.7)));
      add(std::bit_cast<std::uint64_t>(d_range(uniform(bits_64(stream, t * kTile64 + static_cast<std::uint64_t>(i))))));
    }
  }
  std::printf("%016llx\n", static_cast<unsigned long long>(hash));
}

// Nanoseconds per number, best of some rounds.
template <class Body>
void cost(const char* what, int numbers, Body&& body) {
  double best = 1e30;
  for (int round = 0; round < 20; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (std::uint64_t t = 0; t < 4096; ++t) body(t);
    best = std::min(best, std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("  %-16s %.2f ns\n", what, best / 4096 / numbers);
}

void costs() {
  std::vector<float> f(4096 * kTile32);
  std::vector<double> d(4096 * kTile64);
  Tile tile;
  cost("uniform float32", kTile32, [&](std::uint64_t t) {
    fill_tile({1, 0}, t, tile);
    for (std::size_t i = 0; i < kTile32; ++i) f[t * kTile32 + i] = uniform((&tile.word[0][0])[i]);
  });
  cost("normal float32", kTile32, [&](std::uint64_t t) {
    fill_tile({1, 0}, t, tile);
    normal_tile(tile, &f[t * kTile32]);
  });
  cost("normal float64", kTile64, [&](std::uint64_t t) {
    fill_tile({1, 0}, t, tile);
    normal_tile(tile, &d[t * kTile64]);
  });
}

constexpr Case cases[] = {{"known_answers", known_answers},
                          {"tiles", tiles},
                          {"uniforms", uniforms},
                          {"integers", integers},
                          {"normals", normals},
                          {"digest", digest},
                          {"costs", costs}};

}  // namespace

int main(int argc, char** argv) { return run_case(cases, argc, argv); }
