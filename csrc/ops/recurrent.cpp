#include "ops/recurrent.h"

#include "ops/copy.h"

namespace tc::ops {
namespace {

Cell cell_named(const std::string& kind) {
  if (kind == "rnn_tanh") return Cell::rnn_tanh;
  if (kind == "rnn_relu") return Cell::rnn_relu;
  if (kind == "lstm") return Cell::lstm;
  if (kind == "gru") return Cell::gru;
  fail(ErrorKind::value, "recurrent: kind must be rnn_tanh, rnn_relu, lstm or gru, got '", kind, "'");
}

void check_shape(const std::string& op, const char* name, const Array& a, const Dims& shape, const Array& like) {
  check_value(a.shape() == shape, op, ": ", name, " must have shape ", shape, ", got ", a.shape());
  check_type(a.dtype() == like.dtype(), op, ": all tensors must have one dtype, got x ", name_of(like.dtype()), " and ",
             name, " ", name_of(a.dtype()));
  check_same_device(a, like, op.c_str());
}

struct Sizes {
  std::int64_t steps, batch, inputs, hidden, gates;
};

Sizes check_layer(const std::string& op, Cell cell, const Array& x, const Array& h0, const std::optional<Array>& c0,
                  const Array& w_ih, const Array& w_hh, const std::optional<Array>& lengths) {
  check_type(x.dtype() == DType::float32 || x.dtype() == DType::float64, op, ": x must be float32 or float64, got ",
             name_of(x.dtype()));
  check_value(x.ndim() == 3, op, ": x must have shape (steps, batch, inputs), got ", x.shape());
  check_value(x.shape(0) > 0, op, ": a sequence must have at least one step, got x ", x.shape());
  check_value(h0.ndim() == 2, op, ": the state must have shape (batch, hidden), got ", h0.shape());
  const Sizes s{x.shape(0), x.shape(1), x.shape(2), h0.shape(1), gates_of(cell)};
  check_shape(op, "the state", h0, {s.batch, s.hidden}, x);
  check_value(c0.has_value() == (cell == Cell::lstm), op, ": a cell state belongs to lstm, and to it alone");
  if (c0) check_shape(op, "the cell state", *c0, {s.batch, s.hidden}, x);
  check_shape(op, "w_ih", w_ih, {s.gates * s.hidden, s.inputs}, x);
  check_shape(op, "w_hh", w_hh, {s.gates * s.hidden, s.hidden}, x);
  if (lengths) {
    check_type(lengths->dtype() == DType::int64, op, ": lengths must be int64, got ", name_of(lengths->dtype()));
    check_value(lengths->shape() == Dims{s.batch}, op, ": lengths must have shape ", Dims{s.batch}, ", got ",
                lengths->shape());
    check_value(lengths->is_contiguous(), op, ": lengths must be contiguous");
    const Array seen = on_host(*lengths);
    for (std::int64_t b = 0; b < s.batch; ++b) {
      const std::int64_t n = seen.data<std::int64_t>()[b];
      check_value(n >= 1 && n <= s.steps, op, ": lengths must lie in [1, ", s.steps, "], got ", n, " in row ", b);
    }
  }
  return s;
}

const Array* pointer(const std::optional<Array>& a) { return a ? &*a : nullptr; }
std::optional<Array> contiguous(const std::optional<Array>& a) {
  return a ? std::optional<Array>(a->contiguous()) : std::nullopt;
}

}  // namespace

std::tuple<Array, Array, Array, Array, Array> recurrent(const std::string& kind, bool reverse, const Array& x,
                                                        const Array& h0, const std::optional<Array>& c0,
                                                        const Array& w_ih, const Array& w_hh,
                                                        const std::optional<Array>& b_ih,
                                                        const std::optional<Array>& b_hh,
                                                        const std::optional<Array>& lengths) {
  const Cell cell = cell_named(kind);
  const Sizes s = check_layer(kind, cell, x, h0, c0, w_ih, w_hh, lengths);
  if (b_ih) check_shape(kind, "b_ih", *b_ih, {s.gates * s.hidden}, x);
  if (b_hh) check_shape(kind, "b_hh", *b_hh, {s.gates * s.hidden}, x);
  const bool lstm = cell == Cell::lstm;
  const Dims state{s.batch, s.hidden}, none{0};
  Array output = Array::empty({s.steps, s.batch, s.hidden}, x.dtype());
  Array h = Array::empty(state, x.dtype()), c = Array::empty(lstm ? state : none, x.dtype());
  Array gates = Array::empty({s.steps, s.batch, saved_gates_of(cell) * s.hidden}, x.dtype());
  Array cells = Array::empty(lstm ? output.shape() : none, x.dtype());
  const Array xs = x.contiguous(), hs = h0.contiguous(), wi = w_ih.contiguous(), wh = w_hh.contiguous();
  const auto cs = contiguous(c0), bi = contiguous(b_ih), bh = contiguous(b_hh);
  kernels::recurrent(x.device(), {cell, reverse, &xs, &hs, pointer(cs), &wi, &wh, pointer(bi), pointer(bh),
                                  pointer(lengths), &output, &h, &c, &gates, &cells});
  return {output, h, c, gates, cells};
}

std::tuple<Array, Array, Array, Array, Array, Array, Array> recurrent_backward(
    const std::string& kind, bool reverse, const Array& x, const Array& h0, const std::optional<Array>& c0,
    const Array& w_ih, const Array& w_hh, const std::optional<Array>& lengths, const Array& output, const Array& gates,
    const Array& cells, const Array& g_output, const Array& g_h, const std::optional<Array>& g_c) {
  const Cell cell = cell_named(kind);
  const std::string op = kind + "_backward";
  const Sizes s = check_layer(op, cell, x, h0, c0, w_ih, w_hh, lengths);
  const bool lstm = cell == Cell::lstm;
  const Dims sequence{s.steps, s.batch, s.hidden}, state{s.batch, s.hidden}, none{0};
  check_shape(op, "output", output, sequence, x);
  check_shape(op, "gates", gates, {s.steps, s.batch, saved_gates_of(cell) * s.hidden}, x);
  check_shape(op, "g_output", g_output, sequence, x);
  check_shape(op, "g_h", g_h, state, x);
  check_value(g_c.has_value() == lstm, op, ": g_c belongs to lstm, and to it alone");
  if (lstm) {
    check_shape(op, "cells", cells, sequence, x);
    check_shape(op, "g_c", *g_c, state, x);
  }
  const auto like = [&](const Array& a) { return Array::empty(a.shape(), x.dtype()); };
  Array gx = like(x), gh0 = like(h0), gc0 = Array::empty(lstm ? state : none, x.dtype()), gwi = like(w_ih),
        gwh = like(w_hh), gbi = Array::empty({s.gates * s.hidden}, x.dtype()), gbh = like(gbi);
  const Array xs = x.contiguous(), hs = h0.contiguous(), wi = w_ih.contiguous(), wh = w_hh.contiguous();
  const Array out = output.contiguous(), saved = gates.contiguous(), kept = cells.contiguous();
  const Array go = g_output.contiguous(), gh = g_h.contiguous();
  const auto cs = contiguous(c0), gc = contiguous(g_c);
  kernels::recurrent_backward(x.device(), {cell, reverse, &xs,   &hs,  pointer(cs), &wi,         &wh, pointer(lengths),
                                           &out, &saved,  &kept, &go,  &gh,         pointer(gc), &gx, &gh0,
                                           &gc0, &gwi,    &gwh,  &gbi, &gbh});
  return {gx, gh0, gc0, gwi, gwh, gbi, gbh};
}

}  // namespace tc::ops
