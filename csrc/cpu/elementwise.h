// How a loop over contiguous blocks of one dtype serves every layout and dtype: operands that are not contiguous, or of
// another dtype, are staged block by block through buffers that stay in the L1 cache.
#pragma once
#include "core/array.h"
#include "ops/elementwise.h"

namespace tc::cpu {

// out[i] = op(in[0][i], in[1][i], …) over n contiguous elements of the dtypes the loop was made for.
using Loop = void (*)(const void* const* in, void* out, std::int64_t n, const Params& params);

inline constexpr int kMaxInputs = 3;

struct LoopCall {
  Loop loop;
  DType input_dtypes[kMaxInputs];  // what the loop reads
  DType output_dtype;              // what it writes
};

namespace TC_ISA {
// Runs `call` over `count` inputs of the output's shape.
void run_loop(const LoopCall& call, const Array* const* inputs, int count, Array& output, const Params& params);
}  // namespace TC_ISA

}  // namespace tc::cpu
