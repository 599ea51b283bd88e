// A block's shared memory, and cp.async: copies that finish when the wait for them ends, if asked to.
#include <cstring>
#include <deque>

#include "cuda/simt/checker.h"
#include "cuda/simt/team.h"

namespace tc::simt {
namespace {
Scheduler& scheduler() { return static_cast<Scheduler&>(*worker); }
constexpr std::size_t kStaticLimit = 48 * 1024;
}  // namespace

void* dynamic_shared() { return scheduler().lane->block->shared; }

void* static_shared(const void* key, const char* name, std::size_t bytes, std::size_t alignment, Where where) {
  Scheduler& s = scheduler();
  Block& block = *s.lane->block;
  for (const SharedVariable& v : block.variables)
    if (v.key == key) return block.shared + v.offset;
  const std::size_t gap = s.launch().checked ? 16 : 0;  // so that running past one's end does not hit the next
  const std::size_t at = (block.shared_used + gap + alignment - 1) / alignment * alignment;
  block.shared_used = at + bytes;
  block.variables.push_back({key, name, at, bytes});
  std::size_t in_all = 0;
  for (const SharedVariable& v : block.variables) in_all += v.bytes;
  if (in_all > kStaticLimit || in_all + s.launch().shape.shared > kSharedLimit)
    fault_text("shared memory: with `" + std::string(name) + "` " + std::to_string(in_all) +
                   " bytes of __shared__ variables and " + std::to_string(s.launch().shape.shared) +
                   " dynamic ones; a block has at most 49152 static and 232448 in all",
               describe_place(where));
  return block.shared + at;
}

std::uint32_t shared_address(const void* pointer, Where where) {
  const auto* p = static_cast<const std::byte*>(pointer);
  for (const Block& block : scheduler().team().blocks)
    if (p >= block.shared && p <= block.shared + kSharedLimit)
      return block.rank << 24 | static_cast<std::uint32_t>(p - block.shared);
  fault_text("shared_address: the pointer does not lie in shared memory", describe_place(where));
}
void* shared_pointer(std::uint32_t address, Where where) {
  Team& team = scheduler().team();
  if (address >> 24 >= team.blocks.size() || (address & 0xffffffu) > kSharedLimit)
    fault_text("shared_pointer: no shared memory has the address " + std::to_string(address), describe_place(where));
  return team.blocks[address >> 24].shared + (address & 0xffffffu);
}

// ---- cp.async
// --------------------------------------------------------------------------------------------------------

struct AsyncCopy {
  std::byte* to;
  const std::byte* from;
  int bytes, filled;
  Where where;
};
struct AsyncCopies {
  std::vector<AsyncCopy> current;
  std::deque<std::vector<AsyncCopy>> groups;
};

namespace {

void perform(const AsyncCopy& c) {
  if (scheduler().launch().checked) {
    if (c.filled) check_access(c.from, static_cast<std::size_t>(c.filled), false, c.where);
    checker::becomes_known(c.to, static_cast<std::size_t>(c.bytes));
    check_access(c.to, static_cast<std::size_t>(c.bytes), true, c.where);
  }
  std::memcpy(c.to, c.from, static_cast<std::size_t>(c.filled));
  std::memset(c.to + c.filled, 0, static_cast<std::size_t>(c.bytes - c.filled));
}
void perform(std::vector<AsyncCopy>& group) {
  for (const AsyncCopy& c : group) perform(c);
  group.clear();
}

}  // namespace

void copy_async(void* shared, const void* global, int bytes, int filled, Where where) {
  Scheduler& s = scheduler();
  Lane& me = *s.lane;
  const auto misaligned = [&](const void* p) {
    return reinterpret_cast<std::uintptr_t>(p) % static_cast<unsigned>(bytes) != 0;
  };
  if (filled < 0 || filled > bytes)
    fault_text("cp.async: " + std::to_string(filled) + " of " + std::to_string(bytes) + " bytes to read",
               describe_place(where));
  if (misaligned(shared) || misaligned(global))
    fault_text("misaligned cp.async of " + std::to_string(bytes) + " bytes: both addresses must be multiples of it",
               describe_place(where));
  shared_address(shared, where);
  const AsyncCopy copy{static_cast<std::byte*>(shared), static_cast<const std::byte*>(global), bytes, filled, where};
  if (!me.copies) me.copies = new AsyncCopies;
  const Async mode = s.launch().settings.async;
  if (s.launch().checked) {  // the destination is written some time between now and the wait: nobody may touch it
    check_access(shared, static_cast<std::size_t>(bytes), true, where);
    checker::is_arriving(shared, static_cast<std::size_t>(bytes));
  }
  if (mode == Async::eager || (mode == Async::random && s.random() % 2 == 0)) {
    if (!s.launch().checked) return perform(copy);
  }
  if (mode != Async::eager) std::memset(shared, 0xff, static_cast<std::size_t>(bytes));
  me.copies->current.push_back(copy);
}

void commit_async() {
  Lane& me = *scheduler().lane;
  if (!me.copies) me.copies = new AsyncCopies;
  me.copies->groups.emplace_back();
  me.copies->groups.back().swap(me.copies->current);
}

void wait_async(int newest_in_flight, Where) {
  Lane& me = *scheduler().lane;
  if (!me.copies) return;
  auto& groups = me.copies->groups;
  while (groups.size() > static_cast<std::size_t>(newest_in_flight)) {
    perform(groups.front());
    groups.pop_front();
  }
}

void finish_copies(Lane& lane) {  // nobody can see the data any more, but the addresses are checked
  for (auto& group : lane.copies->groups) perform(group);
  perform(lane.copies->current);
  lane.copies->groups.clear();
}
void drop_copies(Lane& lane) {
  delete lane.copies;
  lane.copies = nullptr;
}

}  // namespace tc::simt
