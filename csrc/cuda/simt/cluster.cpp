#include "cuda/simt/cluster.h"

#include "cuda/simt/async.h"

namespace tc::simt {

unsigned cluster_size() {
  const dim3& c = this_scheduler().launch().shape.cluster;
  return c.x * c.y * c.z;
}
unsigned cluster_rank() { return this_scheduler().lane->block->rank % cluster_size(); }

void* in_block(const void* shared, unsigned rank, Where where) {
  if (rank >= cluster_size())
    fault_text("mapa: block rank " + std::to_string(rank) + " in a cluster of " + std::to_string(cluster_size()),
               describe_place(where));
  const Block& from = block_of_shared(shared, "mapa", where);
  Scheduler& s = this_scheduler();
  const Block& to = s.team().blocks[s.lane->block->rank - cluster_rank() + rank];
  return to.shared + (static_cast<const std::byte*>(shared) - from.shared);
}

void* cluster_pointer(std::uint32_t address, std::size_t bytes, bool writes, Where where) {
  void* const pointer = shared_pointer(address, where);
  block_of_shared(pointer, "access to another block's shared memory", where);
  if (address % bytes != 0)
    fault_text("access to another block's shared memory: " + shared_text(pointer) + " is not a multiple of " +
                   std::to_string(bytes),
               describe_place(where));
  check_access(pointer, bytes, writes, where);
  return pointer;
}

}  // namespace tc::simt
