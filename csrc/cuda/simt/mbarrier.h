// What the mbarrier instructions do. An object is 8 bytes of shared memory; its state is kept beside it, and the bytes
// hold a copy, by which an object that was overwritten is recognised.
#pragma once
#include "cuda/simt/lane.h"

namespace tc::simt {

TC_SIMT_API void mbarrier_init(void* barrier, unsigned count, Where where);
TC_SIMT_API void mbarrier_invalidate(void* barrier, Where where);
TC_SIMT_API void mbarrier_arrive(void* barrier, unsigned count, Where where);
TC_SIMT_API void mbarrier_expect(void* barrier, unsigned bytes, Where where);
TC_SIMT_API bool mbarrier_try_wait(void* barrier, unsigned parity, Where where);
TC_SIMT_API void mbarrier_wait(void* barrier, unsigned parity, Where where);

}  // namespace tc::simt
