// Gathers and scatters of elements or blocks at given offsets. Two loop orders: blocks outside where a block is a run
// in memory, positions outside the other way round. Scatters that may meet are split by destination: positions are
// sorted (stably, by counting) into ranges of memory, one task each, so that order and bits never depend on threads.
#include "ops/index.h"

#include <bit>
#include <cstring>
#include <memory>
#include <vector>

#include "cpu/parallel.h"
#include "ops/copy.h"
#include "ops/loop_plan.h"

namespace tc::cpu {
namespace {

constexpr std::int64_t kGrain = 1 << 15;  // elements moved per task

void index_offsets(const Array& index, std::int64_t extent, std::int64_t stride, const Dims& steps, bool adds,
                   Array& offsets, std::int64_t* bad) {
  const auto* __restrict from = index.data<std::int64_t>();
  auto* __restrict to = offsets.data<std::int64_t>();
  const std::int64_t n = index.size(), tasks = (n + kGrain - 1) / kGrain;
  // Rows of positions whose offset grows evenly: all of them where no axis but the last has a step.
  bool flat = true;
  for (std::int64_t s : steps) flat &= s == 0;
  const std::int64_t length = flat ? n : index.shape(-1), step = flat ? 0 : steps.back();
  const auto failed = std::make_unique<bool[]>(static_cast<std::size_t>(tasks));
  parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::uint64_t outside = 0;
    for (std::int64_t first = begin; first < end;) {
      std::int64_t start = first % length * step, row = first / length;
      const std::int64_t last = std::min(end, (row + 1) * length);
      for (int i = steps.size() - 2; i >= 0 && !flat; --i) {
        start += row % index.shape(i) * steps[i];
        row /= index.shape(i);
      }
      for (std::int64_t p = first; p < last; ++p) {
        const std::int64_t i = from[p] + (from[p] < 0 ? extent : 0);
        outside |= static_cast<std::uint64_t>(i) >= static_cast<std::uint64_t>(extent);
        const auto here = static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(stride);  // wraps if outside
        const std::int64_t before = adds ? to[p] : start + (p - first) * step;
        to[p] = static_cast<std::int64_t>(static_cast<std::uint64_t>(before) + here);
      }
      first = last;
    }
    failed[static_cast<std::size_t>(begin / kGrain)] = outside != 0;
  });
  for (std::int64_t t = 0; t < tasks && *bad < 0; ++t)
    for (std::int64_t p = t * kGrain; failed[static_cast<std::size_t>(t)] && *bad < 0; ++p)
      if (from[p] < -extent || from[p] >= extent) *bad = p;
}

// ---- masks ---------------------------------------------------------------------------------------------------------

std::uint64_t load_word(const unsigned char* at, std::int64_t left) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, static_cast<std::size_t>(std::min<std::int64_t>(left, 8)));
  return word & 0x0101010101010101u;
}

void mask_positions(const Array& mask, Array* positions) {
  const auto* const m = mask.data<unsigned char>();
  const std::int64_t n = mask.size(), tasks = (n + kGrain - 1) / kGrain;
  std::vector<std::int64_t> starts(static_cast<std::size_t>(tasks) + 1);
  parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t count = 0;
    for (std::int64_t i = begin; i < end; i += 8) count += std::popcount(load_word(m + i, end - i));
    starts[static_cast<std::size_t>(begin / kGrain) + 1] = count;
  });
  for (std::size_t t = 1; t < starts.size(); ++t) starts[t] += starts[t - 1];
  *positions = Array::empty({starts.back()}, DType::int64);
  auto* const out = positions->data<std::int64_t>();
  parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    const auto task = static_cast<std::size_t>(begin / kGrain);
    std::int64_t *to = out + starts[task], *const stop = out + starts[task + 1], i = begin;
    // Without branches while a word's eight stores stay inside this task's part, whichever of them count.
    for (; i + 8 <= end && to + 8 <= stop; i += 8) {
      const std::uint64_t word = load_word(m + i, 8);
      for (int k = 0; k < 8; ++k) {
        *to = i + k;
        to += word >> (8 * k) & 1;
      }
    }
    for (; i < end; i += 8)
      for (std::uint64_t word = load_word(m + i, end - i); word; word &= word - 1)
        *to++ = i + std::countr_zero(word) / 8;
  });
}

// ---- blocks --------------------------------------------------------------------------------------------------------

// Block p of the packed side (`packed`, stride `step` between blocks) against the block at offsets[p] of the other.
struct Blocks {
  LoopPlan<2> plan;  // of one block: packed, indexed
  std::int64_t step, n, inner, inner_packed, inner_indexed, outer;
  bool positions_inside;

  Blocks(const Array& packed, const Array& rest, const Array& block)
      : plan({&block, &rest}), step(packed.stride(0)), n(packed.shape(0)) {
    const int last = plan.ndim - 1;
    inner = last < 0 ? 1 : plan.shape[last];
    inner_packed = last < 0 ? 1 : plan.strides[0][last];
    inner_indexed = last < 0 ? 1 : plan.strides[1][last];
    outer = plan.size / inner;
    positions_inside = plan.size == 1 || (n > 1 && std::abs(step) < std::abs(inner_packed));
  }
  // Offsets of the outer loops' step `o`, or of any element when `axes` is plan.ndim.
  void locate(std::int64_t o, int axes, std::int64_t* in_packed, std::int64_t* in_indexed) const {
    *in_packed = *in_indexed = 0;
    for (int i = axes - 1; i >= 0; --i) {
      const std::int64_t at = o % plan.shape[i];
      o /= plan.shape[i];
      *in_packed += at * plan.strides[0][i];
      *in_indexed += at * plan.strides[1][i];
    }
  }
};

Array block_of(const Array& packed) {
  return packed.view(Dims(std::span(packed.shape().begin() + 1, packed.shape().end())),
                     Dims(std::span(packed.strides().begin() + 1, packed.strides().end())));
}

enum class Way { get, set, add };

template <Way way, class T>
inline void move_one(T* packed, T* indexed) {
  if constexpr (way == Way::get)
    *packed = *indexed;
  else if constexpr (way == Way::set)
    *indexed = *packed;
  else if constexpr (std::is_integral_v<T>)
    *indexed =
        static_cast<T>(static_cast<std::make_unsigned_t<T>>(*indexed) + static_cast<std::make_unsigned_t<T>>(*packed));
  else
    *indexed += *packed;
}

template <Way way, class T>
inline void move_run(T* __restrict packed, std::int64_t ps, T* __restrict indexed, std::int64_t is, std::int64_t n) {
  if (ps == 1 && is == 1) {
    if constexpr (way != Way::add) {
      const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(T);
      if (bytes >= 64)
        return void(way == Way::get ? std::memcpy(packed, indexed, bytes) : std::memcpy(indexed, packed, bytes));
    }
    for (std::int64_t i = 0; i < n; ++i) move_one<way>(packed + i, indexed + i);
  } else {
    for (std::int64_t i = 0; i < n; ++i) move_one<way>(packed + i * ps, indexed + i * is);
  }
}

// All of block p.
template <Way way, class T>
inline void move_block(const Blocks& b, T* packed, T* indexed) {
  for (std::int64_t o = 0; o < b.outer; ++o) {
    std::int64_t in_packed = 0, in_indexed = 0;
    if (b.outer > 1) b.locate(o, b.plan.ndim - 1, &in_packed, &in_indexed);
    move_run<way>(packed + in_packed, b.inner_packed, indexed + in_indexed, b.inner_indexed, b.inner);
  }
}

// Element r of every block in [begin, end).
template <Way way, class T>
inline void move_column(const Blocks& b, const std::int64_t* offsets, std::int64_t r, std::int64_t begin,
                        std::int64_t end, T* packed, T* indexed) {
  std::int64_t in_packed, in_indexed;
  b.locate(r, b.plan.ndim, &in_packed, &in_indexed);
  T *const from = packed + in_packed, *const to = indexed + in_indexed;
  const std::int64_t step = b.step;
  if (way != Way::add && step == 1) {
    for (std::int64_t p = begin; p < end; ++p) move_one<way>(from + p, to + offsets[p]);
    return;
  }
  for (std::int64_t p = begin; p < end; ++p)
    if (way != Way::add || offsets[p] != kSkipped) move_one<way>(from + p * step, to + offsets[p]);
}

// Positions sorted by the range of memory their block starts in: order[starts[k]..starts[k + 1]) go to range k.
struct Buckets {
  std::vector<std::int64_t> starts, order;
  Buckets(const std::int64_t* offsets, std::int64_t n) : order(static_cast<std::size_t>(n)) {
    constexpr std::int64_t kRanges = 256;
    std::int64_t low = INT64_MAX, high = INT64_MIN;
    for (std::int64_t p = 0; p < n; ++p)
      if (offsets[p] != kSkipped) low = std::min(low, offsets[p]), high = std::max(high, offsets[p]);
    if (low > high) return;
    const int bits = std::bit_width(static_cast<std::uint64_t>(high - low));
    const int shift = std::max(0, bits - std::countr_zero(static_cast<std::uint64_t>(kRanges)));
    starts.resize(static_cast<std::size_t>((high - low) >> shift) + 2);
    for (std::int64_t p = 0; p < n; ++p)
      if (offsets[p] != kSkipped) ++starts[static_cast<std::size_t>((offsets[p] - low) >> shift) + 1];
    for (std::size_t k = 1; k < starts.size(); ++k) starts[k] += starts[k - 1];
    std::vector<std::int64_t> next(starts.begin(), starts.end() - 1);
    for (std::int64_t p = 0; p < n; ++p)
      if (offsets[p] != kSkipped)
        order[static_cast<std::size_t>(next[static_cast<std::size_t>((offsets[p] - low) >> shift)]++)] = p;
  }
};

template <Way way, class T>
void move(const Blocks& b, const std::int64_t* offsets, bool distinct, T* packed, T* indexed) {
  const std::int64_t size = b.plan.size, n = b.n;
  if (b.positions_inside) {
    // Columns are disjoint in memory; positions within one are, unless equal offsets may meet.
    const std::int64_t piece = distinct ? kGrain : n, pieces = (n + piece - 1) / piece;
    return parallel_for(size * pieces, std::max<std::int64_t>(1, kGrain / std::min(n, piece)),
                        [&](std::int64_t begin, std::int64_t end) {
                          for (std::int64_t t = begin; t < end; ++t) {
                            const std::int64_t first = t % pieces * piece;
                            move_column<way>(b, offsets, t / pieces, first, std::min(n, first + piece), packed,
                                             indexed);
                          }
                        });
  }
  if (distinct) {
    return parallel_for(n, std::max<std::int64_t>(1, kGrain / size), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p) {
        if (p + 4 < end) __builtin_prefetch(indexed + offsets[p + 4]);
        move_block<way>(b, packed + p * b.step, indexed + offsets[p]);
      }
    });
  }
  if (n * size < kGrain || size < 8) {
    for (std::int64_t p = 0; p < n; ++p)
      if (offsets[p] != kSkipped) move_block<way>(b, packed + p * b.step, indexed + offsets[p]);
    return;
  }
  const Buckets buckets(offsets, n);
  parallel_tasks(static_cast<std::int64_t>(buckets.starts.size()) - 1, [&](std::int64_t k) {
    const auto at = static_cast<std::size_t>(k);
    for (std::int64_t i = buckets.starts[at]; i < buckets.starts[at + 1]; ++i) {
      const std::int64_t p = buckets.order[static_cast<std::size_t>(i)];
      move_block<way>(b, packed + p * b.step, indexed + offsets[p]);
    }
  });
}

// Few and large blocks are copied one by one, each in parallel.
bool few_and_large(const Blocks& b) { return b.n < 8 && b.plan.size > kGrain; }

template <Way way>
void move_any(const Array& packed, const Array& rest, const Array& offsets, bool distinct) {
  const Array block = block_of(packed);
  const Blocks b(packed, rest, block);
  const auto* at = offsets.data<std::int64_t>();
  if (few_and_large(b)) {
    for (std::int64_t p = 0; p < b.n; ++p) {
      Array mine = block.view(block.shape(), block.strides(), p * b.step),
            theirs = rest.view(rest.shape(), rest.strides(), at[p]);
      way == Way::get ? kernels::copy(rest.device(), theirs, mine) : kernels::copy(rest.device(), mine, theirs);
    }
    return;
  }
  const auto run = [&]<class T>(T* p, T* i) { move<way, T>(b, at, distinct, p, i); };
  switch (itemsize(rest.dtype())) {
    case 1:
      return run(packed.data<std::uint8_t>(), rest.data<std::uint8_t>());
    case 2:
      return run(packed.data<std::uint16_t>(), rest.data<std::uint16_t>());
    case 4:
      return run(packed.data<std::uint32_t>(), rest.data<std::uint32_t>());
    default:
      return run(packed.data<std::uint64_t>(), rest.data<std::uint64_t>());
  }
}

void gather(const Array& rest, const Array& offsets, Array& out) { move_any<Way::get>(out, rest, offsets, true); }

void scatter(Array& rest, const Array& offsets, bool distinct, const Array& values) {
  move_any<Way::set>(values, rest, offsets, distinct);
}

void scatter_add(Array& rest, const Array& offsets, const ScatterSplit& split, const Array& values) {
  const Array block = block_of(values);
  const Blocks b(values, rest, block);
  const auto* at = offsets.data<std::int64_t>();
  dispatch(Concat<Ints, WideFloats>::type{}, rest.dtype(), [&]<class T>() {
    T *packed = values.data<T>(), *indexed = rest.data<T>();
    if (split.length == 0 || b.plan.size != 1) return move<Way::add, T>(b, at, false, packed, indexed);
    // Lines of [outer, length, inner] never meet: tasks take ranges of (outer, piece of inner).
    const std::int64_t piece = 256, pieces = (split.inner + piece - 1) / piece;
    const std::int64_t grain = std::max<std::int64_t>(1, kGrain / (split.length * std::min(split.inner, piece)));
    parallel_for(split.outer * pieces, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end; ++t) {
        const std::int64_t first = t % pieces * piece, last = std::min(split.inner, first + piece);
        for (std::int64_t l = 0; l < split.length; ++l) {
          const std::int64_t row = (t / pieces * split.length + l) * split.inner;
          for (std::int64_t i = first; i < last; ++i)
            move_one<Way::add>(packed + (row + i) * b.step, indexed + at[row + i]);
        }
      }
    });
  });
}

const Provide offsets_registered{kernels::index_offsets, DeviceType::cpu, &index_offsets};
const Provide mask_registered{kernels::mask_positions, DeviceType::cpu, &mask_positions};
const Provide gather_registered{kernels::gather, DeviceType::cpu, &gather};
const Provide scatter_registered{kernels::scatter, DeviceType::cpu, &scatter};
const Provide add_registered{kernels::scatter_add, DeviceType::cpu, &scatter_add};

}  // namespace
}  // namespace tc::cpu
