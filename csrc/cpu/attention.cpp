// Attention by tiles of query rows: scores of a tile against all keys it sees stay in cache, softmax in place, then the
// product with v. Backward recomputes each tile's probabilities from the saved log-sum-exp (Dao et al. 2022).
#include "ops/attention.h"

#include "cpu/gemm.h"
#include "cpu/parallel.h"
#include "cpu/row_math.h"
#include "cpu/scratch.h"

namespace tc::cpu {
namespace {

constexpr std::int64_t kTileElements = 1 << 15;  // scores per tile: 128 KiB of float
constexpr std::int64_t kMaxTileRows = 64, kMinTileRows = 8;

// Element offset of matrix `index` of the stack of x.
std::int64_t offset_of(const Array& x, std::int64_t index) {
  std::int64_t at = 0;
  for (int i = x.ndim() - 3; i >= 0; --i) {
    at += index % x.shape(i) * x.stride(i);
    index /= x.shape(i);
  }
  return at;
}

template <class T>
Matrix<T> matrix_of(const Array& x, std::int64_t index, std::int64_t first_row = 0) {
  return {x.data<T>() + offset_of(x, index) + first_row * x.stride(-2), x.stride(-2), x.stride(-1)};
}

template <class T>
struct Tiles {
  const Attention& call;
  std::int64_t length, keys, width, value_width, stacks, rows;

  explicit Tiles(const Attention& call)
      : call(call),
        length(call.q->shape(-2)),
        keys(call.k->shape(-2)),
        width(call.q->shape(-1)),
        value_width(call.v->shape(-1)),
        stacks(1) {
    for (int i = 0; i + 2 < call.q->ndim(); ++i) stacks *= call.q->shape(i);
    rows = std::clamp(kTileElements / std::max<std::int64_t>(keys, 1), kMinTileRows, kMaxTileRows);
  }
  std::int64_t per_stack() const { return (length + rows - 1) / rows; }
  // Keys that rows [first, first + count) see at most.
  std::int64_t visible(std::int64_t first, std::int64_t count) const {
    return call.causal ? std::min(keys, first + count) : keys;
  }

  // Scores of rows [first, first + count) of a stack against `seen` keys, masked with -inf, into (count, seen).
  void scores(std::int64_t stack, std::int64_t first, std::int64_t count, std::int64_t seen, T* out) const {
    Epilogue<T> scaled;
    scaled.alpha = static_cast<T>(call.scale);
    gemm_serial<T>(count, seen, width, matrix_of<T>(*call.q, stack, first), matrix_of<T>(*call.k, stack).transposed(),
                   out, seen, 1, scaled);
    for (std::int64_t r = 0; r < count; ++r) {
      T* const row = out + r * seen;
      if (call.mask) {
        const T* const mask = call.mask->data<T>() + offset_of(*call.mask, stack) + (first + r) * call.mask->stride(-2);
        const std::int64_t step = call.mask->stride(-1);
        for (std::int64_t j = 0; j < seen; ++j) row[j] += mask[j * step];
      }
      if (call.causal)
        for (std::int64_t j = first + r + 1; j < seen; ++j) row[j] = -std::numeric_limits<T>::infinity();
    }
  }
};

template <class T>
void forward(const Attention& call, Array& y, Array& lse) {
  const Tiles<T> tiles(call);
  const T lowest = -std::numeric_limits<T>::infinity();
  parallel_tasks(tiles.stacks * tiles.per_stack(), [&](std::int64_t task) {
    const std::int64_t stack = task / tiles.per_stack(), first = task % tiles.per_stack() * tiles.rows;
    const std::int64_t count = std::min(tiles.rows, tiles.length - first), seen = tiles.visible(first, count);
    T* const out = y.data<T>() + (stack * tiles.length + first) * tiles.value_width;
    T* const sums = lse.data<T>() + stack * tiles.length + first;
    const Scratch<T> p(count * std::max<std::int64_t>(seen, 1));
    tiles.scores(stack, first, count, seen, p.get());
    for (std::int64_t r = 0; r < count; ++r) {
      T* const row = p.get() + r * seen;
      const T high = seen ? row_max<T>(row, seen) : lowest;
      if (high == lowest) {  // sees nothing
        std::fill_n(row, seen, T(0));
        sums[r] = T(0);
        continue;
      }
      const T sum = row_exp_sum<T>(row, seen, high, row);
      sums[r] = high + std::log(sum);
      const simd::Vec<T> scale(T(1) / sum);
      map_row<T>(seen, row, [&](simd::Vec<T> e) { return e * scale; }, row);
    }
    const Matrix<T> probabilities{p.get(), seen, 1};
    gemm_serial<T>(count, tiles.value_width, seen, probabilities, matrix_of<T>(*call.v, stack), out, tiles.value_width);
  });
}

// One stack per task: its tiles add into the same gk and gv in order.
template <class T>
void backward(const Attention& call, const Array& y, const Array& lse, const Array& g, Array& gq, Array& gk,
              Array& gv) {
  using V = simd::Vec<T>;
  const Tiles<T> tiles(call);
  parallel_tasks(tiles.stacks, [&](std::int64_t stack) {
    T* const gk_stack = gk.data<T>() + stack * tiles.keys * tiles.width;
    T* const gv_stack = gv.data<T>() + stack * tiles.keys * tiles.value_width;
    std::fill_n(gk_stack, tiles.keys * tiles.width, T(0));
    std::fill_n(gv_stack, tiles.keys * tiles.value_width, T(0));
    const Scratch<T> p(tiles.rows * tiles.keys), dp(tiles.rows * tiles.keys);
    Epilogue<T> add, plain;
    add.beta = T(1);
    for (std::int64_t first = 0; first < tiles.length; first += tiles.rows) {
      const std::int64_t count = std::min(tiles.rows, tiles.length - first), seen = tiles.visible(first, count);
      const std::int64_t row0 = stack * tiles.length + first;
      const Matrix<T> g_rows{g.data<T>() + row0 * tiles.value_width, tiles.value_width, 1};
      tiles.scores(stack, first, count, seen, p.get());
      gemm_serial<T>(count, seen, tiles.value_width, g_rows, matrix_of<T>(*call.v, stack).transposed(), dp.get(), seen);
      for (std::int64_t r = 0; r < count; ++r) {
        T *const row = p.get() + r * seen, *const d_row = dp.get() + r * seen;
        const V shift(lse.data<T>()[row0 + r]), scale(static_cast<T>(call.scale));
        const V dot(sum_row<T>(
            tiles.value_width, [](V a, V b) { return a * b; }, g_rows.data + r * tiles.value_width,
            y.data<T>() + (row0 + r) * tiles.value_width));
        map_row<T>(seen, row, [&](V s) { return simd::math::exp(s - shift); }, row);
        map_row<T>(seen, d_row, [&](V d, V prob) { return prob * (d - dot) * scale; }, d_row, row);
      }
      const Matrix<T> probabilities{p.get(), seen, 1}, ds{dp.get(), seen, 1};
      gemm_serial<T>(seen, tiles.value_width, count, probabilities.transposed(), g_rows, gv_stack, tiles.value_width, 1,
                     add);
      gemm_serial<T>(seen, tiles.width, count, ds.transposed(), matrix_of<T>(*call.q, stack, first), gk_stack,
                     tiles.width, 1, add);
      gemm_serial<T>(count, tiles.width, seen, ds, matrix_of<T>(*call.k, stack), gq.data<T>() + row0 * tiles.width,
                     tiles.width, 1, plain);
    }
  });
}

void attention(const Attention& call, Array& y, Array& lse) {
  dispatch(WideFloats{}, call.q->dtype(), [&]<class T>() { forward<T>(call, y, lse); });
}
void attention_backward(const Attention& call, const Array& y, const Array& lse, const Array& g, Array& gq, Array& gk,
                        Array& gv) {
  dispatch(WideFloats{}, call.q->dtype(), [&]<class T>() { backward<T>(call, y, lse, g, gq, gk, gv); });
}

const Provide registered{kernels::attention, DeviceType::cpu, &attention};
const Provide backward_registered{kernels::attention_backward, DeviceType::cpu, &attention_backward};

}  // namespace
}  // namespace tc::cpu
