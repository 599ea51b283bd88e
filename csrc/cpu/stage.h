// Moving one row of elements between memory and a contiguous buffer, with conversion: how kernels that compute on
// contiguous blocks of one dtype serve every layout and every mixture of dtypes.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "core/kernel_table.h"

namespace tc::cpu {

// Elements converted per staged block: three float64 buffers of it stay inside a 32 KiB L1 cache.
inline constexpr std::int64_t kBlock = 1024;

// destination[i * destination_stride] = convert(source[i * source_stride]) for i in [0, n); strides in elements.
using StageRow = void(const std::byte* source, std::int64_t source_stride, std::byte* destination,
                      std::int64_t destination_stride, std::int64_t n);

// The row mover for each pair of dtypes, provided by cpu/copy.cpp.
constinit inline Kernel<void(DType from, DType to, StageRow** out)> stage_row{"stage"};

inline StageRow* row_mover(DType from, DType to) {
  StageRow* mover;
  stage_row.slots[0](from, to, &mover);
  return mover;
}

}  // namespace tc::cpu
