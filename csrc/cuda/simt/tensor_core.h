// What ldmatrix, stmatrix and mma.sync do, for a whole warp at once.
#pragma once
#include "cuda/simt/lane.h"

namespace tc::simt {

TC_SIMT_API void load_matrices(unsigned* out, int count, const void* row, bool transposed, Where where);
TC_SIMT_API void store_matrices(const unsigned* in, int count, void* row, bool transposed, Where where);
TC_SIMT_API void mma_16x8x16(bool is_half, float* c, const unsigned* a, const unsigned* b, Where where);
TC_SIMT_API void mma_16x8x8_tf32(float* c, const unsigned* a, const unsigned* b, Where where);

}  // namespace tc::simt
