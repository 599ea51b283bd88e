// The driver of all reductions: reduce<Op>(x, y, op) folds any axes of any layout.
//   rows: neighbours in memory are folded together. 1 to 32 lanes of a warp, or a block, take one row with 16-byte
//   loads. tile: anything else. A block takes some outputs, a few threads each, side by side in memory where they are;
//   loads
//     coalesce over outputs where the kept axes are the nearest, over terms where the reduced ones are.
// Bytes floor: every element is read once. Where outputs are few, terms are cut in chunks that follow from the shape
// alone; their States go to memory and a second launch combines them in order. No atomics: the same bits each run.
//
// What an operation Op has:
//   Element: the type elements are read as (float, double, int64_t); State: trivially copyable, with shuffle_xor
//   Element fill(): what slots without an element hold; State identity()
//   add(State&, const Element (&v)[K], int count, index): the first `count` of v, v[k] being term number index(k)
//   State combine(State, State), commutative; store(const Sink&, at, State)
#pragma once
#include "core/array.h"
#include "cuda/device/launch.h"
#include "cuda/elements.h"
#include "cuda/fast_divide.h"
#include "cuda/group.h"
#include "ops/copy.h"
#include "ops/reduce_plan.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

inline constexpr int kReduceThreads = 256;
inline constexpr int kWantedBlocks = 512;  // to fill a device a few times over
// Elements of a row, and of a tile's column, that a thread has in flight.
template <class C>
inline constexpr int kRowSlots = sizeof(C) == 8 ? 8 : 16;
inline constexpr int kTileSlots = 8;

// Axes walked by division, outermost first.
struct WalkedAxes {
  int ndim = 0;
  FastDivide shape[kMaxNdim];
  std::int64_t x[kMaxNdim], y[kMaxNdim];

  WalkedAxes(const Dims& extents, const Dims& x_strides, const Dims& y_strides) : ndim(extents.size()) {
    for (int i = 0; i < kMaxNdim; ++i) {
      shape[i] = FastDivide(i < ndim ? extents[i] : 1);
      x[i] = i < ndim ? x_strides[i] : 0;
      y[i] = i < ndim && y_strides.size() ? y_strides[i] : 0;
    }
  }
  struct Place {
    std::int64_t x, y;
  };
  TC_DEVICE Place operator()(std::int64_t index) const {
    Place at{0, 0};
    for (int i = ndim - 1; i > 0; --i) {
      const std::int64_t quotient = shape[i](index), rest = index - quotient * shape[i].divisor;
      at.x += rest * x[i];
      at.y += rest * y[i];
      index = quotient;
    }
    return {at.x + index * x[0], at.y + index * y[0]};
  }
};

// How a reduction is cut up: follows from shapes, strides and alignment alone.
struct ReducePieces {
  bool rows;                      // or tiles
  int lanes;                      // threads per output
  int columns;                    // rows: rows per block; tile: outputs per block
  bool columns_near;              // tile: neighbouring threads take neighbouring outputs, or terms
  int log2_pack;                  // rows: elements per load; 0 where rows do not start on 16 bytes
  std::int64_t length, segments;  // rows: terms are `segments` runs of `length`
  FastDivide pieces;              // rows: that many of length `piece` in a segment
  std::int64_t piece;
  std::int64_t per_chunk;  // pieces (rows) or terms (tile)
  std::int64_t chunks;

  ReducePieces(const ReducePlan& plan, DType dtype, bool is_aligned, int row_slots) {
    const auto ceil_div = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
    const auto power = [](std::int64_t at_least, int most) {  // of two
      int p = 1;
      while (p < most && p < at_least) p *= 2;
      return p;
    };
    const int reduced = plan.reduced_shape.size(), kept = plan.kept_shape.size();
    length = reduced ? plan.reduced_shape.back() : 1;
    segments = plan.terms / length;
    rows = reduced && plan.reduced_x.back() == 1 && (segments == 1 || length >= 1024);
    log2_pack = 0;
    piece = length;
    columns_near = false;
    if (rows) {
      const bool block =
          segments > 1 || length >= kReduceThreads * row_slots || (length >= 512 && plan.outputs < kWantedBlocks);
      lanes = block ? kReduceThreads : power(plan.outputs < 4 * kWantedBlocks ? length / 2 : length / row_slots, 32);
      columns = kReduceThreads / lanes;
      log2_pack = cuda::log2_pack(dtype, row_slots);
      const auto even = [&](const Dims& strides, int count) {
        for (int i = 0; i < count; ++i)
          if (strides[i] % (1 << log2_pack)) return false;
        return true;
      };
      if (!is_aligned || !even(plan.kept_x, kept) || !even(plan.reduced_x, reduced - 1)) log2_pack = 0;
      if (block) piece = kReduceThreads * row_slots;
      pieces = FastDivide(ceil_div(length, piece));
      const std::int64_t all = pieces.divisor * segments;
      chunks = block ? std::min(all, ceil_div(kWantedBlocks, plan.outputs)) : 1;
      per_chunk = ceil_div(all, chunks);
      chunks = ceil_div(all, per_chunk);
      return;
    }
    const std::int64_t width = kept ? plan.kept_shape.back() : 1;
    columns_near = kept && (!reduced || std::abs(plan.kept_x.back()) < std::abs(plan.reduced_x.back()));
    if (columns_near) {
      lanes = static_cast<int>(std::min<std::int64_t>(kReduceThreads / std::min<std::int64_t>(width, 32),
                                                      power(ceil_div(plan.terms, 4), kReduceThreads)));
      columns = kReduceThreads / lanes;
      if (columns > width) columns -= static_cast<int>(columns % width);
    } else {
      lanes = power(plan.terms, plan.outputs < 4 * kWantedBlocks ? kReduceThreads : 32);
      columns = kReduceThreads / lanes;
    }
    const std::int64_t blocks = ceil_div(plan.outputs, columns), step = lanes * kTileSlots * 2;
    chunks = std::max<std::int64_t>(1, std::min(ceil_div(kWantedBlocks, blocks), plan.terms / step));
    per_chunk = ceil_div(ceil_div(plan.terms, chunks), lanes) * lanes;
    chunks = ceil_div(plan.terms, per_chunk);
  }
};

struct ReduceShape {
  WalkedAxes kept, outer;  // outer: of the segments (rows), or all reduced axes (tile)
  std::int64_t outputs, terms;
  ReducePieces cut;
};

// Where a block's results go: to y, or to the chunk's States.
template <class Op>
TC_DEVICE void finish_output(const Op& op, const ReduceShape& s, std::int64_t output, std::int64_t y_at,
                             const typename Op::State& state, const Sink& y, typename Op::State* partial) {
  if (s.cut.chunks == 1)
    op.store(y, y_at, state);
  else
    partial[static_cast<std::int64_t>(blockIdx.y) * s.outputs + output] = state;
}

// Folds `length` neighbours from element `at` on; the first is term number `first`.
template <class Op>
TC_DEVICE void fold_run(const Op& op, typename Op::State& state, const Source<typename Op::Element>& x, std::int64_t at,
                        std::int64_t length, std::int64_t first, const ReducePieces& cut, int lane) {
  constexpr int K = kRowSlots<typename Op::Element>;
  const int lanes = cut.lanes;
  for (std::int64_t base = 0; base < length; base += K * lanes) {
    const std::int64_t left = length - base;
    const bool full = left >= K * lanes;
    const Share share{lane, lanes, full ? cut.log2_pack : 0};  // by packs, or one by one
    const int count = full ? K : left > lane ? static_cast<int>((left - lane + lanes - 1) / lanes) : 0;
    typename Op::Element v[K];
    if (share.log2_pack > 0)
      x.packs(v, at + base, share);
    else
      x.gather(v, count, op.fill(), at + base + lane, [&](int k) { return k * lanes; });
    op.add(state, v, count, [&](int k) { return first + base + share(k); });
  }
}

template <class Op>
__global__ void __launch_bounds__(kReduceThreads, 2)
    reduce_rows(const __grid_constant__ ReduceShape s, const Op op, const Source<typename Op::Element> x, const Sink y,
                typename Op::State* partial) {
  using State = typename Op::State;
  TC_SHARED(State, scratch, [kMostWarps]);
  const ReducePieces& cut = s.cut;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % cut.lanes;
  const std::int64_t output = static_cast<std::int64_t>(blockIdx.x) * cut.columns + thread / cut.lanes;
  const bool exists = output < s.outputs;
  const auto at = s.kept(exists ? output : 0);
  State state = op.identity();
  if (exists) {
    const std::int64_t pieces = cut.pieces.divisor, all = pieces * cut.segments;
    const std::int64_t begin = static_cast<std::int64_t>(blockIdx.y) * cut.per_chunk,
                       end = begin + cut.per_chunk < all ? begin + cut.per_chunk : all;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t segment = cut.pieces(i), from = (i - segment * pieces) * cut.piece;
      const std::int64_t left = cut.length - from, length = left < cut.piece ? left : cut.piece;
      fold_run(op, state, x, at.x + s.outer(segment).x + from, length, segment * cut.length + from, cut, lane);
    }
  }
  state = combine_group(state, cut.lanes, scratch, [&](const State& a, const State& b) { return op.combine(a, b); });
  if (exists && lane == 0) finish_output(op, s, output, at.y, state, y, partial);
}

template <class Op>
__global__ void __launch_bounds__(kReduceThreads, 2)
    reduce_tile(const __grid_constant__ ReduceShape s, const Op op, const Source<typename Op::Element> x, const Sink y,
                typename Op::State* partial) {
  using State = typename Op::State;
  TC_SHARED(State, scratch, [kReduceThreads]);
  constexpr int K = kTileSlots;
  const ReducePieces& cut = s.cut;
  const int thread = static_cast<int>(threadIdx.x), lanes = cut.lanes;
  const int column = cut.columns_near ? thread % cut.columns : thread / lanes;
  const int lane = cut.columns_near ? thread / cut.columns : thread % lanes;
  const std::int64_t output = static_cast<std::int64_t>(blockIdx.x) * cut.columns + column;
  const bool exists = column < cut.columns && lane < lanes && output < s.outputs;
  const auto at = s.kept(exists ? output : 0);
  State state = op.identity();
  if (exists) {
    const std::int64_t begin = static_cast<std::int64_t>(blockIdx.y) * cut.per_chunk;
    const std::int64_t end = begin + cut.per_chunk < s.terms ? begin + cut.per_chunk : s.terms;
    for (std::int64_t term = begin + lane; term < end; term += K * lanes) {
      const std::int64_t left = (end - term + lanes - 1) / lanes;
      const int count = left < K ? static_cast<int>(left) : K;
      typename Op::Element v[K];
      std::int64_t place[K];
#pragma unroll
      for (int k = 0; k < K; ++k)
        if (k < count) place[k] = s.outer(term + k * lanes).x;
      x.gather(v, count, op.fill(), at.x, [&](int k) { return place[k]; });
      op.add(state, v, count, [&](int k) { return term + k * lanes; });
    }
  }
  if (lanes > 1) {  // the threads of an output, pairwise
    int step = 1;
    while (2 * step < lanes) step *= 2;
    const bool holds = lane < lanes && column < cut.columns;
    if (holds) scratch[lane * cut.columns + column] = state;
    for (; step > 0; step /= 2) {
      __syncthreads();
      if (holds && lane < step && lane + step < lanes) {
        state = op.combine(state, scratch[(lane + step) * cut.columns + column]);
        scratch[lane * cut.columns + column] = state;
      }
    }
  }
  if (exists && lane == 0) finish_output(op, s, output, at.y, state, y, partial);
}

// The second launch: `lanes` threads per output combine the chunks' States.
template <class Op>
__global__ void __launch_bounds__(kReduceThreads, 2)
    reduce_chunks(const __grid_constant__ ReduceShape s, const Op op, int lanes, const typename Op::State* partial,
                  const Sink y) {
  using State = typename Op::State;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % lanes;
  const std::int64_t output = static_cast<std::int64_t>(blockIdx.x) * (kReduceThreads / lanes) + thread / lanes;
  const bool exists = output < s.outputs;
  State state = op.identity();
  if (exists)
    for (std::int64_t c = lane; c < s.cut.chunks; c += lanes)
      state = op.combine(state, partial[c * s.outputs + output]);
  state = combine_group(state, lanes, static_cast<State*>(nullptr),
                        [&](const State& a, const State& b) { return op.combine(a, b); });
  if (exists && lane == 0) op.store(y, s.kept(output).y, state);
}

inline dim3 reduce_grid(std::int64_t outputs, std::int64_t per_block, std::int64_t chunks) {
  return dim3(static_cast<unsigned>((outputs + per_block - 1) / per_block), static_cast<unsigned>(chunks));
}

// y = x folded over the axes where y's strides are zero; x must be readable as Op::Element. `bits` as in Source.
template <class Op>
void reduce(const Array& x, const Array& y, const Op& op, std::uint64_t bits = 0) {
  using State = typename Op::State;
  const ReducePlan plan(x, y);
  const ReducePieces cut(plan, x.dtype(), is_aligned(x.raw()), kRowSlots<typename Op::Element>);
  Dims outer = plan.reduced_shape, outer_x = plan.reduced_x;
  if (cut.rows) outer.pop_back(), outer_x.pop_back();
  const ReduceShape shape{WalkedAxes(plan.kept_shape, plan.kept_x, plan.kept_y), WalkedAxes(outer, outer_x, {}),
                          plan.outputs, plan.terms, cut};
  Source<typename Op::Element> source(x);
  source.bits = bits;
  const Sink sink(y);
  Array states;
  State* partial = nullptr;
  if (cut.chunks > 1) {
    states =
        Array::empty({cut.chunks * plan.outputs * static_cast<std::int64_t>(sizeof(State))}, DType::uint8, x.device());
    partial = states.data<State>();
  }
  const LaunchShape first{reduce_grid(plan.outputs, cut.columns, cut.chunks), dim3(kReduceThreads)};
  if (cut.rows)
    launch<reduce_rows<Op>>(first, shape, op, source, sink, partial);
  else
    launch<reduce_tile<Op>>(first, shape, op, source, sink, partial);
  if (cut.chunks == 1) return;
  int lanes = 1;
  while (lanes < 32 && lanes < cut.chunks) lanes *= 2;
  launch<reduce_chunks<Op>>({reduce_grid(plan.outputs, kReduceThreads / lanes, 1), dim3(kReduceThreads)}, shape, op,
                            lanes, partial, sink);
}

// x, or a copy in C where elements cannot be read as C as they are.
template <class C>
Array readable_as(const Array& x) {
  return is_readable<C>(x.dtype()) ? x : ops::astype(x, dtype_of<C>(), false);
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
