// Recurrent layers: one product for the input's part of all steps, then the steps, each a small product with the
// recurrent weights (packed once) and the cell's elementwise part. The batch is cut into chunks of fixed size which
// walk the whole sequence on their own, so threads never wait for each other between steps.
#include "ops/recurrent.h"

#include <memory>
#include <vector>

#include "cpu/gemm.h"
#include "cpu/parallel.h"
#include "cpu/recurrent_cells.h"
#include "cpu/scratch.h"

namespace tc::cpu {
namespace {

constexpr std::int64_t kChunkRows = 16;  // batch rows that walk the sequence together

// A row's steps that count, and its state before a step.
template <class T>
struct Walk {
  std::int64_t steps, batch, hidden;
  bool reverse;
  const std::int64_t* lengths;
  const T *h0, *c0;

  bool active(std::int64_t t, std::int64_t row) const { return !lengths || t < lengths[row]; }
  std::int64_t step(std::int64_t k) const { return reverse ? steps - 1 - k : k; }  // the k-th step taken
  // Where the state before step t of `row` lies in a (T, B, H) sequence of states, or in the initial state.
  const T* before(std::int64_t t, std::int64_t row, const T* sequence, const T* initial) const {
    const std::int64_t previous = reverse ? t + 1 : t - 1;
    if (previous < 0 || previous >= steps || !active(previous, row)) return initial + row * hidden;
    return sequence + (previous * batch + row) * hidden;
  }
};

template <class T>
Walk<T> walk_of(const Array& x, const Array& h0, const Array* c0, const Array* lengths, bool reverse) {
  return {x.shape(0),
          x.shape(1),
          h0.shape(1),
          reverse,
          lengths ? lengths->data<std::int64_t>() : nullptr,
          h0.data<T>(),
          c0 ? c0->data<T>() : nullptr};
}

template <class T>
void forward(const RecurrentForward& r) {
  const Walk<T> walk = walk_of<T>(*r.x, *r.h0, r.c0, r.lengths, r.reverse);
  const std::int64_t steps = walk.steps, batch = walk.batch, hidden = walk.hidden, inputs = r.x->shape(2);
  const std::int64_t wide = gates_of(r.cell) * hidden, saved = saved_gates_of(r.cell) * hidden;
  if (batch == 0 || hidden == 0) return;
  const bool gru = r.cell == Cell::gru;
  // The input's part of the gates, with the biases that add to it. For GRU the recurrent bias stays with its product.
  std::vector<T> bias(static_cast<std::size_t>(wide), T(0)), recurrent_bias(bias);
  for (std::int64_t i = 0; i < wide; ++i) {
    if (r.b_ih) bias[static_cast<std::size_t>(i)] = r.b_ih->data<T>()[i];
    if (r.b_hh) (gru ? recurrent_bias : bias)[static_cast<std::size_t>(i)] += r.b_hh->data<T>()[i];
  }
  T* const gates = r.gates->data<T>();
  std::unique_ptr<Scratch<T>> input_part;
  if (gru) input_part = std::make_unique<Scratch<T>>(steps * batch * wide);
  T* const pre = gru ? input_part->get() : gates;
  Epilogue<T> with_bias;
  with_bias.column_bias = bias.data();
  const Matrix<T> x{r.x->data<T>(), inputs, 1}, w_ih{r.w_ih->data<T>(), inputs, 1};
  gemm<T>(steps * batch, wide, inputs, x, w_ih.transposed(), pre, wide, 1, with_bias);
  const Matrix<T> w_hh{r.w_hh->data<T>(), hidden, 1};
  const PackedMatrix<T> packed = pack_b<T>(hidden, wide, w_hh.transposed());
  T *const output = r.output->data<T>(), *const h = r.h->data<T>(), *const c = r.c->data<T>();
  T* const cells = r.cells->data<T>();
  std::memcpy(h, walk.h0, r.h->nbytes());
  if (r.cell == Cell::lstm) std::memcpy(c, walk.c0, r.c->nbytes());
  parallel_for(batch, kChunkRows, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t rows = end - begin;
    std::unique_ptr<Scratch<T>> product;
    if (gru) product = std::make_unique<Scratch<T>>(rows * wide);
    Epilogue<T> epilogue;
    if (gru)
      epilogue.column_bias = recurrent_bias.data();
    else
      epilogue.beta = T(1);
    for (std::int64_t k = 0; k < steps; ++k) {
      const std::int64_t t = walk.step(k), first = t * batch + begin;
      const Matrix<T> state{h + begin * hidden, hidden, 1};
      T* const target = gru ? product->get() : gates + first * wide;
      gemm_serial<T>(rows, wide, hidden, state, packed, target, wide, 1, epilogue);
      for (std::int64_t row = begin; row < end; ++row) {
        T* const now = gates + (t * batch + row) * saved;
        T* const out = output + (t * batch + row) * hidden;
        T* const h_row = h + row * hidden;
        if (!walk.active(t, row)) {
          std::fill_n(out, hidden, T(0));
          std::fill_n(now, saved, T(0));
          if (r.cell == Cell::lstm) std::fill_n(cells + (t * batch + row) * hidden, hidden, T(0));
          continue;
        }
        switch (r.cell) {
          case Cell::lstm: {
            T* const cell = cells + (t * batch + row) * hidden;
            lstm_row(hidden, now, c + row * hidden, out, cell);
            std::copy_n(cell, hidden, c + row * hidden);
            break;
          }
          case Cell::gru:
            gru_row(hidden, pre + (t * batch + row) * wide, product->get() + (row - begin) * wide, h_row, now, out);
            break;
          default:
            rnn_row(hidden, r.cell == Cell::rnn_relu, now, out);
        }
        std::copy_n(out, hidden, h_row);
      }
    }
  });
}

// Sums of the columns of (rows, columns): fixed order, parallel over columns.
template <class T>
void column_sums(const T* a, std::int64_t rows, std::int64_t columns, T* out) {
  parallel_for(columns, 64, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t n = end - begin;
    Acc<T> sums[64] = {};
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t j = 0; j < n; ++j) sums[j] += a[r * columns + begin + j];
    std::copy_n(sums, n, out + begin);
  });
}

template <class T>
void backward(const RecurrentBackward& r) {
  const Walk<T> walk = walk_of<T>(*r.x, *r.h0, r.c0, r.lengths, r.reverse);
  const std::int64_t steps = walk.steps, batch = walk.batch, hidden = walk.hidden, inputs = r.x->shape(2);
  const std::int64_t wide = gates_of(r.cell) * hidden, saved = saved_gates_of(r.cell) * hidden, all = steps * batch;
  const bool gru = r.cell == Cell::gru, lstm = r.cell == Cell::lstm;
  // Gradients of the gates' input part, and for GRU, where they differ, of their recurrent part; the states before each
  // step.
  const Scratch<T> da(all * wide), db(gru ? all * wide : 0), previous(all * hidden);
  T* const recurrent = gru ? db.get() : da.get();
  const Matrix<T> w_hh{r.w_hh->data<T>(), hidden, 1};
  const PackedMatrix<T> packed = pack_b<T>(wide, hidden, w_hh);
  const T *const gates = r.gates->data<T>(), *const output = r.output->data<T>(), *const cells = r.cells->data<T>();
  T *const dh = r.gh0->data<T>(), *const dc = r.gc0->data<T>();
  std::memcpy(dh, r.g_h->raw(), r.g_h->nbytes());
  if (lstm) std::memcpy(dc, r.g_c->raw(), r.g_c->nbytes());
  parallel_for(batch, kChunkRows, [&](std::int64_t begin, std::int64_t end) {
    Epilogue<T> add;
    add.beta = T(1);
    for (std::int64_t k = steps - 1; k >= 0; --k) {
      const std::int64_t t = walk.step(k);
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t at = t * batch + row;
        T *const dh_row = dh + row * hidden, *const da_row = da.get() + at * wide;
        const T* const h_before = walk.before(t, row, output, walk.h0);
        if (!walk.active(t, row)) {
          std::fill_n(previous.get() + at * hidden, hidden, T(0));
          std::fill_n(da_row, wide, T(0));
          if (gru) std::fill_n(db.get() + at * wide, wide, T(0));
          continue;
        }
        std::copy_n(h_before, hidden, previous.get() + at * hidden);
        const T* const g = r.g_output->data<T>() + at * hidden;
        for (std::int64_t i = 0; i < hidden; ++i) dh_row[i] += g[i];
        if (gru) {
          gru_row_backward(hidden, gates + at * saved, h_before, dh_row, da_row, db.get() + at * wide);
          continue;
        }
        if (lstm) {
          const T* const c_before = walk.before(t, row, cells, walk.c0);
          lstm_row_backward(hidden, gates + at * saved, c_before, cells + at * hidden, dh_row, dc + row * hidden,
                            da_row);
        } else {
          rnn_row_backward(hidden, r.cell == Cell::rnn_relu, gates + at * saved, dh_row, da_row);
        }
        std::fill_n(dh_row, hidden, T(0));
      }
      const Matrix<T> dgates{recurrent + (t * batch + begin) * wide, wide, 1};
      gemm_serial<T>(end - begin, hidden, wide, dgates, packed, dh + begin * hidden, hidden, 1, add);
    }
  });
  const Matrix<T> da_matrix{da.get(), wide, 1}, db_matrix{recurrent, wide, 1}, w_ih{r.w_ih->data<T>(), inputs, 1};
  const Matrix<T> x{r.x->data<T>(), inputs, 1}, states{previous.get(), hidden, 1};
  gemm<T>(all, inputs, wide, da_matrix, w_ih, r.gx->data<T>(), inputs);
  gemm<T>(wide, inputs, all, da_matrix.transposed(), x, r.gw_ih->data<T>(), inputs);
  gemm<T>(wide, hidden, all, db_matrix.transposed(), states, r.gw_hh->data<T>(), hidden);
  column_sums(da.get(), all, wide, r.gb_ih->data<T>());
  if (gru)
    column_sums(db.get(), all, wide, r.gb_hh->data<T>());
  else
    std::memcpy(r.gb_hh->raw(), r.gb_ih->raw(), r.gb_ih->nbytes());
}

void recurrent(const RecurrentForward& r) {
  dispatch(WideFloats{}, r.x->dtype(), [&]<class T>() { forward<T>(r); });
}
void recurrent_backward(const RecurrentBackward& r) {
  dispatch(WideFloats{}, r.x->dtype(), [&]<class T>() { backward<T>(r); });
}

const Provide registered{kernels::recurrent, DeviceType::cpu, &recurrent};
const Provide backward_registered{kernels::recurrent_backward, DeviceType::cpu, &recurrent_backward};

}  // namespace
}  // namespace tc::cpu
