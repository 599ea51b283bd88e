// Operations that go on while the threads that issued them do other things: bulk copies and wgmma. When they read and
// write is for Settings::async to say: at issue (eager); as late as can be, when something waits for them and no thread
// can run (late); or at any time in between, by the seed (random). Results that depend on it show a missing wait.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "cuda/simt/team.h"

namespace tc::simt {

struct Operation {
  const char* what = "";  // in words
  Lane* issuer = nullptr;
  Where where;                    // it was issued at
  const void* chain = nullptr;    // operations of one chain finish in the order they were issued
  const void* signals = nullptr;  // the mbarrier that it completes a phase of
  bool outlives_block = false;    // writes to global memory: nobody in the block need wait for them
  std::function<void()> perform;
  bool done = false;
  std::vector<Lane*> waiting;
};
using Pending = std::shared_ptr<Operation>;

struct MBarrierState {
  unsigned expected = 0, pending = 0;  // arrivals per phase, and still missing in this one
  long long bytes = 0;                 // expected and not yet delivered in this phase; below 0: delivered early
  unsigned phase = 0;
  Where where;  // initialised at
  std::vector<Lane*> waiting;
  char text[240] = "";  // what a waiting lane waits for
};

struct StoreGroup {  // bulk stores of one thread, closed by a commit
  std::vector<Pending> reads, writes;
  bool source_waited = false;
};
struct StoreGroups {
  StoreGroup current;
  std::deque<StoreGroup> committed;
};

struct Warpgroup;  // wgmma.cpp
struct AsyncState {
  std::vector<Pending> queue;
  std::unordered_map<const void*, MBarrierState> barriers;
  std::unordered_map<const Lane*, StoreGroups> stores;
  std::unordered_map<const Lane*, std::shared_ptr<Warpgroup>> warpgroups;  // by the first lane
  std::unordered_map<const Warp*, int> registers;                          // set by setmaxnreg
};

inline Scheduler& this_scheduler() { return static_cast<Scheduler&>(*worker); }
AsyncState& async_state();  // of the running lane's team
Block& block_of_shared(const void* pointer, const char* what, Where where);
// "shared 0x1f0" or, of another block than the lane's, "shared 0x1f0 of block rank 2".
std::string shared_text(const void* pointer);

bool is_eager();
// Performs the operation now or later.
void issue(const Pending& operation);
// In random mode: perhaps some operation finishes at this moment.
void maybe_finish_one();
// Suspends the running lane until the operation is done.
void wait_for(const Pending& operation, const char* what, Where where);
bool mbarrier_is_waited_for(AsyncState& state, const void* barrier);
void refresh_barrier_texts(AsyncState& state);
void complete_bytes(const void* barrier, long long bytes, const Operation& by);  // an operation's data has arrived
// Faults that the end of a lane with work under way reveals.
void check_stores_at_exit(AsyncState& state, Lane& lane);
void check_products_at_exit(AsyncState& state, Lane& lane);

}  // namespace tc::simt
