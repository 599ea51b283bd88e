#include "cuda/simt/async.h"

#include <algorithm>
#include <cstdio>

namespace tc::simt {
namespace {

// Faults of an operation are those of the thread that issued it.
void perform(AsyncState& state, std::size_t index) {
  const Pending operation = state.queue[index];
  state.queue.erase(state.queue.begin() + static_cast<std::ptrdiff_t>(index));
  Scheduler& s = this_scheduler();
  Lane* const running = s.lane;
  s.lane = operation->issuer;
  operation->perform();
  s.lane = running;
  operation->done = true;
  for (Lane* lane : operation->waiting) s.make_ready(*lane);
  operation->waiting.clear();
  s.note_progress();
}

// The operation that must finish before the one at `index` can.
std::size_t first_of_chain(const AsyncState& state, std::size_t index) {
  const void* chain = state.queue[index]->chain;
  if (!chain) return index;
  std::size_t first = 0;
  while (state.queue[first]->chain != chain) ++first;
  return first;
}

// Called when nothing else can happen.
bool finish_one(Team& team) {
  if (!team.async) return false;
  AsyncState& state = *team.async;
  if (state.queue.empty()) {
    refresh_barrier_texts(state);
    return false;
  }
  std::size_t chosen = 0;
  if (team.launch->settings.async == Async::random) {
    chosen = this_scheduler().random() % state.queue.size();
  } else {
    while (chosen < state.queue.size() && state.queue[chosen]->waiting.empty() &&
           !(state.queue[chosen]->signals && mbarrier_is_waited_for(state, state.queue[chosen]->signals)))
      ++chosen;
    if (chosen == state.queue.size()) chosen = 0;
  }
  perform(state, first_of_chain(state, chosen));
  return true;
}

}  // namespace

AsyncState& async_state() {
  Team& team = this_scheduler().team();
  if (!team.async) {
    team.async = std::make_shared<AsyncState>();
    set_drain(&finish_one);
  }
  return *team.async;
}

void reset_async(Team& team) { *team.async = {}; }

bool is_eager() { return this_scheduler().launch().settings.async == Async::eager; }

void issue(const Pending& operation) {
  AsyncState& state = async_state();
  state.queue.push_back(operation);
  Scheduler& s = this_scheduler();
  const Async mode = s.launch().settings.async;
  if (mode == Async::eager)
    perform(state, state.queue.size() - 1);
  else if (mode == Async::random && s.random() % 2 == 0)
    perform(state, first_of_chain(state, s.random() % state.queue.size()));
}

void maybe_finish_one() {
  AsyncState& state = async_state();
  Scheduler& s = this_scheduler();
  if (s.launch().settings.async == Async::random && !state.queue.empty() && s.random() % 4 == 0)
    perform(state, first_of_chain(state, s.random() % state.queue.size()));
}

void wait_for(const Pending& operation, const char* what, Where where) {
  if (operation->done) return;
  Scheduler& s = this_scheduler();
  operation->waiting.push_back(s.lane);
  s.suspend(what, where);
}

Block& block_of_shared(const void* pointer, const char* what, Where where) {
  const auto* p = static_cast<const std::byte*>(pointer);
  for (Block& block : this_scheduler().team().blocks)
    if (p >= block.shared && p < block.shared + kSharedLimit) {
      if (block.exited == block.threads)
        fault_text(std::string(what) + ": the block whose shared memory it goes to has ended", describe_place(where));
      return block;
    }
  fault_text(std::string(what) + ": the pointer does not lie in shared memory", describe_place(where));
}

std::string shared_text(const void* pointer) {
  const auto* p = static_cast<const std::byte*>(pointer);
  const Scheduler& s = this_scheduler();
  for (const Block& block : const_cast<Scheduler&>(s).team().blocks)
    if (p >= block.shared && p < block.shared + kSharedLimit) {
      char text[64];
      std::snprintf(text, sizeof text, "shared 0x%zx", static_cast<std::size_t>(p - block.shared));
      return text + (s.lane && &block == s.lane->block ? "" : " of block rank " + std::to_string(block.rank));
    }
  return "an address outside shared memory";
}

// What is still under way when threads end: writes to global memory may be, all else is an error, as the shared memory
// it uses will be another block's.
void lane_ended(Team& team, Lane& lane) {
  AsyncState& state = *team.async;
  check_products_at_exit(state, lane);
  check_stores_at_exit(state, lane);
  Block& block = *lane.block;
  if (block.exited != block.threads) return;
  for (const Pending& operation : state.queue)
    if (operation->issuer->block == &block && !operation->outlives_block)
      fault_text("the block has ended while the " + std::string(operation->what) + " issued at " +
                     describe_place(operation->where) + " is under way: wait for it first",
                 "the end of the kernel");
  for (const Block& other : team.blocks)
    if (other.exited != other.threads) return;
  while (!state.queue.empty()) perform(state, 0);
}

}  // namespace tc::simt
