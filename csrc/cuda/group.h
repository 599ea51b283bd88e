// Groups of threads that hold one row between them: 1, 2, 4 … 32 lanes of a warp, or a whole block. Their values are
// combined in an order that the group's size fixes.
#pragma once
#include "cuda/device/cuda.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

inline constexpr int kMostWarps = 16;  // of a block that works on one row

template <class T>
  requires std::is_arithmetic_v<T>
TC_DEVICE T shuffle_xor(T value, int lanes) {
  return __shfl_xor_sync(kFullMask, value, lanes);
}

// combine(...) of one State per thread of the group, for every thread of it. All threads of the block call it.
// `scratch` is shared memory for kMostWarps States, used where the group is a block.
template <class State, class Combine>
TC_DEVICE State combine_group(State state, int lanes, State* scratch, Combine&& combine) {
  for (int step = (lanes < 32 ? lanes : 32) / 2; step > 0; step /= 2) state = combine(state, shuffle_xor(state, step));
  if (lanes > 32) {
    __syncthreads();  // the last call's reads are over
    if (lane_id() == 0) scratch[warp_id()] = state;
    __syncthreads();
    state = scratch[0];
    for (int w = 1; w < lanes / 32; ++w) state = combine(state, scratch[w]);
  }
  return state;
}

template <class C>
TC_DEVICE C sum_group(C value, int lanes, C* scratch) {
  return combine_group(value, lanes, scratch, [](C a, C b) { return a + b; });
}
// A NaN wins.
template <class C>
TC_DEVICE C larger(C a, C b) {
  return b > a || b != b ? b : a;
}
template <class C>
TC_DEVICE C max_group(C value, int lanes, C* scratch) {
  return combine_group(value, lanes, scratch, [](C a, C b) { return larger(a, b); });
}

// v[0] op v[1] op … as a tree: short chains of rounding errors, and of instructions that wait for each other.
template <int K, class C, class Op>
TC_DEVICE C fold_tree(const C* v, Op&& op) {
  if constexpr (K == 1)
    return v[0];
  else
    return op(fold_tree<K / 2>(v, op), fold_tree<K - K / 2>(v + K / 2, op));
}
template <class C, int K, class Op>
TC_DEVICE C fold_tree(const C (&v)[K], Op&& op) {
  return fold_tree<K>(&v[0], op);
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
