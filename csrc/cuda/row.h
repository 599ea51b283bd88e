// The row template: kernels that need something of a whole row (its maximum, sum, moments) before they write the row.
// Rows are contiguous. A row is read from memory once and held in registers, by 1 to 32 lanes of a warp or by a block;
// longer rows are kept in a block's shared memory, as far as that reaches; rows longer still are read twice by their
// block, backwards the second time, while their end is in cache. Long rows that are few are read in chunks by blocks
// that leave their part of the row's State in memory for a second launch. The bits follow from the shape alone: a kept
// row is summed in the order of one read twice. Bytes floor: inputs and outputs once.
//
// What a row operation Op has:
//   Element: float or double, what rows are read as; kInputs; Source<Element> in[kInputs]; Element fill: in slots past
//     the row; kWrites: is there an output row, Sink out
//   kHeld, kStreamed: elements of each input that a thread may hold, and has in flight where rows are not held
//   Result settle(v, slots, row, lanes, scratch): for a row held in v, by all its threads; may change v
//   void write_held(result, v, slots, row): v[0] becomes what is written
//   State; identity(); add(State&, v, slots, row); combine(State, State): the same for rows that are not held
//   Result resolve(State, row); void write(result, v, slots, row)
//   void record(result, row): by one thread per row
//   kStateless: results need no pass over the row
#pragma once
#include "core/array.h"
#include "cuda/device/launch.h"
#include "cuda/elements.h"
#include "cuda/group.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

inline constexpr int kRowThreads = 256;   // of a block whose rows are held by warps
inline constexpr int kLongThreads = 512;  // the most that hold one row, and of a block that reads one twice
inline constexpr int kShortHeld = 8;      // elements per thread of short rows
inline constexpr int kFewRows = 128;      // fewer long rows than that are cut in chunks

// A thread's elements of a row: slot k < count holds element base + share(k).
struct Slots {
  Share share;
  std::int64_t base, length;  // of the row
  int count;
  TC_DEVICE std::int64_t operator()(int k) const { return base + share(k); }
};

// How rows are held and dealt out.
struct RowShape {
  std::int64_t rows, length;
  int lanes, log2_pack;
  bool held, small;
  std::int64_t chunks = 1, per_chunk;
  std::size_t kept = 0;  // bytes of shared memory that keep a row of all inputs; 0: rows are read twice

  // `pack`: log2 of the elements per load, 0 where rows do not all start on 16 bytes.
  RowShape(std::int64_t rows, std::int64_t length, int pack, int most_held, int stream_slots)
      : rows(rows), length(length), log2_pack(length % (std::int64_t(1) << pack) == 0 ? pack : 0), per_chunk(length) {
    small = length <= 32 * kShortHeld;
    const int each = small ? kShortHeld : most_held;
    held = length <= static_cast<std::int64_t>(kLongThreads) * most_held;
    lanes = 1;
    while (lanes < kLongThreads && static_cast<std::int64_t>(lanes) * each < length) lanes *= 2;
    if (held || rows >= kFewRows) return;
    const std::int64_t step = static_cast<std::int64_t>(kLongThreads) * stream_slots,
                       steps = (length + step - 1) / step;
    const std::int64_t wanted = std::min<std::int64_t>(steps, (512 + rows - 1) / rows);
    per_chunk = (steps + wanted - 1) / wanted * step;
    chunks = (length + per_chunk - 1) / per_chunk;
  }
  // Keeps rows in shared memory if a block has so much, `slot` bytes for each of the `stream_slots` per thread and
  // step.
  void keep(std::size_t slot, int stream_slots, std::size_t shared_per_block) {
    constexpr std::size_t kOther = 2048;  // what a block needs besides
    const std::int64_t step = static_cast<std::int64_t>(kLongThreads) * stream_slots;
    const std::size_t bytes = slot * static_cast<std::size_t>((length + step - 1) / step * step);
    if (!held && chunks == 1 && bytes + kOther <= shared_per_block) kept = bytes;
  }
  dim3 block() const { return dim3(lanes <= 32 ? kRowThreads : lanes); }
  dim3 grid() const {
    const std::int64_t per_block = lanes <= 32 ? kRowThreads / lanes : 1;
    return dim3(static_cast<unsigned>((rows + per_block - 1) / per_block), static_cast<unsigned>(chunks));
  }
};

template <class Op, int K>
TC_DEVICE void load_slots(const Op& op, typename Op::Element (&v)[Op::kInputs][K], std::int64_t row,
                          const Slots& slots) {
#pragma unroll
  for (int i = 0; i < Op::kInputs; ++i)
    op.in[i].row(v[i], row * slots.length + slots.base, slots.count, slots.share, op.fill);
}

template <class Op, int K>
__global__ void __launch_bounds__(kLongThreads, 1) row_held(const Op op, const RowShape s) {
  using Element = typename Op::Element;
  TC_SHARED(Element, scratch, [kMostWarps]);
  const int thread = static_cast<int>(threadIdx.x), lane = s.lanes <= 32 ? thread % s.lanes : thread;
  const std::int64_t row = s.lanes <= 32
                               ? static_cast<std::int64_t>(blockIdx.x) * (kRowThreads / s.lanes) + thread / s.lanes
                               : static_cast<std::int64_t>(blockIdx.x);
  const bool exists = row < s.rows;
  const Share share{lane, s.lanes, s.log2_pack};
  const Slots slots{share, 0, s.length, exists ? share.template count<K>(s.length) : 0};
  Element v[Op::kInputs][K];
  load_slots(op, v, row, slots);
  const auto result = op.settle(v, slots, row, s.lanes, scratch);
  if constexpr (Op::kWrites) {
    op.write_held(result, v, slots, row);
    op.out.row(v[0], row * s.length, slots.count, share);
  }
  if (exists && lane == 0) op.record(result, row);
}

// A kept row: a thread's own slots, which no other thread reads, in lines of the block's threads.
template <class Op>
TC_DEVICE typename Op::Element& kept_slot(typename Op::Element* row, std::int64_t base, int input, int k) {
  const int line = static_cast<int>(base / kLongThreads) + k;
  return row[(line * Op::kInputs + input) * kLongThreads + static_cast<int>(threadIdx.x)];
}

// The State of elements [begin, end) of a row, for all threads of the block; of a row that is kept, `begin` is 0.
template <class Op>
TC_DEVICE typename Op::State stream_state(const Op& op, const RowShape& s, std::int64_t row, std::int64_t begin,
                                          std::int64_t end, typename Op::State* scratch) {
  constexpr int K = Op::kStreamed;
  const Share share{static_cast<int>(threadIdx.x), kLongThreads, s.log2_pack};
  typename Op::State state = op.identity();
  for (std::int64_t base = begin; base < end; base += K * kLongThreads) {
    const Slots slots{share, base, s.length, share.template count<K>(end - base)};
    typename Op::Element v[Op::kInputs][K];
    load_slots(op, v, row, slots);
    if constexpr (Op::kWrites) {
      if (s.kept) {
#pragma unroll
        for (int i = 0; i < Op::kInputs; ++i)
#pragma unroll
          for (int k = 0; k < K; ++k) kept_slot<Op>(dynamic_shared<typename Op::Element>(), base, i, k) = v[i][k];
      }
    }
    op.add(state, v, slots, row);
  }
  return combine_group(state, kLongThreads, scratch, [&](const auto& a, const auto& b) { return op.combine(a, b); });
}
template <class Op, class Result>
TC_DEVICE void stream_write(const Op& op, const RowShape& s, const Result& result, std::int64_t row, std::int64_t begin,
                            std::int64_t end) {
  constexpr int K = Op::kStreamed;
  constexpr std::int64_t kStep = K * kLongThreads;
  const Share share{static_cast<int>(threadIdx.x), kLongThreads, s.log2_pack};
  for (std::int64_t base = begin + (end - begin - 1) / kStep * kStep; base >= begin; base -= kStep) {
    const Slots slots{share, base, s.length, share.template count<K>(end - base)};
    typename Op::Element v[Op::kInputs][K];
    if (s.kept) {
#pragma unroll
      for (int i = 0; i < Op::kInputs; ++i)
#pragma unroll
        for (int k = 0; k < K; ++k) v[i][k] = kept_slot<Op>(dynamic_shared<typename Op::Element>(), base, i, k);
    } else {
      load_slots(op, v, row, slots);
    }
    op.write(result, v, slots, row);
    op.out.row(v[0], row * s.length + base, slots.count, share);
  }
}

// A block per long row, kept in shared memory or read twice.
template <class Op>
__global__ void __launch_bounds__(kLongThreads, 1) row_streamed(const Op op, const RowShape s) {
  TC_SHARED(typename Op::State, scratch, [kMostWarps]);
  const std::int64_t row = blockIdx.x;
  const auto result = op.resolve(stream_state(op, s, row, 0, s.length, scratch), row);
  if constexpr (Op::kWrites) stream_write(op, s, result, row, 0, s.length);
  if (threadIdx.x == 0) op.record(result, row);
}

// Few long rows, first launch: the States of their chunks.
template <class Op>
__global__ void __launch_bounds__(kLongThreads, 1)
    row_chunks(const Op op, const RowShape s, typename Op::State* partial) {
  TC_SHARED(typename Op::State, scratch, [kMostWarps]);
  const std::int64_t row = blockIdx.x, begin = blockIdx.y * s.per_chunk;
  const std::int64_t end = begin + s.per_chunk < s.length ? begin + s.per_chunk : s.length;
  const auto state = stream_state(op, s, row, begin, end, scratch);
  if (threadIdx.x == 0) partial[row * s.chunks + blockIdx.y] = state;
}
// Second launch: every block combines its row's States and writes its chunk.
template <class Op>
__global__ void __launch_bounds__(kLongThreads, 1)
    row_finish(const Op op, const RowShape s, const typename Op::State* partial) {
  const std::int64_t row = blockIdx.x, begin = blockIdx.y * s.per_chunk;
  const std::int64_t end = begin + s.per_chunk < s.length ? begin + s.per_chunk : s.length;
  typename Op::State state = op.identity();
  if constexpr (!Op::kStateless)
    for (std::int64_t c = 0; c < s.chunks; ++c) state = op.combine(state, partial[row * s.chunks + c]);
  const auto result = op.resolve(state, row);
  if constexpr (Op::kWrites) stream_write(op, s, result, row, begin, end);
  if (threadIdx.x == 0 && blockIdx.y == 0) op.record(result, row);
}

// log2 of the elements per load of arrays of x's dtype, all of which start where packs may.
template <class... Rest>
int common_pack(const Array& x, const Rest&... rest) {
  const bool aligned = (is_aligned(x.raw()) && ... && is_aligned(rest.raw()));
  return aligned ? log2_pack(x.dtype(), kShortHeld) : 0;
}

// Runs `op` on `rows` rows of `length`; `pack` from common_pack of its arrays, `device` theirs.
template <class Op>
void run_rows(const Op& op, std::int64_t rows, std::int64_t length, int pack, Device device) {
  using State = typename Op::State;
  RowShape s(rows, length, pack, Op::kHeld, Op::kStreamed);
  if (s.small) return launch<row_held<Op, kShortHeld>>({s.grid(), s.block()}, op, s);
  if (s.held) return launch<row_held<Op, Op::kHeld>>({s.grid(), s.block()}, op, s);
  if constexpr (Op::kStateless) {
    launch<row_finish<Op>>({s.grid(), s.block()}, op, s, static_cast<const State*>(nullptr));
  } else {
    if constexpr (Op::kWrites)
      s.keep(sizeof(typename Op::Element) * Op::kInputs, Op::kStreamed, properties().shared_per_block);
    if (s.chunks == 1) return launch<row_streamed<Op>>({s.grid(), s.block(), s.kept}, op, s);
    const Array partial =
        Array::empty({rows * s.chunks * static_cast<std::int64_t>(sizeof(State))}, DType::uint8, device);
    launch<row_chunks<Op>>({s.grid(), s.block()}, op, s, partial.data<State>());
    dim3 grid = s.grid();
    if (!Op::kWrites) grid.y = 1;
    launch<row_finish<Op>>({grid, s.block()}, op, s, partial.data<State>());
  }
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
