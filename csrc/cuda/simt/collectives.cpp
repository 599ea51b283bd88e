// Calls in which lanes wait for each other: of a warp, of a block, of a cluster, of the grid.
#include <algorithm>
#include <bit>
#include <cstring>

#include "cuda/simt/checker.h"
#include "cuda/simt/team.h"

namespace tc::simt {
namespace {

Scheduler& scheduler() { return static_cast<Scheduler&>(*worker); }
bool is_checked() { return scheduler().launch().checked; }

bool same_place(const Where& a, const Where& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         (a.file_name() == b.file_name() || std::strcmp(a.file_name(), b.file_name()) == 0);
}

std::string call_at(const char* name, const Where& where) {
  return std::string(name) + " (" + describe_place(where) + ")";
}

void complete(Warp& warp, std::size_t index) {
  const Group group = warp.open[index];
  warp.open.erase(warp.open.begin() + static_cast<std::ptrdiff_t>(index));
  if (group.execute) {
    scheduler().lane->where = group.where;
    void* operands[32] = {};
    for (std::uint32_t m = group.arrived; m; m &= m - 1) {
      const int lane = std::countr_zero(m);
      operands[lane] = warp.lanes[lane].operand;
    }
    group.execute(operands, group.arrived);
  }
  if (is_checked() && group.orders_memory) checker::synchronise_warp(warp, group.arrived);
  Scheduler& s = scheduler();
  const auto wake = [&](int lane) {
    if (&warp.lanes[lane] != s.lane) s.make_ready(warp.lanes[lane]);
  };
  if (s.launch().settings.order == Order::reverse)
    for (std::uint32_t m = group.arrived; m;) {
      const int lane = 31 - std::countl_zero(m);
      m &= ~(1u << lane);
      wake(lane);
    }
  else
    for (std::uint32_t m = group.arrived; m; m &= m - 1) wake(std::countr_zero(m));
  s.note_progress();
}

void release(Barrier& barrier) {
  Scheduler& s = scheduler();
  barrier.arrived = 0;
  std::vector<Lane*> woken;
  woken.swap(barrier.waiting);
  if (s.launch().settings.order == Order::reverse) std::reverse(woken.begin(), woken.end());
  for (Lane* lane : woken) s.make_ready(*lane);
  s.note_progress();
  woken.clear();
  if (barrier.waiting.empty()) barrier.waiting.swap(woken);  // keeps its memory
}

}  // namespace

void complete_after_exit(Warp& warp) {
  for (std::size_t i = 0; i < warp.open.size();) {
    const Group& group = warp.open[i];
    if (group.arrived == (group.mask & ~warp.exited))
      complete(warp, i);
    else
      ++i;
  }
}

void warp_collective(const char* name, std::uint32_t given, void* operand, Execute execute, bool orders_memory,
                     Where where) {
  Scheduler& s = scheduler();
  Lane& me = *s.lane;
  Warp& warp = *me.warp;
  const std::uint32_t bit = 1u << me.lane(), mask = given & warp.present;
  if (!(mask & bit))
    fault_text(std::string(name) + ": the calling lane " + std::to_string(me.lane()) + " is not in the mask",
               describe_place(where));
  std::size_t at = 0;
  while (at < warp.open.size() && warp.open[at].mask != mask) ++at;
  if (at == warp.open.size()) {
    warp.open.push_back({mask, 0, name, execute, orders_memory, where});
  } else if (warp.open[at].execute != execute || !same_place(warp.open[at].where, where)) {
    const Group& other = warp.open[at];
    fault_text("diverged warp: lane " + std::to_string(me.lane()) + " called " + call_at(name, where) + " while lane " +
                   std::to_string(std::countr_zero(other.arrived)) + " waits for it at " +
                   call_at(other.name, other.where),
               describe_place(where));
  }
  me.operand = operand;
  warp.open[at].arrived |= bit;
  if (warp.open[at].arrived == (mask & ~warp.exited)) return complete(warp, at);
  s.suspend(name, where);
}

int block_barrier(Vote vote, int predicate, const char* name, Where where) {
  Scheduler& s = scheduler();
  Lane& me = *s.lane;
  Block& block = *me.block;
  Barrier& barrier = block.barriers[0];
  if (block.exited)
    fault_text("diverged barrier: this thread waits at " + std::string(name) + " but " + std::to_string(block.exited) +
                   " threads of its block have ended",
               describe_place(where));
  if (barrier.arrived == 0) {
    barrier.expected = block.threads;
    barrier.votes = 0;
    barrier.name = name;
    barrier.where = where;
  } else if (!same_place(barrier.where, where) || barrier.expected != block.threads) {
    fault_text("diverged barrier: this thread is at " + call_at(name, where) + " while " +
                   std::to_string(barrier.arrived) + " threads of its block wait at " +
                   call_at(barrier.name, barrier.where),
               describe_place(where));
  }
  barrier.votes += predicate != 0;
  const auto outcome = [&](int votes) {
    return vote == Vote::count ? votes : vote == Vote::all ? votes == static_cast<int>(block.threads) : votes != 0;
  };
  if (++barrier.arrived == block.threads) {
    const int votes = barrier.votes;
    for (Lane* lane : barrier.waiting) lane->result = votes;
    if (is_checked()) checker::synchronise_block(block);
    release(barrier);
    return outcome(votes);
  }
  barrier.waiting.push_back(&me);
  s.suspend(name, where);
  return outcome(me.result);
}

void named_barrier(int id, int threads, bool waits, Where where) {
  Scheduler& s = scheduler();
  Lane& me = *s.lane;
  Block& block = *me.block;
  const char* name = waits ? "barrier_sync" : "barrier_arrive";
  if (id < 0 || id > 15)
    fault_text(std::string(name) + ": barriers are numbered 0 to 15, got " + std::to_string(id), describe_place(where));
  if (threads <= 0 || threads % 32 != 0 || threads > static_cast<int>((block.threads + 31) / 32 * 32))
    fault_text(std::string(name) + ": the number of threads must be a multiple of 32 within the block, got " +
                   std::to_string(threads),
               describe_place(where));
  Barrier& barrier = block.barriers[id];
  if (barrier.arrived == 0) {
    barrier.expected = static_cast<unsigned>(threads);
    barrier.name = name;
    barrier.where = where;
    barrier.arrivals.clear();
  } else if (barrier.expected != static_cast<unsigned>(threads)) {
    fault_text("mismatched barrier " + std::to_string(id) + ": this thread expects " + std::to_string(threads) +
                   " threads, those that wait at " + call_at(barrier.name, barrier.where) + " expect " +
                   std::to_string(barrier.expected),
               describe_place(where));
  }
  if (is_checked()) checker::release_to(&barrier);
  barrier.arrivals.push_back(&me);
  if (++barrier.arrived == barrier.expected) {
    if (is_checked()) {
      for (Lane* lane : barrier.waiting) checker::acquire_from(&barrier, *lane);
      if (waits) checker::acquire_from(&barrier, me);
      checker::forget(&barrier);
    }
    release(barrier);
    return;
  }
  if (!waits) return;
  barrier.waiting.push_back(&me);
  s.suspend(name, where);
}

void cluster_arrive(Where) {
  Scheduler& s = scheduler();
  Team& team = s.team();
  if (team.cluster_phase_of.empty()) return;  // a cluster of one block, which synchronises by other means
  ++team.cluster_phase_of[static_cast<std::size_t>(s.lane - team.lanes.data())];
  if (++team.cluster_arrived == team.lanes.size()) {
    team.cluster_arrived = 0;
    ++team.cluster_phase;
    if (is_checked()) checker::synchronise_team(team);
    std::vector<Lane*> woken;
    woken.swap(team.cluster_waiting);
    for (Lane* lane : woken) s.make_ready(*lane);
    s.note_progress();
  }
}
void cluster_wait(Where where) {
  Scheduler& s = scheduler();
  Team& team = s.team();
  if (team.cluster_phase_of.empty()) return;
  const unsigned mine = team.cluster_phase_of[static_cast<std::size_t>(s.lane - team.lanes.data())];
  if (static_cast<int>(team.cluster_phase - mine) >= 0) return;
  team.cluster_waiting.push_back(s.lane);
  s.suspend("cluster_wait", where);
}

void grid_barrier(Where where) {
  Scheduler& s = scheduler();
  Team& team = s.team();
  if (!s.launch().shape.cooperative) fault_text("grid_sync: the launch is not cooperative", describe_place(where));
  if (++team.grid.arrived == team.lanes.size()) {
    if (is_checked()) checker::synchronise_team(team);
    return release(team.grid);
  }
  team.grid.waiting.push_back(s.lane);
  s.suspend("grid_sync", where);
}

void poll(const char* what, Where where) { scheduler().yield(what, where); }
void spins(const char* what, Where where) {
  Lane& me = *scheduler().lane;
  if (++me.spins >= 8) scheduler().yield(what, where, true);
}
void progress() {
  Scheduler& s = scheduler();
  if (s.lane) s.lane->spins = 0;
  s.note_progress();
}

// ---- what the collectives compute -----------------------------------------------------------------------------------

void execute_shuffle(void* const* operands, std::uint32_t arrived) {
  for (std::uint32_t m = arrived; m; m &= m - 1) {
    const int lane = std::countr_zero(m);
    auto& mine = *static_cast<Shuffled*>(operands[lane]);
    if (mine.source < 0 || mine.source == lane) {
      mine.result = mine.value;
    } else if (!(arrived >> mine.source & 1u)) {
      Scheduler& s = scheduler();
      const Where where = s.lane->where;
      s.lane = &s.lane->warp->lanes[lane];  // whose fault it is: the running lane is the one that came last
      fault_text("shuffle: lane " + std::to_string(lane) + " reads lane " + std::to_string(mine.source) +
                     ", which takes no part in it",
                 describe_place(where));
    } else {
      mine.result = static_cast<Shuffled*>(operands[mine.source])->value;
    }
  }
}

void execute_ballot(void* const* operands, std::uint32_t arrived) {
  std::uint32_t ballot = 0;
  for (std::uint32_t m = arrived; m; m &= m - 1) {
    const int lane = std::countr_zero(m);
    if (static_cast<Voted*>(operands[lane])->value) ballot |= 1u << lane;
  }
  for (std::uint32_t m = arrived; m; m &= m - 1) static_cast<Voted*>(operands[std::countr_zero(m)])->result = ballot;
}

void execute_match_any(void* const* operands, std::uint32_t arrived) {
  for (std::uint32_t m = arrived; m; m &= m - 1) {
    auto& mine = *static_cast<Voted*>(operands[std::countr_zero(m)]);
    mine.result = 0;
    for (std::uint32_t o = arrived; o; o &= o - 1) {
      const int other = std::countr_zero(o);
      if (static_cast<Voted*>(operands[other])->value == mine.value) mine.result |= 1u << other;
    }
  }
}

namespace {
template <Fold fold>
void execute_fold_as(void* const* operands, std::uint32_t arrived) {
  bool first = true;
  std::uint64_t total = 0;
  for (std::uint32_t m = arrived; m; m &= m - 1) {
    const std::uint64_t v = static_cast<Voted*>(operands[std::countr_zero(m)])->value;
    const auto sv = static_cast<std::int64_t>(v), st = static_cast<std::int64_t>(total);
    if (first)
      total = v;
    else if constexpr (fold == Fold::add)
      total += v;
    else if constexpr (fold == Fold::min || fold == Fold::umin)
      total = sv < st ? v : total;  // 32-bit values were widened with their own sign
    else if constexpr (fold == Fold::max || fold == Fold::umax)
      total = sv > st ? v : total;
    else if constexpr (fold == Fold::bit_and)
      total &= v;
    else if constexpr (fold == Fold::bit_or)
      total |= v;
    else
      total ^= v;
    first = false;
  }
  for (std::uint32_t m = arrived; m; m &= m - 1) static_cast<Voted*>(operands[std::countr_zero(m)])->result = total;
}
}  // namespace

Execute execute_fold(Fold fold) {
  switch (fold) {
    case Fold::add:
      return &execute_fold_as<Fold::add>;
    case Fold::min:
    case Fold::umin:
      return &execute_fold_as<Fold::min>;
    case Fold::max:
    case Fold::umax:
      return &execute_fold_as<Fold::max>;
    case Fold::bit_and:
      return &execute_fold_as<Fold::bit_and>;
    case Fold::bit_or:
      return &execute_fold_as<Fold::bit_or>;
    case Fold::bit_xor:
      break;
  }
  return &execute_fold_as<Fold::bit_xor>;
}

}  // namespace tc::simt
