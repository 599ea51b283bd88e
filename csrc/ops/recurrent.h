// One layer of a recurrent network in one direction, over a whole sequence in one call.
#pragma once
#include <optional>
#include <string>
#include <tuple>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

enum class Cell : std::uint8_t { rnn_tanh, rnn_relu, lstm, gru };

constexpr int gates_of(Cell cell) { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }
// What forward keeps per step for backward: the gates, and for GRU the recurrent part of the new gate too.
constexpr int saved_gates_of(Cell cell) { return cell == Cell::gru ? 4 : gates_of(cell); }

// T steps of a batch of B rows; I inputs, H hidden units, G gates. All arrays contiguous, of one dtype, float32 or
// float64.
struct RecurrentForward {
  Cell cell;
  bool reverse;                                          // walk the sequence from its end
  const Array *x, *h0, *c0, *w_ih, *w_hh, *b_ih, *b_hh;  // (T,B,I) (B,H) (B,H)? (GH,I) (GH,H) (GH,)? (GH,)?
  const Array* lengths;                                  // int64 (B,) or null: steps of each row that count
  Array *output, *h, *c, *gates, *cells;                 // (T,B,H) (B,H) (B,H)? (T,B,saved·H) (T,B,H)?
};
struct RecurrentBackward {
  Cell cell;
  bool reverse;
  const Array *x, *h0, *c0, *w_ih, *w_hh, *lengths;
  const Array *output, *gates, *cells;
  const Array *g_output, *g_h, *g_c;  // gradients of the outputs
  Array *gx, *gh0, *gc0, *gw_ih, *gw_hh, *gb_ih, *gb_hh;
};

namespace kernels {
constinit inline Kernel<void(const RecurrentForward&)> recurrent{"recurrent"};
constinit inline Kernel<void(const RecurrentBackward&)> recurrent_backward{"recurrent_backward"};
}  // namespace kernels

namespace ops {
// `kind`: rnn_tanh, rnn_relu, lstm or gru. Returns (output, h_n, c_n, gates, cells); c_n and cells are empty but for
// lstm.
std::tuple<Array, Array, Array, Array, Array> recurrent(const std::string& kind, bool reverse, const Array& x,
                                                        const Array& h0, const std::optional<Array>& c0,
                                                        const Array& w_ih, const Array& w_hh,
                                                        const std::optional<Array>& b_ih,
                                                        const std::optional<Array>& b_hh,
                                                        const std::optional<Array>& lengths);
// Returns the gradients of (x, h0, c0, w_ih, w_hh, b_ih, b_hh); that of c0 is empty but for lstm.
std::tuple<Array, Array, Array, Array, Array, Array, Array> recurrent_backward(
    const std::string& kind, bool reverse, const Array& x, const Array& h0, const std::optional<Array>& c0,
    const Array& w_ih, const Array& w_hh, const std::optional<Array>& lengths, const Array& output, const Array& gates,
    const Array& cells, const Array& g_output, const Array& g_h, const std::optional<Array>& g_c);
}  // namespace ops
}  // namespace tc
