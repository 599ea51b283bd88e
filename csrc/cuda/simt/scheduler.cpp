// The scheduler. Lanes begin in *direct mode*: one fiber runs lane after lane in a plain loop, without a switch, as
// long as none waits. A lane that must wait keeps the fiber; the loop goes on with the next lane on another one.
// Waiting lanes switch to each other directly, and to the thread's own stack only when there is nothing left to run.
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include "core/check.h"
#include "cpu/parallel.h"
#include "cuda/simt/checker.h"
#include "cuda/simt/device_memory.h"
#include "cuda/simt/team.h"

namespace tc::simt {

__thread Worker* worker = nullptr;

namespace {

std::atomic<std::uint32_t> next_serial{1};
std::mutex settings_lock;
// TENSORCORE_SIMT=order=random,async=late,seed=7
Settings from_environment() {
  Settings s;
  const char* const text = std::getenv("TENSORCORE_SIMT");
  std::istringstream items(text ? text : "");
  for (std::string item; std::getline(items, item, ',');) {
    const std::size_t at = item.find('=');
    const std::string key = item.substr(0, at), value = at == item.npos ? "" : item.substr(at + 1);
    if (key == "order" && (value == "forward" || value == "reverse" || value == "random"))
      s.order = value == "forward" ? Order::forward : value == "reverse" ? Order::reverse : Order::random;
    else if (key == "async" && (value == "eager" || value == "late" || value == "random"))
      s.async = value == "eager" ? Async::eager : value == "late" ? Async::late : Async::random;
    else if (key == "seed" && !value.empty() && value.find_first_not_of("0123456789") == value.npos)
      s.seed = std::strtoull(value.c_str(), nullptr, 10);
    else if (!item.empty())
      std::fprintf(stderr,
                   "tensorcore: TENSORCORE_SIMT: '%s' ignored, must be order=forward|reverse|random, "
                   "async=eager|late|random or seed=N\n",
                   item.c_str());
  }
  return s;
}
Settings chosen_settings = from_environment();
std::atomic<Drain> drain{nullptr};
// Under checks one launch runs at a time: its shadow memory knows nothing of others.
std::mutex checked_launches;

struct Stopped {};

unsigned volume(const dim3& d) { return d.x * d.y * d.z; }
uint3 place_in(std::uint64_t index, const dim3& extent) {
  return {static_cast<unsigned>(index % extent.x), static_cast<unsigned>(index / extent.x % extent.y),
          static_cast<unsigned>(index / extent.x / extent.y)};
}

// The grid position of block `index` in an order where the blocks of a cluster are neighbours.
uint3 block_place(const LaunchShape& shape, std::uint64_t index) {
  const std::uint64_t size = volume(shape.cluster);
  const dim3 clusters(shape.grid.x / shape.cluster.x, shape.grid.y / shape.cluster.y, shape.grid.z / shape.cluster.z);
  const uint3 outer = place_in(index / size, clusters), inner = place_in(index % size, shape.cluster);
  return {outer.x * shape.cluster.x + inner.x, outer.y * shape.cluster.y + inner.y,
          outer.z * shape.cluster.z + inner.z};
}

void check_shape(const char* name, const LaunchShape& s) {
  const auto limit = [&](bool ok, const char* rule, std::uint64_t got) {
    check(ok, ErrorKind::runtime, "launch of ", name, ": ", rule, ", got ", got);
  };
  const std::uint64_t threads = std::uint64_t{s.block.x} * s.block.y * s.block.z;
  limit(threads >= 1 && threads <= 1024, "a block has 1 to 1024 threads", threads);
  limit(s.block.z <= 64, "a block has at most 64 threads along z", s.block.z);
  limit(s.grid.x >= 1 && s.grid.x <= 0x7fffffffu, "a grid has 1 to 2147483647 blocks along x", s.grid.x);
  limit(s.grid.y >= 1 && s.grid.y <= 65535, "a grid has 1 to 65535 blocks along y", s.grid.y);
  limit(s.grid.z >= 1 && s.grid.z <= 65535, "a grid has 1 to 65535 blocks along z", s.grid.z);
  limit(s.shared <= kSharedLimit, "a block has at most 232448 bytes of shared memory", s.shared);
  const std::uint64_t cluster = volume(s.cluster);
  limit(cluster >= 1 && cluster <= 16, "a cluster has 1 to 16 blocks", cluster);
  limit(s.grid.x % s.cluster.x == 0 && s.grid.y % s.cluster.y == 0 && s.grid.z % s.cluster.z == 0,
        "the cluster's extents must divide the grid's", cluster);
}

}  // namespace

Settings settings() {
  const std::lock_guard guard(settings_lock);
  return chosen_settings;
}
void set_settings(const Settings& s) {
  const std::lock_guard guard(settings_lock);
  chosen_settings = s;
}
void set_drain(Drain d) { drain.store(d); }

void run(const char* name, const LaunchShape& given, void (*body)(void*), void* args, std::size_t args_bytes,
         bool checked) {
  LaunchShape shape = given;
  check_shape(name, shape);
  const std::uint64_t blocks = std::uint64_t{shape.grid.x} * shape.grid.y * shape.grid.z;
  const unsigned per_team = shape.cooperative ? static_cast<unsigned>(blocks) : volume(shape.cluster);
  const std::uint64_t teams = blocks / per_team;
  std::unique_lock<std::mutex> alone(checked_launches, std::defer_lock);
  if (checked) alone.lock();
  Launch launch{name, shape, body, args, args_bytes, checked, settings(), next_serial.fetch_add(blocks), false, {}, {}};
  std::optional<OpenDeviceMemory> open;
  if (checked) {
    checker::begin_launch(launch);
    open.emplace();
  }
  const auto run_team = [&](std::int64_t t) {
    std::uint64_t at = static_cast<std::uint64_t>(t);
    if (launch.settings.order == Order::reverse) at = teams - 1 - at;
    if (launch.settings.order == Order::random) at = (at + launch.settings.seed * 7919) % teams;
    Scheduler::of_this_thread().run(launch, at * per_team, per_team);
  };
  const std::uint64_t lanes = blocks * volume(shape.block);
  if (checked || teams == 1 || lanes <= 4096) {
    for (std::uint64_t t = 0; t < teams; ++t) run_team(static_cast<std::int64_t>(t));
  } else {
    launch.parallel = true;
    const auto grain = static_cast<std::int64_t>(std::max<std::uint64_t>(1, 4096 * teams / lanes));
    cpu::parallel_for(static_cast<std::int64_t>(teams), grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end; ++t) run_team(t);
    });
  }
}

Scheduler& Scheduler::of_this_thread() {
  // By pointer: `worker` makes the module's thread-local variables live where room is scarce.
  thread_local const std::unique_ptr<Scheduler> scheduler = [] {
    catch_signals();
    return std::make_unique<Scheduler>();
  }();
  worker = scheduler.get();
  return *scheduler;
}

Arena& Scheduler::arena(unsigned rank) {
  while (arenas_.size() <= rank) {
    // Whole 256 KiB units, so that addresses of two blocks never share their low 18 bits' range.
    void* memory = std::aligned_alloc(1024, 256 * 1024);
    check(memory != nullptr, ErrorKind::memory, "simt: no memory for a block's shared memory");
    std::memset(memory, 0xff, 256 * 1024);
    arenas_.push_back({static_cast<std::byte*>(memory)});
  }
  return arenas_[rank];
}

Fiber* Scheduler::take_fiber() {
  if (free_fibers_.empty()) {
    const auto colour = static_cast<unsigned>(fibers_.size());
    fibers_.emplace_back(new_fiber(colour), &delete_fiber);
    free_fibers_.push_back(fibers_.back().get());
  }
  Fiber* fiber = free_fibers_.back();
  free_fibers_.pop_back();
  prepare(*fiber, &Scheduler::fiber_main, static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(fiber) >> 6));
  return fiber;
}

void Scheduler::set_up(Launch& launch, std::uint64_t first, unsigned count) {
  const LaunchShape& shape = launch.shape;
  const unsigned threads = volume(shape.block), warps = (threads + 31) / 32;
  Team& team = team_;
  team.launch = &launch;
  const bool same = team.blocks.size() == count && team.lanes.size() == std::size_t{count} * threads &&
                    shape.block.x == laid_out_.x && shape.block.y == laid_out_.y && shape.block.z == laid_out_.z;
  if (!same) {
    laid_out_ = shape.block;
    team.blocks.clear();
    team.blocks.resize(count);
    std::vector<Lane> lanes(std::size_t{count} * threads);
    for (Lane& old : team.lanes) drop_copies(old);
    team.lanes = std::move(lanes);
    for (unsigned b = 0; b < count; ++b) {
      Block& block = team.blocks[b];
      block.team = &team;
      block.rank = b;
      block.threads = threads;
      block.lanes = team.lanes.data() + std::size_t{b} * threads;
      block.warps.resize(warps);
      block.shared = arena(b).base;
      for (unsigned w = 0; w < warps; ++w) {
        const unsigned size = std::min(32u, threads - 32 * w);
        Warp& warp = block.warps[w];
        warp.block = &block;
        warp.lanes = block.lanes + 32 * w;
        warp.present = size == 32 ? 0xffffffffu : (1u << size) - 1;
      }
      for (unsigned t = 0; t < threads; ++t) {
        Lane& lane = block.lanes[t];
        lane.thread = place_in(t, shape.block);
        lane.rank = t;
        lane.block = &block;
        lane.warp = &block.warps[t / 32];
      }
    }
  }
  for (unsigned b = 0; b < count; ++b) {
    Block& block = team.blocks[b];
    block.layout = {block_place(shape, first + b), shape.block, shape.grid};
    block.serial = launch.first_serial + static_cast<std::uint32_t>(first + b);
    block.exited = 0;
    block.shared_used = shape.shared;
    block.variables.clear();
    for (Warp& warp : block.warps) {
      warp.exited = 0;
      warp.open.clear();
    }
    for (Barrier& barrier : block.barriers) {
      barrier.arrived = 0;
      barrier.waiting.clear();
      barrier.arrivals.clear();
    }
    if (launch.settings.async != Async::eager) std::memset(block.shared, 0xff, kSharedLimit);
    if (launch.checked) checker::begin_block(block);
  }
  team.cluster_arrived = 0;
  team.cluster_phase_of.assign(count > 1 ? team.lanes.size() : 0, 0);
  team.cluster_phase = 0;
  team.cluster_waiting.clear();
  team.grid.arrived = 0;
  team.grid.waiting.clear();
  if (team.async) reset_async(team);

  const auto lanes = static_cast<std::uint32_t>(team.lanes.size());
  random_.seed(launch.settings.seed * 0x9E3779B97F4A7C15ull + first);
  if (order_.size() != lanes || launch.settings.order != Order::forward || order_[0] != 0) {
    order_.resize(lanes);
    for (std::uint32_t i = 0; i < lanes; ++i) order_[i] = launch.settings.order == Order::reverse ? lanes - 1 - i : i;
    if (launch.settings.order == Order::random) std::shuffle(order_.begin(), order_.end(), random_);
  }
  ready_.clear();
  ready_head_ = 0;
  next_lane_ = 0;
  alive_ = lanes;
  idle_polls_ = 0;
  patient_ = false;
  stopped_ = false;
  begin_lane_ = false;
}

void Scheduler::run(Launch& launch, std::uint64_t first, unsigned count) {
  check(lane == nullptr, ErrorKind::runtime, "launch of ", launch.name, ": kernels cannot launch kernels");
  set_up(launch, first, count);
  worker = this;
  launch.running.fetch_add(1);
  for (;;) {
    current_ = take_fiber();
    switch_fiber(native_, *current_);
    current_ = nullptr;
    if (stopped_ || alive_ == 0) break;
    // Every lane waits.
    try {
      const Drain finish_one = drain.load();
      while (ready_head_ == ready_.size() && finish_one && finish_one(team_)) {
      }
      idle_polls_ = 0;
      if (ready_head_ < ready_.size()) continue;
      report_ = deadlock_report(team_);
      stopped_ = true;
    } catch (const Stopped&) {
    }
    break;
  }
  lane = nullptr;
  if (is_stuck_) set_stuck(false);
  launch.running.fetch_sub(1);
  trap_ = {};
  if (!stopped_) return;
  // Abandon the lanes that still wait: kernels own nothing that needs a destructor.
  free_fibers_.clear();
  for (const auto& fiber : fibers_) free_fibers_.push_back(fiber.get());
  team_.blocks.clear();
  for (Lane& old : team_.lanes) drop_copies(old);
  team_.lanes.clear();
  fail(ErrorKind::runtime, report_);
}

void Scheduler::fiber_main() {
  Scheduler& me = static_cast<Scheduler&>(*worker);
  entered(*me.current_, me.native_);
  me.lane_loop();
}

// The loop of a fresh fiber: runs lanes that have not begun until one of them waits (and this fiber with it), or until
// some lane that waited can go on.
void Scheduler::lane_loop() {
  for (;;) {
    if (Lane* resumed = next_ready()) {
      Fiber* mine = current_;
      free_fibers_.push_back(mine);  // nobody can take it before we have left it
      lane = resumed;
      current_ = resumed->fiber;
      switch_fiber(*mine, *current_, true);
    }
    if (next_lane_ == team_.lanes.size()) break;
    begin_lane_ = false;
    lane = &team_.lanes[order_[next_lane_++]];
    lane->fiber = current_;
    team_.launch->body(team_.launch->args);
    finish_lane();
  }
  Fiber* mine = current_;
  free_fibers_.push_back(mine);
  switch_fiber(*mine, native_, true);
}

Lane* Scheduler::next_ready() {
  if (ready_head_ == ready_.size() || begin_lane_) return nullptr;
  if (team_.launch->settings.order == Order::random) {
    const std::size_t waiting = ready_.size() - ready_head_;
    // Sometimes begin a new lane instead.
    if (next_lane_ < team_.lanes.size() && random_() % (waiting + 1) == 0) return nullptr;
    std::swap(ready_[ready_head_], ready_[ready_head_ + random_() % waiting]);
  }
  Lane* lane = ready_[ready_head_++];
  if (ready_head_ == ready_.size()) {
    ready_.clear();
    ready_head_ = 0;
  }
  return lane;
}

void Scheduler::make_ready(Lane& woken) {
  woken.waits_for = nullptr;
  if (ready_head_ > 4096) {
    ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(ready_head_));
    ready_head_ = 0;
  }
  ready_.push_back(&woken);
  note_progress();
}

void Scheduler::switch_to_next() {
  Lane* const me = lane;
  Fiber* const mine = current_;
  Lane* next = next_ready();
  if (next == me) return;
  if (next) {
    lane = next;
    current_ = next->fiber;
  } else if (next_lane_ < team_.lanes.size()) {
    current_ = take_fiber();
  } else {
    next = nullptr;
    current_ = &native_;
  }
  switch_fiber(*mine, *current_);
  lane = me;
  current_ = mine;
}

void Scheduler::suspend(const char* waits_for, Where where) {
  lane->waits_for = waits_for;
  lane->where = where;
  lane->spins = 0;
  switch_to_next();
}

void Scheduler::yield(const char* waits_for, Where where, bool maybe) {
  using Clock = std::chrono::steady_clock;
  lane->waits_for = waits_for;
  lane->where = where;
  begin_lane_ = next_lane_ < team_.lanes.size();  // what it waits for may be the work of one that has not begun
  // Every lane that is left polls, each has asked several times, and nothing happened in between. Where one may have
  // been at work all the same, a second must have passed, too.
  if (idle_polls_ == 0) idle_since_ = Clock::now();
  patient_ |= maybe;
  const std::uint64_t few = 32 * std::uint64_t{alive_} + 64, many = std::max<std::uint64_t>(few, 1 << 20);
  if (++idle_polls_ % few == 0 && launch().parallel) std::this_thread::yield();
  if (idle_polls_ > (patient_ ? many : few) && (!patient_ || Clock::now() - idle_since_ > std::chrono::seconds(1))) {
    const bool can_run = begin_lane_ || std::any_of(ready_.begin() + static_cast<std::ptrdiff_t>(ready_head_),
                                                    ready_.end(), [](const Lane* l) { return !l->waits_for; });
    const Drain finish_one = drain.load();
    if (!can_run && (!finish_one || !finish_one(team_)) && !others_can_help()) stop(deadlock_report(team_));
    idle_polls_ = 0;
  }
  ready_.push_back(lane);
  switch_to_next();
  lane->waits_for = nullptr;
}

void Scheduler::set_stuck(bool stuck) {
  is_stuck_ = stuck;
  launch().stuck.fetch_add(stuck ? 1 : -1);
  stuck_since_ = std::chrono::steady_clock::now();
}

// Everybody here waits. Blocks on other threads may do what they wait for, unless those have waited for long, too.
bool Scheduler::others_can_help() {
  constexpr auto kLong = std::chrono::milliseconds(300);
  if (!launch().parallel) return false;
  if (!is_stuck_) set_stuck(true);
  if (launch().stuck.load() < launch().running.load()) stuck_since_ = std::chrono::steady_clock::now();
  if (std::chrono::steady_clock::now() - stuck_since_ > kLong) return false;
  std::this_thread::sleep_for(std::chrono::microseconds(50));
  return true;
}

void* Scheduler::take_trap(const Trap& trap) {
  if (!lane || !current_ || trap_.signal) return nullptr;  // not by a kernel, or while a report is being made
  trap_ = trap;
  return current_->base + current_->bytes;
}

void Scheduler::stop_trapped() {
  const Trap trap = trap_;
  const auto* address = static_cast<const std::byte*>(trap.address);
  const auto* place = static_cast<const std::byte*>(trap.program_counter) + 1;
  char text[32];
  std::snprintf(text, sizeof text, "%p", trap.address);
  std::string what;
  if (trap.signal == SIGFPE)
    what = "a division of integers by zero";
  else if (address < current_->base && address >= current_->base - 65536)
    what = "stack overflow: the variables of a thread may have " + std::to_string(current_->bytes / 1024) + " KiB";
  else
    what = std::string("an access to no memory, address ") + text +
           (launch().checked ? "" : " (TENSORCORE_CUDA=simt-check says which rule it breaks)");
  fault_text(what, describe_place(static_cast<const void*>(place)));
}

void Scheduler::stop(std::string report) {
  report_ = std::move(report);
  stopped_ = true;
  Fiber* const mine = current_;
  if (!mine) throw Stopped{};  // by an operation that finished on the thread's own stack
  switch_fiber(*mine, native_, true);
  __builtin_unreachable();
}

void Scheduler::finish_lane() {
  Lane& done = *lane;
  --alive_;
  note_progress();
  Warp& warp = *done.warp;
  warp.exited |= 1u << done.lane();
  ++done.block->exited;
  if (done.copies) finish_copies(done);
  if (team_.async) lane_ended(team_, done);
  if (!warp.open.empty()) complete_after_exit(warp);
  Barrier& whole = done.block->barriers[0];
  if (whole.arrived && whole.expected == done.block->threads && !whole.waiting.empty())
    fault_text("diverged barrier: this thread has ended while " + std::to_string(whole.arrived) +
                   " threads of its block wait at " + whole.name + " (" + describe_place(whole.where) + ")",
               "the end of the kernel");
}

}  // namespace tc::simt
