// The checked executor's memory of memory: which bytes are allocated, which were ever written, who touched them last
// and whether that happened before the access at hand. Happens-before is kept by vector clocks: per thread inside a
// block, per block across the grid (Flanagan, Freund, "FastTrack", 2009, with two levels).
#pragma once
#include "cuda/simt/team.h"

namespace tc::simt::checker {

// ---- device memory, told by the runtime
// ------------------------------------------------------------------------------

void allocated(const void* data, std::size_t bytes);
void released(const void* data);
void written_by_host(const void* data, std::size_t bytes);
// Is [data, data + bytes) inside one live allocation? Always true in builds that keep no records.
bool is_allocated(const void* data, std::size_t bytes);

// ---- the order of things, told by the scheduler
// ----------------------------------------------------------------------

void begin_launch(Launch& launch);
void begin_block(Block& block);
void synchronise_warp(Warp& warp, std::uint32_t lanes);
void synchronise_block(Block& block);
void synchronise_team(Team& team);
// Through an object (a named barrier, an mbarrier, a flag): what the running lane did before release_to() happens
// before what a lane does after acquire_from().
void release_to(const void* object);
void acquire_from(const void* object, Lane& lane);
void forget(const void* object);

// Bytes of shared memory whose asynchronous copy is under way: touching them is an error until it has been waited for.
void is_arriving(const void* shared, std::size_t bytes);
void becomes_known(const void* shared, std::size_t bytes);  // the copy has arrived

// ---- accesses
// ----------------------------------------------------------------------------------------------------------

enum class Access { read, write, atomic, atomic_read, atomic_write };
// By the running lane. Ends the launch with a report when it is wrong.
void access(const void* address, std::size_t bytes, std::size_t alignment, Access kind, const void* program_counter,
            const Where* where);
// CUDA orders volatile accesses no more than relaxed atomics, and programs build flags of them: neither do they race,
// and a loop that reads one gives other lanes their turns.
void volatile_access(const void* address, std::size_t bytes, bool writes, const void* program_counter);

}  // namespace tc::simt::checker
