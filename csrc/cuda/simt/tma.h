// What bulk copies (TMA) do on the executor. Loads report their bytes to an mbarrier, stores are grouped per thread.
#pragma once
#include "cuda/simt/lane.h"

namespace tc::simt {

struct TiledMap {  // the 128 bytes of a tensor map
  static constexpr std::uint32_t kMagic = 0x50414d54;
  std::uint32_t magic = kMagic;
  std::uint8_t rank = 0, item = 0, swizzle = 0;
  const std::byte* data = nullptr;
  std::uint64_t extent[5] = {}, stride[5] = {};
  std::uint16_t box[5] = {};
};
static_assert(sizeof(TiledMap) <= 128);

// `blocks`: bit r for the cluster's block r, 0 for the own block alone. The data and the mbarrier's count go to the
// same offsets in the shared memory of each.
TC_SIMT_API void tensor_load(void* shared, const void* map, int rank, const int* at, void* barrier, unsigned blocks,
                             Where where);
TC_SIMT_API void tensor_store(const void* map, const void* shared, int rank, const int* at, Where where);
TC_SIMT_API void bulk_load(void* shared, const void* global, unsigned bytes, void* barrier, Where where);
TC_SIMT_API void bulk_store(void* global, const void* shared, unsigned bytes, Where where);
TC_SIMT_API void bulk_commit();
TC_SIMT_API void bulk_wait(int newest_in_flight, bool source_only, Where where);
TC_SIMT_API void prefetch_map(const void* map, Where where);

}  // namespace tc::simt
