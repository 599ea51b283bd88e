// Random arrays, tile by tile: a tile's words are computed together in vector registers, and no tile needs another one,
// so threads may take them in any order.
#include "ops/random.h"

#include <algorithm>
#include <cstring>

#include "cpu/parallel.h"

namespace tc::cpu {
namespace {

using random::Bounded32;
using random::Bounded64;
using random::fill_tile;
using random::Interval;
using random::kTile32;
using random::kTile64;
using random::Stream;
using random::Tile;

constexpr std::int64_t kTilesPerTask = 128;

// body(tile, first element, elements) for every tile of `per` elements in [0, n).
template <class Body>
void for_tiles(Stream stream, std::int64_t n, std::int64_t per, Body body) {
  parallel_for((n + per - 1) / per, kTilesPerTask, [&](std::int64_t begin, std::int64_t end) {
    Tile tile;
    for (std::int64_t t = begin; t < end; ++t) {
      fill_tile(stream, static_cast<std::uint64_t>(t), tile);
      body(tile, t * per, std::min(per, n - t * per));
    }
  });
}

template <class T>
using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
template <class W>
constexpr std::int64_t kPerTile = sizeof(W) == 8 ? kTile64 : kTile32;

// 64-bit element `i` of a tile: words (2p, 2p + 1) of block b are the element 16 p + b.
inline std::uint64_t word_64(const Tile& tile, std::int64_t i) {
  const std::int64_t p = i / random::kTileBlocks, b = i % random::kTileBlocks;
  return tile.word[2 * p][b] | static_cast<std::uint64_t>(tile.word[2 * p + 1][b]) << 32;
}
[[gnu::always_inline]] inline std::uint32_t word_32(const Tile& tile, std::int64_t i) {
  return tile.word[i / random::kTileBlocks][i % random::kTileBlocks];
}

template <class W>
inline auto word_of(const Tile& tile, std::int64_t i) {
  if constexpr (sizeof(W) == 8)
    return word_64(tile, i);
  else
    return word_32(tile, i);
}

void uniform(Stream stream, double low, double high, Array& out) {
  dispatch(Floats{}, out.dtype(), [&]<class T>() {
    using W = Wide<T>;
    const Interval<W> interval(static_cast<W>(low), static_cast<W>(high));
    T* const to = out.data<T>();
    [[maybe_unused]] W last = 0;
    if constexpr (!std::is_same_v<T, W>) last = random::last_below<T>(low, high);
    for_tiles(stream, out.size(), kPerTile<W>, [&](const Tile& tile, std::int64_t first, std::int64_t n) {
      W values[kPerTile<W>];
      for (std::int64_t i = 0; i < kPerTile<W>; ++i) values[i] = interval(random::uniform(word_of<W>(tile, i)));
      T rounded[kPerTile<W>];
      for (std::int64_t i = 0; i < kPerTile<W>; ++i) {
        if constexpr (std::is_same_v<T, W>)
          rounded[i] = values[i];
        else
          rounded[i] = T(std::min(values[i], last));
      }
      std::memcpy(to + first, rounded, static_cast<std::size_t>(n) * sizeof(T));
    });
  });
}

void normal(Stream stream, double mean, double std, Array& out) {
  dispatch(Floats{}, out.dtype(), [&]<class T>() {
    using W = Wide<T>;
    T* const to = out.data<T>();
    const W m = static_cast<W>(mean), s = static_cast<W>(std);
    for_tiles(stream, out.size(), kPerTile<W>, [&](const Tile& tile, std::int64_t first, std::int64_t n) {
      W values[kPerTile<W>];
      random::normal_tile(tile, values);
      for (std::int64_t i = 0; i < kPerTile<W>; ++i) values[i] = random::shift_normal(values[i], m, s);
      for (std::int64_t i = 0; i < n; ++i) to[first + i] = static_cast<T>(values[i]);
    });
  });
}

template <class Bounded, class Word, class T>
void fill_integers(Stream stream, std::int64_t low, Word span, T* to, std::int64_t size) {
  const Bounded bounded(span);
  for_tiles(stream, size, kPerTile<std::conditional_t<sizeof(Word) == 8, double, float>>,
            [&](const Tile& tile, std::int64_t first, std::int64_t n) {
              for (std::int64_t i = 0; i < n; ++i) {
                Word bits;
                if constexpr (sizeof(Word) == 8)
                  bits = word_64(tile, i);
                else
                  bits = word_32(tile, i);
                const Word drawn = bounded.accept(bits) ? bounded.map(bits)
                                                        : bounded(stream, static_cast<std::uint64_t>(first + i), 1);
                to[first + i] = static_cast<T>(static_cast<std::uint64_t>(low) + drawn);
              }
            });
}

void integers(Stream stream, std::int64_t low, std::uint64_t span, Array& out) {
  dispatch(Ints{}, out.dtype(), [&]<class T>() {
    if (span != 0 && span <= (std::uint64_t{1} << 32))
      fill_integers<Bounded32>(stream, low, static_cast<std::uint32_t>(span), out.data<T>(), out.size());
    else
      fill_integers<Bounded64>(stream, low, span, out.data<T>(), out.size());
  });
}

// Words below the threshold are chosen; 2^32 chooses all.
std::uint64_t threshold_of(double p) { return static_cast<std::uint64_t>(p * 0x1p32 + 0.5); }

void bernoulli(Stream stream, double p, Array& out) {
  const std::uint64_t threshold = threshold_of(p);
  dispatch(All{}, out.dtype(), [&]<class T>() {
    T* const to = out.data<T>();
    const T one = convert<T>(std::uint8_t{1}), zero = convert<T>(std::uint8_t{0});
    if (threshold == 0) {
      std::memset(to, 0, out.nbytes());
      return;
    }
    const auto last = static_cast<std::uint32_t>(threshold - 1);
    for_tiles(stream, out.size(), kTile32, [&](const Tile& tile, std::int64_t first, std::int64_t n) {
      std::uint32_t word[kTile32];
      std::memcpy(word, tile.word, sizeof word);
      T chosen[kTile32];
      for (std::int64_t i = 0; i < kTile32; ++i) chosen[i] = word[i] <= last ? one : zero;
      std::memcpy(to + first, chosen, static_cast<std::size_t>(n) * sizeof(T));
    });
  });
}

// Element i goes to a place j <= i drawn uniformly, and the one there moves to i (the inside-out shuffle of Fisher and
// Yates; Durstenfeld, "Algorithm 235: Random permutation", 1964).
void permutation(Stream stream, Array& out) {
  auto* const to = out.data<std::int64_t>();
  const std::int64_t size = out.size();
  Tile tile;
  const std::int64_t narrow = std::min<std::int64_t>(size, std::int64_t{1} << 32);
  for (std::int64_t i = 0; i < narrow; ++i) {
    if (i % kTile32 == 0) fill_tile(stream, static_cast<std::uint64_t>(i / kTile32), tile);
    const auto span = static_cast<std::uint32_t>(i + 1);  // 0 stands for 2^32
    const std::uint32_t bits = word_32(tile, i % kTile32);
    std::int64_t j = static_cast<std::int64_t>(span == 0 ? bits : std::uint64_t{bits} * span >> 32);
    if (bits * span < span) [[unlikely]]  // may have to be rejected
      j = Bounded32(span)(stream, static_cast<std::uint64_t>(i));
    to[i] = to[j];
    to[j] = i;
  }
  for (std::int64_t i = narrow; i < size; ++i) {
    const auto j =
        static_cast<std::int64_t>(Bounded64(static_cast<std::uint64_t>(i + 1))(stream, static_cast<std::uint64_t>(i)));
    to[i] = to[j];
    to[j] = i;
  }
}

void dropout(Stream stream, double p, const Array& x, Array& y) {
  const std::uint64_t dropped = threshold_of(p);
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    using W = Wide<T>;
    const T* const from = x.data<T>();
    T* const to = y.data<T>();
    const W scale = p < 1 ? static_cast<W>(1 / (1 - p)) : W(0);
    if (dropped >> 32) {
      std::memset(to, 0, y.nbytes());
      return;
    }
    const auto limit = static_cast<std::uint32_t>(dropped);
    for_tiles(stream, x.size(), kTile32, [&](const Tile& tile, std::int64_t first, std::int64_t n) {
      std::uint32_t word[kTile32];
      std::memcpy(word, tile.word, sizeof word);
      T values[kTile32] = {};
      std::memcpy(values, from + first, static_cast<std::size_t>(n) * sizeof(T));
      for (std::int64_t i = 0; i < kTile32; ++i) {
        const W value = static_cast<W>(values[i]) * scale;
        values[i] = static_cast<T>(word[i] < limit ? W(0) : value);
      }
      std::memcpy(to + first, values, static_cast<std::size_t>(n) * sizeof(T));
    });
  });
}

const Provide uniform_registered{kernels::uniform, DeviceType::cpu, &uniform};
const Provide normal_registered{kernels::normal, DeviceType::cpu, &normal};
const Provide integers_registered{kernels::integers, DeviceType::cpu, &integers};
const Provide bernoulli_registered{kernels::bernoulli, DeviceType::cpu, &bernoulli};
const Provide permutation_registered{kernels::permutation, DeviceType::cpu, &permutation};
const Provide dropout_registered{kernels::dropout, DeviceType::cpu, &dropout};

}  // namespace
}  // namespace tc::cpu
