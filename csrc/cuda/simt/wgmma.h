// What wgmma and setmaxnreg do, for the 128 threads of a warpgroup.
#pragma once
#include "cuda/simt/lane.h"

namespace tc::simt {

struct WarpgroupProduct {  // the same for all threads
  int n;
  bool is_half, transposed_a, transposed_b, accumulate;
  std::uint64_t a, b;  // matrix descriptors
  bool operator==(const WarpgroupProduct&) const = default;
};

TC_SIMT_API void wgmma_fence(Where where);
TC_SIMT_API void wgmma(float* d, const WarpgroupProduct& product, Where where);
TC_SIMT_API void wgmma_commit();
TC_SIMT_API void wgmma_wait(int newest_in_flight, Where where);
TC_SIMT_API void set_registers(int count, bool increases, Where where);

}  // namespace tc::simt
