#include "cuda/simt/tma.h"

#include <algorithm>
#include <cstring>

#include "cuda/simt/async.h"
#include "cuda/simt/checker.h"
#include "cuda/simt/cluster.h"
#include "cuda/simt/mbarrier.h"

namespace tc::simt {
namespace {

bool is_checked() { return this_scheduler().launch().checked; }

struct Box {  // one copy's part of the array
  TiledMap map;
  int at[5] = {};

  std::size_t row_bytes() const { return std::size_t{map.box[0]} * map.item; }
  std::size_t rows() const { return std::size_t{map.box[1]} * map.box[2] * map.box[3] * map.box[4]; }
  std::size_t bytes() const { return row_bytes() * rows(); }

  // The part of row r that lies inside the array: bytes [begin, end) of the row, found at `global`.
  struct Part {
    std::size_t begin = 0, end = 0;
    std::byte* global = nullptr;
  };
  Part part(std::size_t r) const {
    std::int64_t offset = 0;
    for (int d = 1; d < 5; ++d) {
      const std::int64_t index = at[d] + static_cast<std::int64_t>(r % map.box[d]);
      r /= map.box[d];
      if (index < 0 || index >= static_cast<std::int64_t>(map.extent[d])) return {};
      offset += index * static_cast<std::int64_t>(map.stride[d]);
    }
    const std::int64_t first = at[0], begin = std::max<std::int64_t>(0, -first);
    const std::int64_t end = std::min<std::int64_t>(map.box[0], static_cast<std::int64_t>(map.extent[0]) - first);
    if (begin >= end) return {};
    return {static_cast<std::size_t>(begin) * map.item, static_cast<std::size_t>(end) * map.item,
            const_cast<std::byte*>(map.data) + offset + (first + begin) * map.item};
  }
  // Where the 16 bytes at `offset` of the box lie from a shared address on.
  std::size_t swizzled(std::uint32_t base, std::size_t offset) const {
    const std::size_t address = base + offset, mask = (std::size_t{1} << map.swizzle) - 1;
    return (address ^ (address >> 7 & mask) << 4) - base;
  }
};

// Rows of a box from its packed form to shared memory and back.
void scatter(const Box& box, const std::byte* packed, std::byte* shared, std::uint32_t base) {
  if (box.map.swizzle == 0) {
    std::memcpy(shared, packed, box.bytes());
    return;
  }
  for (std::size_t i = 0; i < box.bytes(); i += 16) std::memcpy(shared + box.swizzled(base, i), packed + i, 16);
}
void gather(const Box& box, std::byte* packed, const std::byte* shared, std::uint32_t base) {
  if (box.map.swizzle == 0) {
    std::memcpy(packed, shared, box.bytes());
    return;
  }
  for (std::size_t i = 0; i < box.bytes(); i += 16) std::memcpy(packed + i, shared + box.swizzled(base, i), 16);
}

Box box_of(const char* name, const void* map, int rank, const int* at, Where where) {
  Box box;
  const auto wrong = [&](const std::string& rule) {
    fault_text(std::string(name) + ": " + rule, describe_place(where));
  };
  if (reinterpret_cast<std::uintptr_t>(map) % 64 != 0) wrong("the tensor map is not aligned to 64 bytes");
  std::memcpy(&box.map, map, sizeof box.map);
  if (box.map.magic != TiledMap::kMagic) wrong("the tensor map was not made by encode_tiled");
  if (box.map.rank != rank)
    wrong(std::to_string(rank) + " coordinates for a tensor map of " + std::to_string(box.map.rank) + " dimensions");
  std::copy_n(at, rank, box.at);
  return box;
}

// Offset in the shared memory of its block, checked for alignment and length.
std::uint32_t check_shared(const char* name, const void* shared, std::size_t bytes, unsigned alignment, Where where) {
  const Block& block = block_of_shared(shared, name, where);
  const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(shared) - block.shared);
  if (offset % alignment != 0)
    fault_text(std::string(name) + ": " + shared_text(shared) + " is not a multiple of " + std::to_string(alignment),
               describe_place(where));
  if (offset + bytes > kSharedLimit)
    fault_text(std::string(name) + ": " + std::to_string(bytes) + " bytes at " + shared_text(shared) +
                   " reach past the end of shared memory",
               describe_place(where));
  return static_cast<std::uint32_t>(offset);
}

struct Target {  // a block that a load delivers to
  std::byte* shared;
  void* barrier;
};

// The issuing lane's writes and the poison, until the data arrives.
void announce(const Target& target, std::size_t bytes, Where where) {
  if (is_checked()) {
    check_access(target.shared, bytes, true, where);
    checker::is_arriving(target.shared, bytes);
    synchronises(target.barrier, false, true);  // whoever waits for the barrier comes after these writes
  }
  if (!is_eager()) std::memset(target.shared, 0xff, bytes);
}

Pending make(const char* what, Where where, std::function<void()> perform) {
  auto operation = std::make_shared<Operation>();
  operation->what = what;
  operation->issuer = this_scheduler().lane;
  operation->where = where;
  operation->perform = std::move(perform);
  return operation;
}

void issue_load(const char* what, std::vector<Target> targets, std::size_t bytes, Where where,
                std::function<void(const Target&)> deliver) {
  for (const Target& target : targets) announce(target, bytes, where);
  const Pending operation = make(what, where, nullptr);
  operation->signals = targets.front().barrier;
  operation->perform = [me = operation.get(), targets = std::move(targets), bytes, deliver = std::move(deliver)] {
    for (const Target& target : targets) {
      deliver(target);
      if (is_checked()) checker::becomes_known(target.shared, bytes);
      complete_bytes(target.barrier, static_cast<long long>(bytes), *me);
    }
  };
  issue(operation);
}

}  // namespace

void tensor_load(void* shared, const void* map, int rank, const int* at, void* barrier, unsigned blocks, Where where) {
  const char* name = blocks ? "multicast tensor load" : "tensor load";
  const Box box = box_of(name, map, rank, at, where);
  const std::uint32_t base = check_shared(name, shared, box.bytes(), 128, where);
  check_shared(name, barrier, 8, 8, where);
  if (is_checked())
    for (std::size_t r = 0; r < box.rows(); ++r)
      if (const Box::Part part = box.part(r); part.global)
        check_access(part.global, part.end - part.begin, false, where);
  std::vector<Target> targets;
  if (blocks == 0) targets.push_back({static_cast<std::byte*>(shared), barrier});
  if (blocks >> cluster_size() != 0)
    fault_text("multicast tensor load: the mask names blocks that a cluster of " + std::to_string(cluster_size()) +
                   " does not have",
               describe_place(where));
  for (unsigned rank_of = 0; blocks >> rank_of; ++rank_of)
    if (blocks >> rank_of & 1u)
      targets.push_back({static_cast<std::byte*>(in_block(shared, rank_of, where)), in_block(barrier, rank_of, where)});
  issue_load(name, std::move(targets), box.bytes(), where, [box, base](const Target& target) {
    std::vector<std::byte> packed(box.bytes());  // zeros: what lies outside the array
    for (std::size_t r = 0; r < box.rows(); ++r)
      if (const Box::Part part = box.part(r); part.global)
        std::memcpy(packed.data() + r * box.row_bytes() + part.begin, part.global, part.end - part.begin);
    scatter(box, packed.data(), target.shared, base);
  });
}

void bulk_load(void* shared, const void* global, unsigned bytes, void* barrier, Where where) {
  const char* name = "bulk load";
  check_shared(name, shared, bytes, 16, where);
  check_shared(name, barrier, 8, 8, where);
  if (bytes % 16 != 0 || reinterpret_cast<std::uintptr_t>(global) % 16 != 0)
    fault_text("bulk load: address and length must be multiples of 16 bytes, the length is " + std::to_string(bytes),
               describe_place(where));
  check_access(global, bytes, false, where);
  issue_load(name, {{static_cast<std::byte*>(shared), barrier}}, bytes, where,
             [global, bytes](const Target& target) { std::memcpy(target.shared, global, bytes); });
}

// ---- stores ---------------------------------------------------------------------------------------------------------

namespace {

// Reading the source and writing the array are operations of their own, as they are waited for apart.
void issue_store(const char* what, Where where, std::size_t bytes, std::function<void(std::byte*)> read,
                 std::function<void(const std::byte*)> write) {
  const auto packed = std::make_shared<std::vector<std::byte>>();
  const Pending reading = make(what, where, [packed, bytes, read = std::move(read)] {
    packed->resize(bytes);
    read(packed->data());
  });
  const Pending writing = make(what, where, [packed, write = std::move(write)] { write(packed->data()); });
  reading->chain = writing->chain = packed.get();
  writing->outlives_block = true;
  StoreGroup& group = async_state().stores[this_scheduler().lane].current;
  group.reads.push_back(reading);
  group.writes.push_back(writing);
  issue(reading);
  issue(writing);
}

}  // namespace

void tensor_store(const void* map, const void* shared, int rank, const int* at, Where where) {
  const char* name = "tensor store";
  const Box box = box_of(name, map, rank, at, where);
  const std::uint32_t base = check_shared(name, shared, box.bytes(), 128, where);
  check_access(shared, box.bytes(), false, where);
  if (is_checked())
    for (std::size_t r = 0; r < box.rows(); ++r)
      if (const Box::Part part = box.part(r); part.global)
        check_access(part.global, part.end - part.begin, true, where);
  issue_store(
      name, where, box.bytes(),
      [box, base, shared](std::byte* packed) { gather(box, packed, static_cast<const std::byte*>(shared), base); },
      [box](const std::byte* packed) {
        for (std::size_t r = 0; r < box.rows(); ++r)
          if (const Box::Part part = box.part(r); part.global)
            std::memcpy(part.global, packed + r * box.row_bytes() + part.begin, part.end - part.begin);
      });
}

void bulk_store(void* global, const void* shared, unsigned bytes, Where where) {
  const char* name = "bulk store";
  check_shared(name, shared, bytes, 16, where);
  if (bytes % 16 != 0 || reinterpret_cast<std::uintptr_t>(global) % 16 != 0)
    fault_text("bulk store: address and length must be multiples of 16 bytes, the length is " + std::to_string(bytes),
               describe_place(where));
  check_access(shared, bytes, false, where);
  check_access(global, bytes, true, where);
  issue_store(
      name, where, bytes, [shared, bytes](std::byte* packed) { std::memcpy(packed, shared, bytes); },
      [global, bytes](const std::byte* packed) { std::memcpy(global, packed, bytes); });
}

void bulk_commit() {
  StoreGroups& mine = async_state().stores[this_scheduler().lane];
  mine.committed.push_back(std::move(mine.current));
  mine.current = {};
}

void bulk_wait(int newest_in_flight, bool source_only, Where where) {
  maybe_finish_one();
  StoreGroups& mine = async_state().stores[this_scheduler().lane];
  const auto newest = static_cast<std::size_t>(newest_in_flight);
  if (mine.committed.size() <= newest) return;
  const std::size_t covered = mine.committed.size() - newest;
  for (std::size_t i = 0; i < covered; ++i) {
    StoreGroup& group = mine.committed[i];
    for (const Pending& operation : source_only ? group.reads : group.writes)
      wait_for(operation, source_only ? "bulk stores to read shared memory" : "bulk stores", where);
    group.source_waited = true;
  }
  if (!source_only) mine.committed.erase(mine.committed.begin(), mine.committed.begin() + static_cast<long>(covered));
}

void prefetch_map(const void* map, Where where) {
  const int at[5] = {};
  TiledMap known;
  std::memcpy(&known, map, sizeof known);
  box_of("tensor map prefetch", map, known.rank, at, where);
}

void check_stores_at_exit(AsyncState& state, Lane& lane) {
  const auto found = state.stores.find(&lane);
  if (found == state.stores.end()) return;
  const auto wrong = [&](const StoreGroup& group, const char* rule) {
    fault_text("the thread has ended " + std::string(rule) + " the " + group.reads.front()->what + " issued at " +
                   describe_place(group.reads.front()->where) + ": its source is another block's memory from now on",
               "the end of the kernel");
  };
  StoreGroups& mine = found->second;
  if (!mine.current.reads.empty()) wrong(mine.current, "without committing");
  for (const StoreGroup& group : mine.committed)
    if (!group.source_waited && !group.reads.empty()) wrong(group, "without waiting for");
}

}  // namespace tc::simt
