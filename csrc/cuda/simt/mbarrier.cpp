#include "cuda/simt/mbarrier.h"

#include <cstdio>
#include <cstring>

#include "cuda/simt/async.h"
#include "cuda/simt/checker.h"

namespace tc::simt {
namespace {

constexpr unsigned kMostArrivals = (1u << 20) - 1;
constexpr long long kMostBytes = (1 << 20) - 1;

// The object's bytes as they lie in shared memory. The layout is ours; the hardware's is not documented.
std::uint64_t packed(const MBarrierState& b) {
  const auto bytes = static_cast<std::uint64_t>(b.bytes) & 0x1fffffu;
  return std::uint64_t{1} << 62 | std::uint64_t{b.phase & 1u} << 61 | std::uint64_t{b.expected} << 41 |
         std::uint64_t{b.pending} << 21 | bytes;
}
void store(void* barrier, const MBarrierState& b) {
  const std::uint64_t bits = packed(b);
  std::memcpy(barrier, &bits, sizeof bits);
}

std::string state_text(const void* barrier, const MBarrierState& b) {
  std::string text = "mbarrier at " + shared_text(barrier) + ", phase " + std::to_string(b.phase) + " (parity " +
                     std::to_string(b.phase & 1u) + "): " + std::to_string(b.pending) + " of " +
                     std::to_string(b.expected) + " arrivals pending, ";
  if (b.bytes >= 0)
    text += std::to_string(b.bytes) + " expected bytes not delivered";
  else
    text += std::to_string(-b.bytes) + " bytes delivered that nothing expects";
  return text;
}

void describe_into(MBarrierState& b, const void* barrier) {
  std::snprintf(b.text, sizeof b.text, "%s", state_text(barrier, b).c_str());
}

MBarrierState& find(void* barrier, const char* name, Where where) {
  block_of_shared(barrier, name, where);
  auto& barriers = async_state().barriers;
  const auto found = barriers.find(barrier);
  if (found == barriers.end())
    fault_text(std::string(name) + ": there is no initialised mbarrier at " + shared_text(barrier),
               describe_place(where));
  check_atomic(barrier, 8, where);
  std::uint64_t bits;
  std::memcpy(&bits, barrier, sizeof bits);
  if (bits != packed(found->second))
    fault_text(std::string(name) + ": the mbarrier at " + shared_text(barrier) + ", initialised at " +
                   describe_place(found->second.where) + ", was overwritten",
               describe_place(where));
  return found->second;
}

void complete_if_due(void* barrier, MBarrierState& b, const char* name, const std::string& place) {
  if (b.bytes > kMostBytes || b.bytes < -kMostBytes)
    fault_text(std::string(name) + ": more than 1048575 bytes outstanding at the " + state_text(barrier, b), place);
  if (b.pending == 0 && b.bytes < 0)
    fault_text(std::string(name) +
                   ": transaction count underflow, more bytes arrived than were expected: " + state_text(barrier, b),
               place);
  if (b.pending == 0 && b.bytes == 0) {
    ++b.phase;
    b.pending = b.expected;
    Scheduler& s = this_scheduler();
    for (Lane* lane : b.waiting) s.make_ready(*lane);
    b.waiting.clear();
    s.note_progress();
  }
  store(barrier, b);
}

bool has_passed(const MBarrierState& b, unsigned parity) { return (b.phase & 1u) != parity; }

void check_parity(unsigned parity, Where where) {
  if (parity > 1)
    fault_text("mbarrier wait: parity must be 0 or 1, got " + std::to_string(parity), describe_place(where));
}

}  // namespace

void mbarrier_init(void* barrier, unsigned count, Where where) {
  Block& home = block_of_shared(barrier, "mbarrier.init", where);
  if (&home != this_scheduler().lane->block)
    fault_text("mbarrier.init: the object must be in the block's own shared memory", describe_place(where));
  if (reinterpret_cast<std::uintptr_t>(barrier) % 8 != 0)
    fault_text("mbarrier.init: " + shared_text(barrier) + " is not a multiple of 8", describe_place(where));
  if (count == 0 || count > kMostArrivals)
    fault_text("mbarrier.init: the count of arrivals must be 1 to 1048575, got " + std::to_string(count),
               describe_place(where));
  auto& barriers = async_state().barriers;
  if (const auto old = barriers.find(barrier); old != barriers.end())
    fault_text("mbarrier.init: " + shared_text(barrier) + " holds a live mbarrier, initialised at " +
                   describe_place(old->second.where) + "; invalidate it first",
               describe_place(where));
  check_access(barrier, 8, true, where);
  MBarrierState& b = barriers[barrier];
  b.expected = b.pending = count;
  b.where = where;
  store(barrier, b);
}

void mbarrier_invalidate(void* barrier, Where where) {
  const MBarrierState& b = find(barrier, "mbarrier.inval", where);
  if (!b.waiting.empty())
    fault_text(
        "mbarrier.inval: " + std::to_string(b.waiting.size()) + " threads wait for the " + state_text(barrier, b),
        describe_place(where));
  check_access(barrier, 8, true, where);
  std::memset(barrier, 0xff, 8);
  async_state().barriers.erase(barrier);
  if (this_scheduler().launch().checked) checker::forget(barrier);
}

void mbarrier_arrive(void* barrier, unsigned count, Where where) {
  maybe_finish_one();
  MBarrierState& b = find(barrier, "mbarrier.arrive", where);
  if (count == 0 || count > b.pending)
    fault_text("mbarrier.arrive: " + std::to_string(count) + " arrivals are too many for the " + state_text(barrier, b),
               describe_place(where));
  const bool local = &block_of_shared(barrier, "mbarrier.arrive", where) == this_scheduler().lane->block;
  if (!local) fence();  // remote arrivals release at the scope of the cluster
  synchronises(barrier, false, true);
  b.pending -= count;
  complete_if_due(barrier, b, "mbarrier.arrive", describe_place(where));
}

void mbarrier_expect(void* barrier, unsigned bytes, Where where) {
  MBarrierState& b = find(barrier, "mbarrier.expect_tx", where);
  if (bytes > kMostBytes)
    fault_text("mbarrier.expect_tx: at most 1048575 bytes, got " + std::to_string(bytes), describe_place(where));
  if (b.pending == 0)
    fault_text("mbarrier.expect_tx: all arrivals are in, the phase may complete before: " + state_text(barrier, b),
               describe_place(where));
  b.bytes += bytes;
  complete_if_due(barrier, b, "mbarrier.expect_tx", describe_place(where));
}

bool mbarrier_try_wait(void* barrier, unsigned parity, Where where) {
  check_parity(parity, where);
  maybe_finish_one();
  MBarrierState* b = &find(barrier, "mbarrier.try_wait", where);
  if (!has_passed(*b, parity)) {
    describe_into(*b, barrier);
    poll(b->text, where);
    b = &find(barrier, "mbarrier.try_wait", where);
    if (!has_passed(*b, parity)) return false;
    progress();
  }
  synchronises(barrier, true, false);
  return true;
}

void mbarrier_wait(void* barrier, unsigned parity, Where where) {
  check_parity(parity, where);
  maybe_finish_one();
  MBarrierState& b = find(barrier, "mbarrier.wait", where);
  if (!has_passed(b, parity)) {
    const unsigned phase = b.phase;
    Scheduler& s = this_scheduler();
    if (b.waiting.empty()) describe_into(b, barrier);
    b.waiting.push_back(s.lane);
    s.suspend(b.text, where);
    const MBarrierState& now = find(barrier, "mbarrier.wait", where);
    if (now.phase != phase + 1)
      fault_text("mbarrier.wait: phase " + std::to_string(phase) + " and the next one completed before this thread " +
                     "saw it; on hardware it can wait for ever: " + state_text(barrier, now),
                 describe_place(where));
  }
  synchronises(barrier, true, false);
}

bool mbarrier_is_waited_for(AsyncState& state, const void* barrier) {
  const auto found = state.barriers.find(barrier);
  return found != state.barriers.end() && !found->second.waiting.empty();
}

void refresh_barrier_texts(AsyncState& state) {
  for (auto& [barrier, b] : state.barriers)
    if (b.text[0]) describe_into(b, barrier);
}

void complete_bytes(const void* object, long long bytes, const Operation& by) {
  auto* const barrier = const_cast<void*>(object);
  auto& barriers = async_state().barriers;
  const auto found = barriers.find(barrier);
  if (found == barriers.end())
    fault_text(std::string(by.what) + ": the mbarrier at " + shared_text(barrier) + " is not initialised any more",
               describe_place(by.where));
  found->second.bytes -= bytes;
  complete_if_due(barrier, found->second, by.what, describe_place(by.where));
}

}  // namespace tc::simt
