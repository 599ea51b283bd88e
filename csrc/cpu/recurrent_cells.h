// The elementwise part of one step of each cell, for one row of H units: gates from pre-activations, and back.
// Equations in PyTorch's gate order: LSTM i, f, n, o (Hochreiter & Schmidhuber 1997, Gers et al. 2000); GRU r, z, n
// with the reset gate applied to the recurrent product (Cho et al. 2014, cuDNN's variant).
#pragma once
#include "cpu/row_math.h"
#include "ops/recurrent.h"

namespace tc::cpu {
namespace {

// Loads and stores of one vector position, whole or partial.
template <class T>
struct Position {
  std::int64_t i, count;  // count < 0: a whole vector
  simd::Vec<T> load(const T* p) const { return count < 0 ? simd::load(p + i) : simd::load_partial(p + i, count); }
  void store(T* p, simd::Vec<T> v) const {
    if (count < 0)
      simd::store(p + i, v);
    else
      simd::store_partial(p + i, count, v);
  }
};
template <class T, class Body>
inline void for_units(std::int64_t hidden, Body&& body) {
  for_each_vector<T>(
      hidden, [&](std::int64_t i) { body(Position<T>{i, -1}); },
      [&](std::int64_t i, std::int64_t count) { body(Position<T>{i, count}); });
}

// gates: pre-activations in, activations out. h and c are the new states; c0 the cell before.
template <class T>
void lstm_row(std::int64_t hidden, T* gates, const T* c0, T* h, T* c) {
  for_units<T>(hidden, [&](Position<T> at) {
    const auto i = simd::math::sigmoid(at.load(gates)), f = simd::math::sigmoid(at.load(gates + hidden));
    const auto n = simd::math::tanh(at.load(gates + 2 * hidden)), o = simd::math::sigmoid(at.load(gates + 3 * hidden));
    const auto cell = simd::fma(f, at.load(c0), i * n);
    at.store(gates, i);
    at.store(gates + hidden, f);
    at.store(gates + 2 * hidden, n);
    at.store(gates + 3 * hidden, o);
    at.store(c, cell);
    at.store(h, o * simd::math::tanh(cell));
  });
}

// dgates from the gradients of h and c after the step; dc becomes the gradient of the cell before.
template <class T>
void lstm_row_backward(std::int64_t hidden, const T* gates, const T* c0, const T* c, const T* dh, T* dc, T* dgates) {
  using V = simd::Vec<T>;
  const V one(T(1));
  for_units<T>(hidden, [&](Position<T> at) {
    const V i = at.load(gates), f = at.load(gates + hidden), n = at.load(gates + 2 * hidden);
    const V o = at.load(gates + 3 * hidden), g = at.load(dh), tanh_c = simd::math::tanh(at.load(c));
    const V gc = at.load(dc) + g * o * (one - tanh_c * tanh_c);
    at.store(dgates, gc * n * i * (one - i));
    at.store(dgates + hidden, gc * at.load(c0) * f * (one - f));
    at.store(dgates + 2 * hidden, gc * i * (one - n * n));
    at.store(dgates + 3 * hidden, g * tanh_c * o * (one - o));
    at.store(dc, gc * f);
  });
}

// gates: the input's part of r, z, n in; r, z, n and the recurrent part of n out. recurrent: h0 · w_hhᵀ (biases
// inside).
template <class T>
void gru_row(std::int64_t hidden, const T* input, const T* recurrent, const T* h0, T* gates, T* h) {
  for_units<T>(hidden, [&](Position<T> at) {
    const auto r = simd::math::sigmoid(at.load(input) + at.load(recurrent));
    const auto z = simd::math::sigmoid(at.load(input + hidden) + at.load(recurrent + hidden));
    const auto part = at.load(recurrent + 2 * hidden);
    const auto n = simd::math::tanh(simd::fma(r, part, at.load(input + 2 * hidden)));
    at.store(gates, r);
    at.store(gates + hidden, z);
    at.store(gates + 2 * hidden, n);
    at.store(gates + 3 * hidden, part);
    at.store(h, simd::fma(z, at.load(h0) - n, n));
  });
}

// da: gradient of the input's part, db: of the recurrent part; dh becomes what reaches h0 directly.
template <class T>
void gru_row_backward(std::int64_t hidden, const T* gates, const T* h0, T* dh, T* da, T* db) {
  using V = simd::Vec<T>;
  const V one(T(1));
  for_units<T>(hidden, [&](Position<T> at) {
    const V r = at.load(gates), z = at.load(gates + hidden), n = at.load(gates + 2 * hidden);
    const V part = at.load(gates + 3 * hidden), g = at.load(dh);
    const V dn = g * (one - z) * (one - n * n), dz = g * (at.load(h0) - n) * z * (one - z);
    const V dr = dn * part * r * (one - r);
    at.store(da, dr);
    at.store(da + hidden, dz);
    at.store(da + 2 * hidden, dn);
    at.store(db, dr);
    at.store(db + hidden, dz);
    at.store(db + 2 * hidden, dn * r);
    at.store(dh, g * z);
  });
}

template <class T>
void rnn_row(std::int64_t hidden, bool relu, T* gates, T* h) {
  for_units<T>(hidden, [&](Position<T> at) {
    const auto a = at.load(gates);
    const auto y = relu ? simd::max(a, simd::Vec<T>(T(0))) : simd::math::tanh(a);
    at.store(gates, y);
    at.store(h, y);
  });
}
template <class T>
void rnn_row_backward(std::int64_t hidden, bool relu, const T* gates, const T* dh, T* dgates) {
  using V = simd::Vec<T>;
  for_units<T>(hidden, [&](Position<T> at) {
    const V y = at.load(gates), g = at.load(dh);
    at.store(dgates, relu ? simd::select(y > V(T(0)), g, V(T(0))) : g * (V(T(1)) - y * y));
  });
}

}  // namespace
}  // namespace tc::cpu
