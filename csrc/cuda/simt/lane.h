// What a kernel on the executor can see of it: the running lane (a CUDA thread), its block, and the calls by which
// lanes wait for each other. A lane is a fiber; all lanes of a block live on one operating-system thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <source_location>

#include "core/tls.h"
#include "cuda/simt/vector_types.h"

namespace tc::simt {

using Where = std::source_location;

struct Block;
struct Warp;
struct AsyncCopies;

struct Lane {
  uint3 thread{};          // threadIdx
  std::uint32_t rank = 0;  // of the thread in its block: x fastest
  Block* block = nullptr;
  Warp* warp = nullptr;
  void* operand = nullptr;        // what it brings to the collective it waits in
  AsyncCopies* copies = nullptr;  // its cp.async groups, made on first use
  struct Fiber* fiber = nullptr;
  const char* waits_for = nullptr;  // in words, null while it runs or is ready to
  Where where;                      // of the call it waits in
  int result = 0;                   // of a barrier with a predicate
  std::uint32_t spins = 0;          // looks at memory in a row that may be those of a loop that waits
  const void* spins_at = nullptr;   // where, if the last was a volatile access: they have no `where`
  bool exited = false, started = false;

  std::uint32_t lane() const { return rank % 32; }
};

struct Worker {          // per operating-system thread
  Lane* lane = nullptr;  // the one running now, null outside kernels
};
// Set on every thread that has run a kernel.
extern TC_SIMT_API __thread Worker* worker TC_TLS_FIXED;

struct ThreadLayout {  // the first members of a block
  uint3 index;         // blockIdx
  dim3 block, grid;
};

// threadIdx and its kin. In instrumented kernels they are calls to plain code, so that finding them is not taken for an
// access of the kernel's (the checker knows the lanes and blocks themselves). References, because g++ 12 miscompiles
// (c ? p : q)[blockIdx.y * n] where blockIdx is an object returned by value: one branch loses it.
#if defined(__SANITIZE_THREAD__)
#define TC_SIMT_LAYOUT [[gnu::noinline]] __attribute__((no_sanitize("thread"))) static
#else
#define TC_SIMT_LAYOUT [[gnu::always_inline]] inline
#endif
TC_SIMT_LAYOUT const ThreadLayout& layout() { return *reinterpret_cast<const ThreadLayout*>(worker->lane->block); }
[[maybe_unused]] TC_SIMT_LAYOUT const uint3& thread_index() { return worker->lane->thread; }
[[maybe_unused]] TC_SIMT_LAYOUT const uint3& block_index() { return layout().index; }
[[maybe_unused]] TC_SIMT_LAYOUT const dim3& block_extents() { return layout().block; }
[[maybe_unused]] TC_SIMT_LAYOUT const dim3& grid_extents() { return layout().grid; }
[[maybe_unused]] TC_SIMT_LAYOUT int lane_number() { return static_cast<int>(worker->lane->rank % 32); }

// ---- collectives ---------------------------------------------------------------------------------------------------

// Runs once for all lanes that arrived, whose operands lie at their lane numbers; null for absent lanes.
using Execute = void (*)(void* const* operands, std::uint32_t arrived);

// Waits until every lane of `mask` that has not exited called with the same `name`, mask and place; the last one to
// arrive runs `execute`. With `orders_memory`, accesses before it happen before accesses after it (__syncwarp).
TC_SIMT_API void warp_collective(const char* name, std::uint32_t mask, void* operand, Execute execute,
                                 bool orders_memory, Where where);

// What warp functions bring along, and the functions that serve all lanes.
struct Shuffled {
  std::uint64_t value, result;
  int source;  // lane, or -1: keeps its own value
};
TC_SIMT_API void execute_shuffle(void* const* operands, std::uint32_t arrived);

struct Voted {
  std::uint64_t value;
  std::uint64_t result;
};
TC_SIMT_API void execute_ballot(void* const* operands, std::uint32_t arrived);
TC_SIMT_API void execute_match_any(void* const* operands, std::uint32_t arrived);
enum class Fold { add, min, max, umin, umax, bit_and, bit_or, bit_xor };
TC_SIMT_API Execute execute_fold(Fold fold);

enum class Vote { none, count, all, any };
// __syncthreads and its voting forms: all threads of the block, all from one place.
TC_SIMT_API int block_barrier(Vote vote, int predicate, const char* name, Where where);
// bar.sync / bar.arrive on barrier `id` with `threads` threads.
TC_SIMT_API void named_barrier(int id, int threads, bool waits, Where where);
// Every thread of the grid; needs a cooperative launch.
TC_SIMT_API void grid_barrier(Where where);
TC_SIMT_API void cluster_arrive(Where where);
TC_SIMT_API void cluster_wait(Where where);

// Gives other lanes a turn; a lane that calls it in a loop waits for something another thread does. Raises a deadlock
// fault when nothing can happen any more. `what` says what it waits for.
TC_SIMT_API void poll(const char* what, Where where);
// A lane looked at memory that others may change, and changed nothing: polls if it did so many times in a row, since it
// may wait in a loop.
TC_SIMT_API void spins(const char* what, Where where);
// Tells the executor that something happened that a polling lane may wait for.
TC_SIMT_API void progress();

// Ends the launch with an error that names kernel, block, thread and place. Does not return.
[[noreturn]] TC_SIMT_API void fault(const char* what, Where where);
[[noreturn]] TC_SIMT_API void assertion_failed(const char* expression, const char* file, unsigned line);

// ---- shared memory -------------------------------------------------------------------------------------------------

inline constexpr std::size_t kSharedLimit = 227 * 1024;  // bytes a block may have on Hopper
TC_SIMT_API void* dynamic_shared();                      // the launch's `shared` bytes
// Storage of one __shared__ variable: the same for all threads of a block that name it by `key`.
TC_SIMT_API void* static_shared(const void* key, const char* name, std::size_t bytes, std::size_t alignment,
                                Where where = Where::current());
// The 32-bit address PTX uses: offset in the block's shared memory; in clusters the block's rank is in the upper bits.
TC_SIMT_API std::uint32_t shared_address(const void* pointer, Where where = Where::current());
TC_SIMT_API void* shared_pointer(std::uint32_t address, Where where = Where::current());

// ---- memory operations the compiler's instrumentation does not see --------------------------------------------------

// An access made by the executor on the lane's behalf (mma operands, async copies): checked like the kernel's own.
TC_SIMT_API void check_access(const void* address, std::size_t bytes, bool writes, Where where);
// Atomics that order memory: fences and flags.
TC_SIMT_API void fence();  // __threadfence and wider
TC_SIMT_API void synchronises(const void* address, bool acquires, bool releases);
// Checks an atomic access; atomics do not race with each other.
TC_SIMT_API void check_atomic(const void* address, std::size_t bytes, Where where);

// cp.async: `bytes` to shared memory of which the first `filled` come from global memory and the rest are zero.
TC_SIMT_API void copy_async(void* shared, const void* global, int bytes, int filled, Where where);
TC_SIMT_API void commit_async();
TC_SIMT_API void wait_async(int newest_in_flight, Where where);

}  // namespace tc::simt
