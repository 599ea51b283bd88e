// The driver of all reductions: reduce<F>(x, y, f) folds any axes of any layout and dtype with the accumulator F.
// Where the nearest axis in memory is reduced, F folds contiguous rows; where it is kept, F folds row after row into a
// block of columns that stays in the L1 cache. Long reductions are cut in chunks whose size follows from the shape
// alone; their partial results are combined pairwise (Higham, "The accuracy of floating point summation", 1993), so
// that errors grow slowly and no bit depends on the number of threads.
#pragma once
#include <memory>

#include "core/array.h"
#include "cpu/parallel.h"
#include "cpu/stage.h"
#include "ops/copy.h"
#include "ops/reduce_plan.h"

namespace tc::cpu {
namespace {

// Element offset of each position of a row-major index space, walked in order.
class Odometer {
 public:
  Odometer(const Dims& shape, const Dims& strides, int ndim, std::int64_t start)
      : shape_(shape), strides_(strides), ndim_(ndim) {
    for (int i = ndim - 1; i >= 0; --i) {
      at_[i] = start % shape[i];
      start /= shape[i];
      offset_ += at_[i] * strides[i];
    }
  }
  std::int64_t offset() const { return offset_; }
  void next() {
    for (int i = ndim_ - 1; i >= 0; --i) {
      offset_ += strides_[i];
      if (++at_[i] < shape_[i]) return;
      offset_ -= at_[i] * strides_[i];
      at_[i] = 0;
    }
  }

 private:
  const Dims &shape_, &strides_;
  int ndim_;
  std::int64_t offset_ = 0, at_[kMaxNdim];
};

// Rows of x as contiguous elements of the type the accumulator reads.
template <class T>
struct RowSource {
  const std::byte* base;
  std::int64_t item;
  StageRow* mover;
  bool same;

  RowSource(const Array& x, DType loop)
      : base(x.raw()),
        item(static_cast<std::int64_t>(itemsize(x.dtype()))),
        mover(row_mover(x.dtype(), loop)),
        same(x.dtype() == loop) {}
  bool is_direct(std::int64_t stride) const { return same && stride == 1; }
  const T* load(std::int64_t offset, std::int64_t stride, std::int64_t n, T* buffer) const {
    if (is_direct(stride)) return reinterpret_cast<const T*>(base + offset * item);
    mover(base + offset * item, stride, reinterpret_cast<std::byte*>(buffer), 1, n);
    return buffer;
  }
};

constexpr std::int64_t kReduceChunk = 1 << 16;  // terms folded by one task: some 20 microseconds of work
constexpr std::int64_t kRowBlock = 4096;        // terms folded by one call of F::row
constexpr std::int64_t kStagedColumns = 512;    // columns of a block when rows go through a buffer
constexpr std::int64_t kSpreadColumns = 256;    // columns that narrow rows are spread over
constexpr int kTileRows = 8;                    // rows folded by one call of F::Columns::add
constexpr std::int64_t kLeastChunkRows = 64;

// What an accumulator F has:
//   Element, its dtype in memory kDType; State, the folded value of some terms; Output with dtype_of<Output>() results
//   State identity();  void row(State&, const Element* x, n, at): folds n terms, the first of them being number `at`
//   State combine(State earlier, State later);  Output finish(State)
//   struct Columns: State of up to kCapacity columns side by side: reset(f, n), add(rows, count, n, at), state(column);
//     kFolds says that a column's terms may be spread over several columns and joined with combine() at the end
template <class F>
class Reducer {
  using T = typename F::Element;
  using State = typename F::State;
  using Output = typename F::Output;

 public:
  Reducer(const Array& x, const ReducePlan& plan, const F& f, Output* out)
      : plan_(plan), f_(f), source_(x, F::kDType), out_(out) {}

  void run() const {
    const int inner = plan_.reduced_shape.size() - 1, near = plan_.kept_shape.size() - 1;
    if (near < 0 || inner < 0) return rows();
    const std::int64_t reduced = std::abs(plan_.reduced_x[inner]), kept = std::abs(plan_.kept_x[near]);
    // Very short rows are folded side by side: gathering them costs less than starting and ending each one.
    const bool short_rows = plan_.reduced_shape[inner] < 16 && plan_.kept_shape[near] >= 2 * plan_.reduced_shape[inner];
    // A short kept axis inside a long reduced one: strided rows beat columns that fill no vector.
    const bool narrow = !F::Columns::kFolds && plan_.kept_shape[near] < 4 && plan_.reduced_shape[inner] >= 16;
    (reduced < kept ? short_rows : !narrow) ? columns() : rows();
  }

 private:
  using Buffer = std::unique_ptr<State[]>;

  // Not inlined into each of its callers, nor are the next two: machine code for every dtype adds up.
  [[gnu::noinline]] State fold_rows(std::int64_t offset, std::int64_t begin, std::int64_t end) const {
    State state = f_.identity();
    const int inner = plan_.reduced_shape.size() - 1;
    alignas(64) std::byte memory[kBlock * sizeof(T)];
    T* const buffer = reinterpret_cast<T*>(memory);
    if (inner < 0) {
      f_.row(state, source_.load(offset, source_.same ? 1 : 0, 1, buffer), 1, 0);
      return state;
    }
    const std::int64_t length = plan_.reduced_shape[inner], stride = plan_.reduced_x[inner];
    const std::int64_t block = source_.is_direct(stride) ? kRowBlock : kBlock;
    Odometer row(plan_.reduced_shape, plan_.reduced_x, inner, begin / length);
    for (std::int64_t at = begin, column = begin % length; at < end;) {
      const std::int64_t n = std::min({block, length - column, end - at});
      f_.row(state, source_.load(offset + row.offset() + column * stride, stride, n, buffer), n, at);
      at += n;
      column += n;
      if (column == length) {
        column = 0;
        row.next();
      }
    }
    return state;
  }

  void rows() const {
    const std::int64_t chunks = (plan_.terms + kReduceChunk - 1) / kReduceChunk;
    const int ndim = plan_.kept_shape.size();
    if (chunks <= 1) {
      const std::int64_t grain = std::max<std::int64_t>(1, kReduceChunk / (plan_.terms + 8));
      return parallel_for(plan_.outputs, grain, [&](std::int64_t begin, std::int64_t end) {
        Odometer output(plan_.kept_shape, plan_.kept_x, ndim, begin);
        for (std::int64_t i = begin; i < end; ++i, output.next())
          out_[i] = f_.finish(fold_rows(output.offset(), 0, plan_.terms));
      });
    }
    const Buffer partial = std::make_unique<State[]>(static_cast<std::size_t>(plan_.outputs * chunks));
    parallel_tasks(plan_.outputs * chunks, [&](std::int64_t task) {
      const std::int64_t begin = task % chunks * kReduceChunk;
      const Odometer output(plan_.kept_shape, plan_.kept_x, ndim, task / chunks);
      partial[task] = fold_rows(output.offset(), begin, std::min(plan_.terms, begin + kReduceChunk));
    });
    for (std::int64_t i = 0; i < plan_.outputs; ++i) {
      State* const states = partial.get() + i * chunks;
      for (std::int64_t step = 1; step < chunks; step *= 2)
        for (std::int64_t k = 0; k + step < chunks; k += 2 * step) states[k] = f_.combine(states[k], states[k + step]);
      out_[i] = f_.finish(states[0]);
    }
  }

  struct Tile {           // a block of columns over a chunk of the terms
    std::int64_t offset;  // of its first column
    std::int64_t columns, begin, end;
    std::int64_t spread;  // that many terms lie one after the other in memory and count as columns of their own
  };

  [[gnu::noinline]] void fold_columns(typename F::Columns& block, const Tile& tile) const {
    const std::int64_t stride = plan_.kept_x.back();
    alignas(64) std::byte memory[kTileRows][kStagedColumns * sizeof(T)];
    block.reset(f_, tile.columns * tile.spread);
    if (tile.spread > 1) return fold_spread(block, tile);
    Odometer row(plan_.reduced_shape, plan_.reduced_x, plan_.reduced_shape.size(), tile.begin);
    for (std::int64_t at = tile.begin; at < tile.end;) {
      const T* rows[kTileRows];
      const int count = static_cast<int>(std::min<std::int64_t>(kTileRows, tile.end - at));
      for (int r = 0; r < count; ++r, row.next())
        rows[r] = source_.load(tile.offset + row.offset(), stride, tile.columns, reinterpret_cast<T*>(memory[r]));
      block.add(rows, count, tile.columns, at);
      at += count;
    }
  }

  // Narrow rows without gaps between them: as many as fill a wide row are folded at once, then the wide row is folded.
  [[gnu::noinline]] void fold_spread(typename F::Columns& block, const Tile& tile) const {
    if constexpr (F::Columns::kFolds) {
      const std::int64_t wide = tile.columns * tile.spread;
      const T* at = reinterpret_cast<const T*>(source_.base) + tile.offset + tile.begin * tile.columns;
      std::int64_t left = (tile.end - tile.begin) * tile.columns;
      while (left > 0) {
        const T* rows[kTileRows];
        const int count = left < wide ? 1 : static_cast<int>(std::min<std::int64_t>(kTileRows, left / wide));
        const std::int64_t n = std::min(wide, left);
        for (int r = 0; r < count; ++r) rows[r] = at + r * wide;
        block.add(rows, count, n, 0);
        at += count * n;
        left -= count * n;
      }
    }
  }

  State column_state(const typename F::Columns& block, std::int64_t j, std::int64_t columns,
                     std::int64_t spread) const {
    State state = block.state(j);
    for (std::int64_t k = 1; k < spread; ++k) state = f_.combine(state, block.state(j + k * columns));
    return state;
  }

  void columns() const {
    const int near = plan_.kept_shape.size() - 1;
    const std::int64_t width = plan_.kept_shape[near], stride = plan_.kept_x[near], outer = plan_.outputs / width;
    const std::int64_t block = std::min(width, source_.is_direct(stride) ? F::Columns::kCapacity : kStagedColumns);
    const std::int64_t blocks = (width + block - 1) / block;
    const bool gapless = F::Columns::kFolds && source_.is_direct(stride) && plan_.reduced_shape.size() == 1 &&
                         plan_.reduced_x[0] == width;
    const std::int64_t spread = gapless && width <= kSpreadColumns / 2 ? kSpreadColumns / width : 1;
    const std::int64_t chunk = std::max(kLeastChunkRows, kReduceChunk / block),
                       chunks = (plan_.terms + chunk - 1) / chunk;
    const auto fold = [&](typename F::Columns& folded, std::int64_t o, std::int64_t b, std::int64_t c) {
      const Odometer output(plan_.kept_shape, plan_.kept_x, near, o);
      const std::int64_t n = std::min(block, width - b * block);
      fold_columns(
          folded, {output.offset() + b * block * stride, n, c * chunk, std::min(plan_.terms, (c + 1) * chunk), spread});
      return n;
    };
    if (chunks <= 1) {
      const std::int64_t grain = std::max<std::int64_t>(1, kReduceChunk / (block * plan_.terms));
      return parallel_for(outer * blocks, grain, [&](std::int64_t begin, std::int64_t end) {
        typename F::Columns folded;
        for (std::int64_t task = begin; task < end; ++task) {
          const std::int64_t o = task / blocks, b = task % blocks, n = fold(folded, o, b, 0);
          Output* const out = out_ + o * width + b * block;
          for (std::int64_t j = 0; j < n; ++j) out[j] = f_.finish(column_state(folded, j, n, spread));
        }
      });
    }
    const Buffer partial = std::make_unique<State[]>(static_cast<std::size_t>(chunks * plan_.outputs));
    parallel_tasks(outer * blocks * chunks, [&](std::int64_t task) {
      typename F::Columns folded;
      const std::int64_t o = task / chunks / blocks, b = task / chunks % blocks, c = task % chunks;
      const std::int64_t n = fold(folded, o, b, c);
      State* const states = partial.get() + c * plan_.outputs + o * width + b * block;
      for (std::int64_t j = 0; j < n; ++j) states[j] = column_state(folded, j, n, spread);
    });
    parallel_for(plan_.outputs, 1024, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t step = 1; step < chunks; step *= 2)
        for (std::int64_t k = 0; k + step < chunks; k += 2 * step) {
          State* __restrict const earlier = partial.get() + k * plan_.outputs;
          const State* __restrict const later = partial.get() + (k + step) * plan_.outputs;
          for (std::int64_t j = begin; j < end; ++j) earlier[j] = f_.combine(earlier[j], later[j]);
        }
      for (std::int64_t j = begin; j < end; ++j) out_[j] = f_.finish(partial[j]);
    });
  }

  const ReducePlan& plan_;
  const F& f_;
  const RowSource<T> source_;
  Output* const out_;
};

// y[i] = the fold of x over the axes where y's strides are zero. Neither is empty.
template <class F>
void reduce(const Array& x, Array& y, const F& f) {
  using Output = typename F::Output;
  const ReducePlan plan(x, y);
  if (y.dtype() == dtype_of<Output>() && plan.kept_y == row_major_strides(plan.kept_shape))
    return Reducer<F>(x, plan, f, y.data<Output>()).run();
  const Array ordered = Array::empty(plan.kept_shape, dtype_of<Output>(), x.device());
  Reducer<F>(x, plan, f, ordered.data<Output>()).run();
  Array target = y.view(plan.kept_shape, plan.kept_y);
  kernels::copy(x.device(), ordered, target);
}

}  // namespace
}  // namespace tc::cpu
