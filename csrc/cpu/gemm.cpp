// Plans a product: which operands to pack, how to cut C over threads, when to cut k; then runs blocks (gemm_block.h).
#include "cpu/gemm.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "cpu/gemm_block.h"
#include "cpu/gemm_pack.h"
#include "cpu/gemm_vector.h"
#include "cpu/parallel.h"

namespace tc::cpu {
inline namespace TC_ISA {
namespace {

enum class Threads { all, one };

template <class Body>
void for_tasks(Threads threads, std::int64_t tasks, Body&& body) {
  if (threads == Threads::all)
    parallel_tasks(tasks, body);
  else
    for (std::int64_t t = 0; t < tasks; ++t) body(t);
}

constexpr double kTaskOperations = 1e6;         // least work of a task, in multiplications and additions
constexpr double kSmall = kTaskOperations / 4;  // multiplications: half a task, not worth a plan
constexpr std::int64_t kVectorTask = 64 << 10;  // least elements of B of a task of a vector product
constexpr std::int64_t kBlockPanels = 6;        // tiles of rows in a block, and
constexpr std::int64_t kBlockCols = 512;        // its columns: 84 x 512 of C and A and B along it fit in 1 MiB of L2
constexpr std::int64_t kLongest = 64 * kDepth;  // part of k that is packed at once
constexpr std::int64_t kSharedElements = 16ll << 20;  // packed B at once

// Equal runs of k, rather than a short one at the end.
std::int64_t depth_for(std::int64_t k) {
  const std::int64_t runs = ceil_div(std::max<std::int64_t>(k, 1), kDepth);
  return std::min(kDepth, ceil_div(ceil_div(std::max<std::int64_t>(k, 1), runs), 4) * 4);
}

template <class P>
void pack_shared_a(const Product<P>& q, P* out, Threads threads) {
  constexpr std::int64_t kRows = 64;
  const std::int64_t groups = ceil_div(q.m, kRows), runs = ceil_div(q.end - q.begin, q.depth);
  const std::int64_t ld = packed_row<P>(q.depth);
  for_tasks(threads, groups * runs, [&](std::int64_t t) {
    const std::int64_t run = t / groups, i = t % groups * kRows, p = q.begin + run * q.depth;
    q.a.fill(q.a.context, out + (run * q.m + i) * ld, ld, i, std::min(q.m, i + kRows), p, std::min(q.end, p + q.depth));
  });
}

template <class P>
void pack_shared_b(const Product<P>& q, P* out, std::int64_t j0, std::int64_t j1, Threads threads) {
  constexpr std::int64_t kCols = kTileCols<P>, kPanels = 4;
  const std::int64_t panels = ceil_div(j1 - j0, kCols), groups = ceil_div(panels, kPanels);
  const std::int64_t runs = ceil_div(q.end - q.begin, q.depth);
  for_tasks(threads, groups * runs, [&](std::int64_t t) {
    const std::int64_t p0 = q.begin + t / groups * q.depth, p1 = std::min(q.end, p0 + q.depth);
    for (std::int64_t s = t % groups * kPanels; s < std::min(panels, (t % groups + 1) * kPanels); ++s) {
      P* panel = out + (p0 - q.begin) * panels * kCols + s * kCols * (p1 - p0);
      fill_panel(q.b, panel, p0, p1, j0 + s * kCols, std::min(j1, j0 + (s + 1) * kCols));
    }
  });
}

// Rows whose distance is a multiple of this many bytes share cache sets.
template <class P>
bool collides(std::int64_t stride) {
  return stride * static_cast<std::int64_t>(sizeof(P)) % 1024 == 0;
}

template <class P>
void decide_packing(Product<P>& q) {
  const std::int64_t row_tiles = ceil_div(q.m, q.height);
  if (q.a.direct && q.n > kTileCols<P>) {
    const std::int64_t across = q.a.col_stride == 1 ? q.a.row_stride : q.a.col_stride;
    const bool adjacent = q.a.col_stride == 1 || q.a.row_stride == 1;
    if (!adjacent || (collides<P>(across) && q.height > 4)) q.a.direct = nullptr;
  }
  if (q.b.direct) {
    const std::int64_t bytes = std::abs(q.b.row_stride) * q.depth * static_cast<std::int64_t>(sizeof(P));
    if (q.b.col_stride != 1 || (row_tiles > 3 && bytes > (32 << 10))) q.b.direct = nullptr;
  }
}

// Cuts C in blocks and runs them. The cut may depend on the number of threads: no sum depends on the cut.
template <class P>
void run_grid(Product<P> q, Threads threads) {
  constexpr std::int64_t kCols = kTileCols<P>;
  const std::int64_t row_tiles = ceil_div(q.m, q.height);
  const double operations =
      2.0 * static_cast<double>(q.m) * static_cast<double>(q.n) * static_cast<double>(q.end - q.begin);
  const int workers = threads == Threads::all ? num_threads() : 1;
  if (is_vector_product(q)) {
    const std::int64_t worth = ceil_div(kVectorTask, std::max<std::int64_t>(q.end - q.begin, 1));  // columns
    const std::int64_t strip =
        std::clamp(std::max(worth, ceil_div(q.n, 4 * workers)), std::int64_t{64}, kStrip) / 64 * 64;
    return for_tasks(threads, ceil_div(q.n, strip),
                     [&](std::int64_t t) { compute_strip(q, t * strip, std::min(q.n, (t + 1) * strip)); });
  }
  const double wanted = workers == 1 ? 1 : std::min(operations / kTaskOperations, 8.0 * workers);
  std::int64_t block_tiles = std::min(row_tiles, kBlockPanels);
  std::int64_t block_cols = std::min(ceil_div(q.n, kCols) * kCols, q.sink.direct ? kBlockCols : 256);
  const auto row_blocks = [&] { return ceil_div(row_tiles, block_tiles); };
  const auto col_blocks = [&] { return ceil_div(q.n, block_cols); };
  while (static_cast<double>(row_blocks() * col_blocks()) < wanted) {
    const bool cut_cols = block_cols >= 2 * block_tiles * q.height ? block_cols > kCols : block_tiles == 1;
    if (cut_cols && block_cols > kCols)
      block_cols = ceil_div(block_cols / kCols, 2) * kCols;
    else if (block_tiles > 1)
      block_tiles = ceil_div(block_tiles, 2);
    else
      break;
  }
  block_tiles = ceil_div(row_tiles, row_blocks());
  const std::int64_t block_rows = block_tiles * q.height, rows_of_blocks = row_blocks();

  const bool share_a = !q.a.direct && !q.a.packed && col_blocks() > 1 && block_cols < kBlockCols;
  Buffer<P> a_buffer(share_a ? ceil_div(q.end - q.begin, q.depth) * q.m * packed_row<P>(q.depth) : 0);
  if (share_a) {
    pack_shared_a(q, a_buffer.data(), threads);
    q.a.packed = a_buffer.data();
    q.a.origin = 0, q.a.origin_k = q.begin, q.a.extent = q.m;
  }
  const bool share_b = !q.b.direct && !q.b.packed && rows_of_blocks > 1;
  std::int64_t stripe = q.n;  // columns of B packed at once
  if (share_b) {
    stripe =
        std::max(kSharedElements / std::max<std::int64_t>(q.end - q.begin, 1), kBlockCols) / block_cols * block_cols;
    stripe = std::min(std::max(stripe, block_cols), q.n);
  }
  const std::int64_t stripe_extent = ceil_div(stripe, kCols) * kCols;
  Buffer<P> b_buffer(share_b ? (q.end - q.begin) * stripe_extent : 0);
  for (std::int64_t s = 0; s < q.n; s += stripe) {
    const std::int64_t s1 = std::min(q.n, s + stripe);
    Product<P> part = q;
    if (share_b) {
      pack_shared_b(q, b_buffer.data(), s, s1, threads);
      part.b.packed = b_buffer.data();
      part.b.origin = s, part.b.origin_k = q.begin, part.b.extent = ceil_div(s1 - s, kCols) * kCols;
    }
    for_tasks(threads, rows_of_blocks * ceil_div(s1 - s, block_cols), [&](std::int64_t t) {
      const std::int64_t i = t % rows_of_blocks * block_rows, j = s + t / rows_of_blocks * block_cols;
      compute_block(part, i, std::min(q.m, i + block_rows), j, std::min(s1, j + block_cols));
    });
  }
}

// All of k in parts that bound the packed memory.
template <class P>
void run_parts(Product<P> q, Threads threads) {
  const std::int64_t longest = kLongest / q.depth * q.depth;
  const P beta = q.sink.beta;
  q.begin = 0;
  do {
    q.end = std::min(q.k, q.begin + longest);
    q.last = q.end == q.k;
    q.sink.beta = q.begin == 0 ? beta : P(1);
    run_grid(q, threads);
    q.begin = q.end;
  } while (q.begin < q.k);
}

// How many parts k is cut in, each summed by a task of its own: a small C and a long k. Depends on the shape alone.
template <class P>
std::int64_t splits_for(const Product<P>& q) {
  const std::int64_t tiles = ceil_div(q.m, 2 * kTileRows<P>) * ceil_div(q.n, 2 * kTileCols<P>);
  if (tiles >= 8 || q.k < 4 * kDepth) return 1;
  const double operations = 2.0 * static_cast<double>(q.m) * static_cast<double>(q.n) * static_cast<double>(q.k);
  return std::max<std::int64_t>(
      1, std::min({std::int64_t{16}, static_cast<std::int64_t>(operations / kTaskOperations), q.k / (2 * kDepth)}));
}

// Sums in memory of their own, one copy of C per split of k, added in order at the end.
template <class P>
void run_splits(const Product<P>& q, std::int64_t splits, Threads threads) {
  const std::int64_t stride = ceil_div(q.n, kTileCols<P>) * kTileCols<P>;
  const std::int64_t part = ceil_div(ceil_div(q.k, q.depth), splits) * q.depth;
  splits = ceil_div(q.k, part);
  Buffer<P> sums(splits * q.m * stride);
  const auto slot = [&](std::int64_t s) {
    Product<P> own = q;
    own.sink = Sink<P>{};
    own.sink.direct = sums.data() + s * q.m * stride;
    own.sink.direct_stride = stride;
    own.n = q.n;
    return own;
  };
  static constexpr auto kStore = [](const void* context, P* tile, std::int64_t tile_stride, std::int64_t rows,
                                    std::int64_t cols, std::int64_t i, std::int64_t j, P beta, bool) {
    const Sink<P>& to = *static_cast<const Sink<P>*>(context);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < cols; ++c) {
        P& out = to.direct[(i + r) * to.direct_stride + j + c];
        out = beta == P(0) ? tile[r * tile_stride + c] : tile[r * tile_stride + c] + out;
      }
  };
  const auto run_slot = [&](std::int64_t s, Threads inner) {
    Product<P> own = slot(s);
    const Sink<P> target = own.sink;
    own.sink.context = &target;
    own.sink.finish = kStore;
    if (splits == 1) return run_parts(own, inner);
    own.begin = s * part;
    own.end = std::min(q.k, own.begin + part);
    own.last = true;
    run_grid(own, inner);
  };
  if (splits == 1)
    run_slot(0, threads);
  else
    for_tasks(threads, splits, [&](std::int64_t s) { run_slot(s, Threads::one); });
  const std::int64_t rows = std::max<std::int64_t>(1, 16384 / (splits * stride));
  for_tasks(threads, ceil_div(q.m, rows), [&](std::int64_t t) {
    const std::int64_t i = t * rows, count = std::min(rows, q.m - i);
    P* total = sums.data() + i * stride;
    for (std::int64_t s = 1; s < splits; ++s) {
      const P* more = total + s * q.m * stride;
      for (std::int64_t x = 0; x < count; ++x)
        for (std::int64_t j = 0; j < q.n; ++j) total[x * stride + j] += more[x * stride + j];
    }
    for (std::int64_t x = 0; x < count; ++x)
      for (std::int64_t j = q.n; j < stride; ++j) total[x * stride + j] = P(0);
    q.sink.finish(q.sink.context, total, stride, count, q.n, i, 0, q.sink.beta, true);
  });
}

template <class P>
void run(Product<P> q, Threads threads) {
  if (!is_vector_product(q))
    decide_packing(q);
  else if (q.k <= q.depth && q.n <= kStrip)
    return compute_strip(q, 0, q.n);
  if (q.k <= q.depth && static_cast<double>(q.m) * static_cast<double>(q.n) * static_cast<double>(q.k) <= kSmall &&
      !is_vector_product(q)) {
    return compute_block(q, 0, q.m, 0, q.n);
  }
  const std::int64_t splits = splits_for(q);
  if (splits > 1 || (!q.sink.direct && q.k > kLongest))
    run_splits(q, splits, threads);
  else
    run_parts(q, threads);
}

template <class T>
void copy_fill(const void* context, Packed<T>* out, std::int64_t ld, std::int64_t row0, std::int64_t row1,
               std::int64_t col0, std::int64_t col1) {
  const Matrix<T>& x = *static_cast<const Matrix<T>*>(context);
  copy_block(out, ld, x.data + row0 * x.row_stride + col0 * x.col_stride, x.row_stride, x.col_stride, row1 - row0,
             col1 - col0);
}

template <class T>
Source<Packed<T>> source_of(const Operand<T>& x) {
  using P = Packed<T>;
  Source<P> source;
  if (x.packed) {
    source.packed = x.packed;
  } else if (x.fill) {
    source.fill = x.fill, source.context = x.context;
  } else {
    source.fill = &copy_fill<T>, source.context = &x.matrix;
    source.row_stride = x.matrix.row_stride, source.col_stride = x.matrix.col_stride;
    if constexpr (sizeof(T) == sizeof(P)) source.direct = reinterpret_cast<const P*>(x.matrix.data);
  }
  return source;
}

template <class T>
Product<Packed<T>> product_of(std::int64_t m, std::int64_t n, std::int64_t k, const Operand<T>& a,
                              const Operand<T>& b) {
  using P = Packed<T>;
  Product<P> q{};
  q.m = m, q.n = n, q.k = k;
  q.depth = depth_for(k);
  const std::int64_t tiles = ceil_div(std::max<std::int64_t>(m, 1), kTileRows<P>);
  q.height = ceil_div(std::max<std::int64_t>(m, 1), tiles);  // equal tiles, rather than a low one at the end
  q.begin = 0, q.end = k, q.last = true;
  q.a = source_of(a), q.b = source_of(b);
  q.a.extent = m, q.b.extent = ceil_div(n, kTileCols<P>) * kTileCols<P>;
  return q;
}

template <class T>
void gemm_on(Threads threads, std::int64_t m, std::int64_t n, std::int64_t k, const Operand<T>& a, const Operand<T>& b,
             T* c, std::int64_t c_row_stride, std::int64_t c_col_stride, const Epilogue<T>& epilogue) {
  if (m <= 0 || n <= 0) return;
  const bool turn = m > 1 && (n == 1 || (c_row_stride == 1 && c_col_stride != 1));
  if (turn && a.matrix.data && b.matrix.data) {
    Epilogue<T> turned = epilogue;
    std::swap(turned.column_bias, turned.row_bias);
    std::swap(turned.column_bias_stride, turned.row_bias_stride);
    return gemm_on<T>(threads, n, m, k, b.matrix.transposed(), a.matrix.transposed(), c, c_col_stride, c_row_stride,
                      turned);
  }
  Product<Packed<T>> q = product_of(m, n, k, a, b);
  const Destination<T> destination{c, c_row_stride, c_col_stride, &epilogue};
  q.sink = sink_of(destination);
  run(q, threads);
}

}  // namespace

template <class T>
void gemm(std::int64_t m, std::int64_t n, std::int64_t k, const Operand<T>& a, const Operand<T>& b, T* c,
          std::int64_t c_row_stride, std::int64_t c_col_stride, const Epilogue<T>& epilogue) {
  gemm_on(Threads::all, m, n, k, a, b, c, c_row_stride, c_col_stride, epilogue);
}

template <class T>
void gemm_serial(std::int64_t m, std::int64_t n, std::int64_t k, const Operand<T>& a, const Operand<T>& b, T* c,
                 std::int64_t c_row_stride, std::int64_t c_col_stride, const Epilogue<T>& epilogue) {
  gemm_on(Threads::one, m, n, k, a, b, c, c_row_stride, c_col_stride, epilogue);
}

template <class T>
PackedMatrix<T> pack_a(std::int64_t m, std::int64_t k, const Operand<T>& a) {
  const Product<Packed<T>> q = product_of<T>(m, 0, k, a, Matrix<T>{nullptr, 0, 0});
  PackedMatrix<T> out(m, k, std::max<std::int64_t>(1, ceil_div(k, q.depth) * m * packed_row<Packed<T>>(q.depth)));
  if (m > 0 && k > 0) pack_shared_a(q, out.data(), Threads::all);
  return out;
}

template <class T>
PackedMatrix<T> pack_b(std::int64_t k, std::int64_t n, const Operand<T>& b) {
  const Product<Packed<T>> q = product_of<T>(0, n, k, Matrix<T>{nullptr, 0, 0}, b);
  PackedMatrix<T> out(k, n, std::max<std::int64_t>(1, k * q.b.extent));
  if (n > 0 && k > 0) pack_shared_b(q, out.data(), 0, n, Threads::all);
  return out;
}

template <class T>
void gemm_batched(std::int64_t batch, BatchOffsets (*offsets)(const void* context, std::int64_t index),
                  const void* context, std::int64_t m, std::int64_t n, std::int64_t k, const Matrix<T>& a,
                  const Matrix<T>& b, T* c, std::int64_t c_row_stride, std::int64_t c_col_stride,
                  const Epilogue<T>& epilogue) {
  const auto one = [&](std::int64_t t, Threads threads) {
    const BatchOffsets at = offsets(context, t);
    gemm_on<T>(threads, m, n, k, Matrix<T>{a.data + at.a, a.row_stride, a.col_stride},
               Matrix<T>{b.data + at.b, b.row_stride, b.col_stride}, c + at.c, c_row_stride, c_col_stride, epilogue);
  };
  const double operations =
      2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(std::max<std::int64_t>(k, 1));
  if (operations >= 32 * kTaskOperations || (batch < 4 && operations >= 4 * kTaskOperations)) {
    for (std::int64_t t = 0; t < batch; ++t) one(t, Threads::all);
    return;
  }
  const double overhead = 1e4;  // of a product, in operations
  const auto grain = std::max<std::int64_t>(1, static_cast<std::int64_t>(kTaskOperations / (operations + overhead)));
  parallel_for(batch, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) one(t, Threads::one);
  });
}

template <class T>
void gemm_batched(std::int64_t batch, const BatchOffsets& strides, std::int64_t m, std::int64_t n, std::int64_t k,
                  const Matrix<T>& a, const Matrix<T>& b, T* c, std::int64_t c_row_stride, std::int64_t c_col_stride,
                  const Epilogue<T>& epilogue) {
  if (strides.b == 0 && strides.a == m * a.row_stride && strides.c == m * c_row_stride && !epilogue.row_bias) {
    return gemm<T>(batch * m, n, k, a, b, c, c_row_stride, c_col_stride, epilogue);  // one tall product
  }
  const auto offsets = [](const void* context, std::int64_t t) {
    const BatchOffsets& step = *static_cast<const BatchOffsets*>(context);
    return BatchOffsets{t * step.a, t * step.b, t * step.c};
  };
  gemm_batched<T>(batch, offsets, &strides, m, n, k, a, b, c, c_row_stride, c_col_stride, epilogue);
}

#define TC_INSTANCE(T)                                                                                                \
  template void gemm<T>(std::int64_t, std::int64_t, std::int64_t, const Operand<T>&, const Operand<T>&, T*,           \
                        std::int64_t, std::int64_t, const Epilogue<T>&);                                              \
  template void gemm_serial<T>(std::int64_t, std::int64_t, std::int64_t, const Operand<T>&, const Operand<T>&, T*,    \
                               std::int64_t, std::int64_t, const Epilogue<T>&);                                       \
  template PackedMatrix<T> pack_a<T>(std::int64_t, std::int64_t, const Operand<T>&);                                  \
  template PackedMatrix<T> pack_b<T>(std::int64_t, std::int64_t, const Operand<T>&);                                  \
  template void gemm_batched<T>(std::int64_t, BatchOffsets (*)(const void*, std::int64_t), const void*, std::int64_t, \
                                std::int64_t, std::int64_t, const Matrix<T>&, const Matrix<T>&, T*, std::int64_t,     \
                                std::int64_t, const Epilogue<T>&);                                                    \
  template void gemm_batched<T>(std::int64_t, const BatchOffsets&, std::int64_t, std::int64_t, std::int64_t,          \
                                const Matrix<T>&, const Matrix<T>&, T*, std::int64_t, std::int64_t,                   \
                                const Epilogue<T>&);
TC_INSTANCE(float)
TC_INSTANCE(double)
TC_INSTANCE(half)
TC_INSTANCE(bfloat16)
TC_INSTANCE(std::uint8_t)
TC_INSTANCE(std::int8_t)
TC_INSTANCE(std::int16_t)
TC_INSTANCE(std::int32_t)
TC_INSTANCE(std::int64_t)
#undef TC_INSTANCE

}  // namespace TC_ISA
}  // namespace tc::cpu
