// Inside the executor: blocks that share an operating-system thread, their warps and barriers, and the scheduler that
// runs their lanes.
#pragma once
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cuda/simt/fiber.h"
#include "cuda/simt/lane.h"
#include "cuda/simt/launch.h"

namespace tc::simt {

struct Launch;
struct Team;

struct Group {  // lanes of a warp that wait for each other
  std::uint32_t mask = 0, arrived = 0;
  const char* name = nullptr;
  Execute execute = nullptr;
  bool orders_memory = false;
  Where where;
};

struct Warp {
  Block* block = nullptr;
  Lane* lanes = nullptr;  // of lane 0
  std::uint32_t present = 0, exited = 0;
  std::vector<Group> open;
};

struct Barrier {
  unsigned arrived = 0, expected = 0;
  int votes = 0;
  const char* name = nullptr;
  Where where;
  std::vector<Lane*> waiting, arrivals;
};

struct SharedVariable {
  const void* key;
  const char* name;
  std::size_t offset, bytes;
};

struct Arena {  // one block's shared memory; 1024-byte aligned
  std::byte* base = nullptr;
};

struct Block {
  ThreadLayout layout;  // first: layout() relies on it
  Team* team = nullptr;
  std::uint32_t serial = 0;  // different for every block ever run
  unsigned rank = 0;         // in its team
  unsigned threads = 0, exited = 0;
  Lane* lanes = nullptr;
  std::vector<Warp> warps;
  Barrier barriers[16];
  std::byte* shared = nullptr;
  std::size_t shared_used = 0;
  std::vector<SharedVariable> variables;
};

// Operations that finish later (bulk copies, wgmma): asked to finish some when all lanes wait. Returns whether one did.
using Drain = bool (*)(Team& team);

struct AsyncState;  // async.h

struct Team {  // one block, a cluster, or the whole grid of a cooperative launch
  Launch* launch = nullptr;
  std::vector<Block> blocks;
  std::vector<Lane> lanes;
  unsigned cluster_arrived = 0, cluster_phase = 0;
  std::vector<unsigned> cluster_phase_of;  // per lane: phase it arrived in
  std::vector<Lane*> cluster_waiting;
  Barrier grid;
  std::shared_ptr<AsyncState> async;  // mbarriers, bulk copies, wgmma; made on first use
};

struct Launch {
  const char* name;
  LaunchShape shape;
  void (*body)(void*);
  void* args;
  std::size_t args_bytes;
  bool checked;
  Settings settings;
  std::uint32_t first_serial;
  bool parallel = false;        // teams run on several operating-system threads
  std::atomic<int> running{0};  // teams now
  std::atomic<int> stuck{0};    // of those, in which every lane waits
};

struct Trap {  // a signal that a kernel raised
  int signal = 0;
  const void* address = nullptr;
  const void* program_counter = nullptr;
};

class Scheduler : public Worker {
 public:
  static Scheduler& of_this_thread();
  ~Scheduler() { worker = nullptr; }  // instrumented code may still run as the thread ends

  // Runs the blocks [first, first + count) of the grid, in row-major order, together.
  void run(Launch& launch, std::uint64_t first, unsigned count);

  Team& team() { return team_; }
  Launch& launch() { return *team_.launch; }
  Fiber& fiber() { return *current_; }
  // Stops the running lane until make_ready().
  void suspend(const char* waits_for, Where where);
  void make_ready(Lane& lane);
  // Lets others run first. `maybe`: it is only likely that the lane waits.
  void yield(const char* waits_for, Where where, bool maybe = false);
  void note_progress() {
    idle_polls_ = 0;
    patient_ = false;
    if (is_stuck_) set_stuck(false);
  }
  [[noreturn]] void stop(std::string report);  // ends the team's run with an error
  // Called by the handler of a signal: whether a kernel raised it, which then ends the launch by stop_trapped() on the
  // stack it returns.
  void* take_trap(const Trap& trap);
  [[noreturn]] void stop_trapped();
  std::uint64_t random() { return random_(); }

 private:
  static void fiber_main();
  void set_stuck(bool stuck);
  bool others_can_help();
  void lane_loop();
  void finish_lane();
  void set_up(Launch& launch, std::uint64_t first, unsigned count);
  void switch_to_next();  // from a lane that waits
  Lane* next_ready();
  Fiber* take_fiber();
  Arena& arena(unsigned rank);

  Fiber native_;
  Fiber* current_ = nullptr;
  Team team_;
  std::vector<Arena> arenas_;
  std::vector<std::unique_ptr<Fiber, void (*)(Fiber*)>> fibers_;
  std::vector<Fiber*> free_fibers_;
  std::vector<std::uint32_t> order_;
  std::vector<Lane*> ready_;
  std::size_t ready_head_ = 0;
  std::uint32_t next_lane_ = 0, alive_ = 0;
  std::uint64_t idle_polls_ = 0;
  std::chrono::steady_clock::time_point idle_since_;
  bool patient_ = false;  // a lane that polled since then may have been at work
  bool is_stuck_ = false;
  std::chrono::steady_clock::time_point stuck_since_;
  Trap trap_;
  std::mt19937_64 random_;
  std::string report_;
  bool stopped_ = false;
  bool begin_lane_ = false;  // the next turn is for a lane that has not begun
  dim3 laid_out_{0, 0, 0};
};

void set_drain(Drain drain);
void catch_signals();                                     // of kernels on this thread
std::string describe_lane(const Lane& lane);              // "block (0, 0, 0), thread (3, 0, 0)"
std::string describe_place(Where where);                  // "softmax.cu:41"
std::string describe_place(const void* program_counter);  // the same, from debug information
std::string deadlock_report(Team& team);
[[noreturn]] void fault_text(std::string what, std::string place);  // ends the launch

void complete_after_exit(Warp& warp);  // groups whose last missing lane has ended
void finish_copies(Lane& lane);        // cp.async: all that is still under way
void drop_copies(Lane& lane);
void reset_async(Team& team);             // before a launch uses the team again
void lane_ended(Team& team, Lane& lane);  // checks what the lane leaves under way

}  // namespace tc::simt
