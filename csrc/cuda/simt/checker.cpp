#include "cuda/simt/checker.h"

#include <link.h>

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>

namespace tc::simt::checker {
namespace {

struct Stamp {                 // one access
  std::uint32_t block = 0;     // serial; 0: none
  std::uint32_t barriers = 0;  // full barriers its block had passed
  std::uint32_t epoch = 0;     // its thread's clock
  std::uint32_t release = 0;   // its block's clock
  std::uint32_t place = 0;     // see `places`
  std::uint16_t thread = 0;
  bool atomic = false;
};
struct Cell {  // what is known of a byte
  Stamp write, reads[2];
};

enum : std::uint8_t { kUnknown, kKnown, kArriving };  // never written; written; an asynchronous copy is writing it

struct Region {  // a global allocation, or one block's shared memory
  std::uintptr_t begin = 0, end = 0;
  std::vector<std::uint8_t> known;  // see below
  std::vector<Cell> cells;          // made when a kernel first touches it
  Cell* cells_of(std::uintptr_t at, std::size_t bytes) {
    if (cells.size() < at - begin + bytes)
      cells.resize(std::min(end - begin, std::max(2 * cells.size(), at - begin + bytes)));
    return &cells[at - begin];
  }
};

struct BlockClock {
  std::uint32_t barriers = 1, release = 1;
  std::unordered_map<std::uint32_t, std::uint32_t> known;  // other blocks' releases seen
};
struct ThreadClock {
  std::uint32_t epoch = 1, barriers = 0;
  bool unfenced = false;            // wrote global memory since its last fence
  std::vector<std::uint32_t> seen;  // other threads' epochs, valid while `barriers` is the block's
};
struct Released {  // by threads of one block, who can be told apart there
  std::uint32_t block = 0, barriers = 0;
  std::vector<std::uint32_t> seen;
};
struct Sync {
  std::vector<Released> threads;  // one per block
  Released* of(std::uint32_t block) {
    const auto found =
        std::find_if(threads.begin(), threads.end(), [&](const Released& r) { return r.block == block; });
    return found == threads.end() ? nullptr : &*found;
  }
  std::unordered_map<std::uint32_t, std::uint32_t> blocks;
};
struct BlockState {
  BlockClock clock;
  std::vector<ThreadClock> threads;
  Region shared;
};

struct Place {
  const void* program_counter;
  Where where;
};

std::map<std::uintptr_t, Region> regions;  // by first address
std::deque<std::pair<std::uintptr_t, std::uintptr_t>> freed;
Region* last_region = nullptr;
Launch* launch = nullptr;
std::vector<BlockState> blocks;  // by rank in the team
std::unordered_map<const void*, Sync> syncs;
std::vector<Place> places;
std::unordered_map<const void*, std::uint32_t> place_of_counter;

Scheduler& scheduler() { return static_cast<Scheduler&>(*worker); }
BlockState& state_of(const Block& block) { return blocks[block.rank]; }

std::uint32_t place_number(const void* pc, const Where* where) {
  const void* key = pc ? pc : static_cast<const void*>(where->file_name() + where->line());
  const auto [at, is_new] = place_of_counter.try_emplace(key, static_cast<std::uint32_t>(places.size()));
  if (is_new) places.push_back({pc, where ? *where : Where{}});
  return at->second;
}
std::string place_text(std::uint32_t number) {
  const Place& p = places[number];
  return p.program_counter ? describe_place(p.program_counter) : describe_place(p.where);
}

void merge(std::vector<std::uint32_t>& into, const std::vector<std::uint32_t>& from) {
  if (into.size() < from.size()) into.resize(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) into[i] = std::max(into[i], from[i]);
}
void merge(std::unordered_map<std::uint32_t, std::uint32_t>& into,
           const std::unordered_map<std::uint32_t, std::uint32_t>& from) {
  for (const auto& [block, release] : from) into[block] = std::max(into[block], release);
}

ThreadClock& clock_of(BlockState& block, std::uint32_t thread) {
  ThreadClock& clock = block.threads[thread];
  if (clock.barriers != block.clock.barriers) {  // a barrier of the whole block: all before it is behind us
    clock.barriers = block.clock.barriers;
    clock.seen.clear();
  }
  return clock;
}

bool happened_before(const Stamp& s, const Lane& me, bool shared) {
  if (s.block < launch->first_serial) return true;  // nobody, or an earlier launch
  if (shared) {                                     // the memory's earlier users are gone
    const std::vector<Block>& team = me.block->team->blocks;
    if (s.block - team.front().serial >= team.size()) return true;
  }
  BlockState& mine = state_of(*me.block);
  if (s.block != me.block->serial) {
    const auto known = mine.clock.known.find(s.block);
    return known != mine.clock.known.end() && known->second >= s.release;
  }
  if (s.thread == me.rank || s.barriers < mine.clock.barriers) return true;
  const ThreadClock& clock = clock_of(mine, me.rank);
  return s.thread < clock.seen.size() && clock.seen[s.thread] >= s.epoch;
}

std::string count_text(std::size_t bytes) { return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes"); }

std::string thread_text(const Stamp& s) {
  const LaunchShape& shape = launch->shape;
  const auto spell = [](std::uint64_t i, const dim3& d) {
    return "(" + std::to_string(i % d.x) + ", " + std::to_string(i / d.x % d.y) + ", " + std::to_string(i / d.x / d.y) +
           ")";
  };
  const std::string thread = "thread " + spell(s.thread, shape.block);
  if (s.block == scheduler().lane->block->serial) return thread;
  const bool plain = shape.cluster.x * shape.cluster.y * shape.cluster.z == 1;
  return thread + " of " +
         (plain ? "block " + spell(s.block - launch->first_serial, shape.grid) : std::string("another block"));
}

// In words: where an address lies. `block` is set for shared memory.
std::string describe(std::uintptr_t at, const Block* block) {
  if (block) {
    const std::size_t offset = at - reinterpret_cast<std::uintptr_t>(block->shared);
    for (const SharedVariable& v : block->variables)
      if (offset >= v.offset && offset < v.offset + v.bytes)
        return "shared `" + std::string(v.name) + "` + " + std::to_string(offset - v.offset);
    if (offset < launch->shape.shared) return "dynamic shared memory + " + std::to_string(offset);
    const SharedVariable* before = nullptr;
    for (const SharedVariable& v : block->variables)
      if (v.offset + v.bytes <= offset && (!before || v.offset > before->offset)) before = &v;
    if (before)
      return count_text(offset - before->offset - before->bytes + 1) + " past the end of shared `" + before->name +
             "` of " + count_text(before->bytes);
    return count_text(offset - launch->shape.shared + 1) + " past the end of the dynamic shared memory of " +
           count_text(launch->shape.shared);
  }
  auto after = regions.upper_bound(at);
  const Region* before = after == regions.begin() ? nullptr : &std::prev(after)->second;
  if (before && at < before->end)
    return "global memory, byte " + std::to_string(at - before->begin) + " of an allocation of " +
           count_text(before->end - before->begin);
  for (const auto& [begin, end] : freed)
    if (at >= begin && at < end)
      return "global memory that was freed, byte " + std::to_string(at - begin) + " of " + count_text(end - begin);
  if (at < 4096) return "a null pointer + " + std::to_string(at);
  constexpr std::uintptr_t kNear = 1 << 16;
  const bool near_before = before && at - before->end < kNear;
  const bool near_after = after != regions.end() && after->first - at <= kNear;
  if (near_before && (!near_after || at - before->end <= after->first - at))
    return count_text(at - before->end + 1) + " past the end of a global allocation of " +
           count_text(before->end - before->begin);
  if (near_after)
    return count_text(after->first - at) + " before a global allocation of " +
           count_text(after->second.end - after->second.begin);
  return "memory the device does not have (a host pointer?)";
}

// Constants and variables of loaded modules.
bool is_static(std::uintptr_t at, std::size_t bytes, bool writes) {
  struct Query {
    std::uintptr_t at, bytes;
    bool writes, found;
  } query{at, bytes, writes, false};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* context) {
        auto& q = *static_cast<Query*>(context);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& header = info->dlpi_phdr[i];
          if (header.p_type != PT_LOAD) continue;
          const std::uintptr_t begin = info->dlpi_addr + header.p_vaddr, end = begin + header.p_memsz;
          if (q.at >= begin && q.at + q.bytes <= end && (!q.writes || (header.p_flags & PF_W))) q.found = true;
        }
        return q.found ? 1 : 0;
      },
      &query);
  return query.found;
}

Region* find_global(std::uintptr_t at) {
  if (last_region && at >= last_region->begin && at < last_region->end) return last_region;
  const auto after = regions.upper_bound(at);
  if (after == regions.begin()) return nullptr;
  Region& region = std::prev(after)->second;
  if (at >= region.end) return nullptr;
  return last_region = &region;
}

}  // namespace

// ---- device memory
// ----------------------------------------------------------------------------------------------------

void allocated(const void* data, std::size_t bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  Region region;
  region.begin = begin;
  region.end = begin + bytes;
  region.known.assign(bytes, 0);
  std::erase_if(freed, [&](const auto& f) { return f.first < begin + bytes && begin < f.second; });
  regions.insert_or_assign(begin, std::move(region));
  last_region = nullptr;
}
void released(const void* data) {
  const auto found = regions.find(reinterpret_cast<std::uintptr_t>(data));
  if (found == regions.end()) return;
  freed.emplace_back(found->second.begin, found->second.end);
  if (freed.size() > 256) freed.pop_front();
  regions.erase(found);
  last_region = nullptr;
}
void written_by_host(const void* data, std::size_t bytes) {
  const auto at = reinterpret_cast<std::uintptr_t>(data);
  Region* region = find_global(at);
  if (region && at + bytes <= region->end)
    std::fill_n(region->known.begin() + static_cast<std::ptrdiff_t>(at - region->begin), bytes, kKnown);
}
bool is_allocated(const void* data, std::size_t bytes) {
  const auto at = reinterpret_cast<std::uintptr_t>(data);
  Region* region = find_global(at);
  return region && at + bytes <= region->end;
}

// ---- order
// ------------------------------------------------------------------------------------------------------------

void begin_launch(Launch& started) {
  launch = &started;
  syncs.clear();
  places.clear();
  place_of_counter.clear();
}

void begin_block(Block& block) {
  if (blocks.size() <= block.rank) blocks.resize(block.rank + 1);
  BlockState& state = blocks[block.rank];
  state.clock = {};
  state.threads.assign(block.threads, {});
  const auto base = reinterpret_cast<std::uintptr_t>(block.shared);
  state.shared.begin = base;
  state.shared.end = base + kSharedLimit;
  state.shared.known.assign(kSharedLimit, 0);
}

void synchronise_warp(Warp& warp, std::uint32_t lanes) {
  BlockState& block = state_of(*warp.block);
  const std::uint32_t first = warp.lanes->rank;
  std::vector<std::uint32_t> joined(block.threads.size());
  for (std::uint32_t m = lanes; m; m &= m - 1) {
    const std::uint32_t thread = first + static_cast<std::uint32_t>(__builtin_ctz(m));
    ThreadClock& clock = clock_of(block, thread);
    merge(joined, clock.seen);
    joined[thread] = std::max(joined[thread], clock.epoch);
  }
  for (std::uint32_t m = lanes; m; m &= m - 1) {
    ThreadClock& clock = clock_of(block, first + static_cast<std::uint32_t>(__builtin_ctz(m)));
    clock.seen = joined;
    ++clock.epoch;
  }
}
void synchronise_block(Block& block) { ++state_of(block).clock.barriers; }
void synchronise_team(Team& team) {
  for (Block& block : team.blocks) ++state_of(block).clock.barriers;
  std::unordered_map<std::uint32_t, std::uint32_t> all;
  for (Block& block : team.blocks) {
    BlockClock& clock = state_of(block).clock;
    merge(all, clock.known);
    all[block.serial] = clock.release++;
  }
  for (Block& block : team.blocks) state_of(block).clock.known = all;
}

void release_to(const void* object) {
  Lane& me = *scheduler().lane;
  BlockState& block = state_of(*me.block);
  ThreadClock& clock = clock_of(block, me.rank);
  Sync& sync = syncs[object];
  Released* released = sync.of(me.block->serial);
  if (!released) {
    const std::vector<Block>& team = me.block->team->blocks;  // blocks that have ended need not be told apart
    std::erase_if(sync.threads, [&](const Released& r) { return r.block - team.front().serial >= team.size(); });
    released = &sync.threads.emplace_back(Released{me.block->serial, 0, {}});
  }
  if (released->barriers != block.clock.barriers) {
    released->barriers = block.clock.barriers;
    released->seen.assign(block.threads.size(), 0);
  }
  merge(released->seen, clock.seen);
  released->seen[me.rank] = clock.epoch++;
  if (!clock.unfenced) {
    merge(sync.blocks, block.clock.known);
    sync.blocks[me.block->serial] = block.clock.release++;
  }
}
void acquire_from(const void* object, Lane& lane) {
  const auto found = syncs.find(object);
  if (found == syncs.end()) return;
  BlockState& block = state_of(*lane.block);
  if (const Released* released = found->second.of(lane.block->serial);
      released && released->barriers == block.clock.barriers)
    merge(clock_of(block, lane.rank).seen, released->seen);
  merge(block.clock.known, found->second.blocks);
}
void forget(const void* object) { syncs.erase(object); }

namespace {
void set_known(const void* shared, std::size_t bytes, std::uint8_t value) {
  const auto at = reinterpret_cast<std::uintptr_t>(shared);
  for (BlockState& block : blocks)
    if (at >= block.shared.begin && at + bytes <= block.shared.end)
      std::fill_n(block.shared.known.begin() + static_cast<std::ptrdiff_t>(at - block.shared.begin), bytes, value);
}
}  // namespace
void is_arriving(const void* shared, std::size_t bytes) { set_known(shared, bytes, kArriving); }
void becomes_known(const void* shared, std::size_t bytes) { set_known(shared, bytes, kKnown); }

// ---- accesses
// -----------------------------------------------------------------------------------------------------------

void access(const void* address, std::size_t bytes, std::size_t alignment, Access kind, const void* pc,
            const Where* where) {
  if (!worker || !worker->lane || !launch || bytes == 0) return;
  Lane& me = *worker->lane;
  if (me.fiber->holds(address)) return;  // its own variables
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const auto args = reinterpret_cast<std::uintptr_t>(launch->args);
  if (at >= args && at + bytes <= args + launch->args_bytes) return;
  const auto inside = [&](const auto& records) {  // threadIdx and its kin lie in them
    const auto begin = reinterpret_cast<std::uintptr_t>(records.data());
    return at >= begin && at < begin + records.size() * sizeof records[0];
  };
  if (kind == Access::read && (inside(me.block->team->lanes) || inside(me.block->team->blocks))) return;
  const bool reads = kind == Access::read || kind == Access::atomic_read;
  const bool stores = kind == Access::write || kind == Access::atomic_write;  // whatever was there before
  const bool is_atomic = kind != Access::read && kind != Access::write;
  const char* verb = reads ? "read" : stores ? "write" : "atomic access";
  const auto place = [&] { return pc ? describe_place(pc) : describe_place(*where); };
  const auto wrong = [&](const char* rule, const std::string& detail) {
    fault_text(std::string(rule) + " " + verb + " of " + count_text(bytes) + " at " + detail, place());
  };

  Region* region = nullptr;
  const Block* home = nullptr;
  for (const Block& block : me.block->team->blocks) {
    const auto base = reinterpret_cast<std::uintptr_t>(block.shared);
    if (at < base || at >= base + 256 * 1024) continue;
    home = &block;
    region = &state_of(block).shared;
    const std::size_t offset = at - base;
    bool inside = offset + bytes <= launch->shape.shared;
    for (const SharedVariable& v : block.variables)
      inside |= offset >= v.offset && offset + bytes <= v.offset + v.bytes;
    if (!inside) wrong("out-of-bounds", describe(at, home));
    break;
  }
  if (!home) {
    region = find_global(at);
    if (!region || at + bytes > region->end) {
      if (is_static(at, bytes, !reads)) return;
      wrong("out-of-bounds", describe(region ? region->end : at, nullptr));
    }
  }
  if (alignment > 1 && at % alignment != 0)
    wrong("misaligned", describe(at, home) + ", which is not a multiple of " + std::to_string(alignment));

  std::uint8_t* const known = &region->known[at - region->begin];
  Cell* const cells = region->cells_of(at, bytes);
  if (!stores)
    for (std::size_t i = 0; i < bytes; ++i)
      if (known[i] == kUnknown) wrong("uninitialised", describe(at + i, home) + ", which nothing has written");
  for (std::size_t i = 0; i < bytes; ++i)
    if (known[i] == kArriving)
      wrong("early", describe(at + i, home) + ", which an asynchronous copy that nobody waited for is writing");

  BlockState& block = state_of(*me.block);
  const Stamp now{me.block->serial,
                  block.clock.barriers,
                  clock_of(block, me.rank).epoch,
                  block.clock.release,
                  place_number(pc, where),
                  static_cast<std::uint16_t>(me.rank),
                  is_atomic};
  const auto race = [&](std::size_t i, const Stamp& other, const char* their_verb) {
    fault_text(std::string("race: ") + verb + " of " + count_text(bytes) + " at " + describe(at + i, home) +
                   " and the " + their_verb + " by " + thread_text(other) + " at " + place_text(other.place) +
                   " are not ordered by a barrier or fence",
               place());
  };
  for (std::size_t i = 0; i < bytes; ++i) {
    Cell& cell = cells[i];
    if (!(cell.write.atomic && is_atomic) && !happened_before(cell.write, me, home))
      race(i, cell.write, cell.write.atomic ? "atomic access" : "write");
    if (reads) {
      if (cell.reads[0].block != now.block || cell.reads[0].thread != now.thread) {
        if (happened_before(cell.reads[0], me, home))
          cell.reads[0] = now;
        else
          cell.reads[1] = now;
      } else {
        cell.reads[0] = now;
      }
    } else {
      for (const Stamp& read : cell.reads)
        if (!(read.atomic && is_atomic) && !happened_before(read, me, home)) race(i, read, "read");
      cell.write = now;
      cell.reads[0] = cell.reads[1] = {};
    }
  }
  if (!reads) {
    std::fill_n(known, bytes, kKnown);
    if (!home && kind == Access::write) clock_of(block, me.rank).unfenced = true;
  }
}

}  // namespace tc::simt::checker

namespace tc::simt {

void check_access(const void* address, std::size_t bytes, bool writes, Where where) {
  if (!static_cast<Scheduler&>(*worker).launch().checked) return;
  checker::access(address, bytes, bytes <= 16 && (bytes & (bytes - 1)) == 0 ? bytes : 1,
                  writes ? checker::Access::write : checker::Access::read, nullptr, &where);
}
void check_atomic(const void* address, std::size_t bytes, Where where) {
  if (!static_cast<Scheduler&>(*worker).launch().checked) return;
  checker::access(address, bytes, bytes, checker::Access::atomic, nullptr, &where);
}
void fence() {
  Scheduler& s = static_cast<Scheduler&>(*worker);
  if (s.launch().checked) checker::state_of(*s.lane->block).threads[s.lane->rank].unfenced = false;
}
void synchronises(const void* address, bool acquires, bool releases) {
  Scheduler& s = static_cast<Scheduler&>(*worker);
  if (!s.launch().checked) return;
  if (acquires) checker::acquire_from(address, *s.lane);
  if (releases) checker::release_to(address);
}

}  // namespace tc::simt

namespace tc::simt::checker {

void volatile_access(const void* address, std::size_t bytes, bool writes, const void* program_counter) {
  if (!worker || !worker->lane || worker->lane->fiber->holds(address)) return;
  access(address, bytes, bytes, writes ? Access::atomic_write : Access::atomic_read, program_counter, nullptr);
  synchronises(address, !writes, writes);
  if (writes)
    progress();
  else {
    worker->lane->spins_at = program_counter;
    spins("a volatile variable to change", Where{});
  }
}

}  // namespace tc::simt::checker
