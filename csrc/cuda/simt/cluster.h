// Blocks of a cluster, which see each other's shared memory.
#pragma once
#include "cuda/simt/lane.h"

namespace tc::simt {

TC_SIMT_API unsigned cluster_rank();  // of the running lane's block
TC_SIMT_API unsigned cluster_size();
// What the block of that rank has at the offset that `shared` has in its own block.
TC_SIMT_API void* in_block(const void* shared, unsigned rank, Where where);
// A 32-bit address of shared memory as mapa gives it, for an access of `bytes`.
TC_SIMT_API void* cluster_pointer(std::uint32_t address, std::size_t bytes, bool writes, Where where);

}  // namespace tc::simt
