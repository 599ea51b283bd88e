// Fibers: stacks that one operating-system thread runs in turn, about 10 ns per switch on x86-64.
#pragma once
#include <cstddef>

namespace tc::simt {

struct Fiber {
  void* stack_pointer = nullptr;  // where it goes on, while it does not run
  std::byte* base = nullptr;      // lowest address of its stack; null for a thread's own
  std::size_t bytes = 0;
  void* context = nullptr;     // ucontext_t, on processors without a switch of their own
  void* fake_stack = nullptr;  // AddressSanitizer's

  bool holds(const void* address) const {
    const auto* p = static_cast<const std::byte*>(address);
    return p >= base && p < base + bytes;
  }
};

// A fiber with its own guarded stack. `colour` spreads the tops of stacks over the cache's sets.
Fiber* new_fiber(unsigned colour);
void delete_fiber(Fiber* fiber);
// Lets `fiber` begin with entry() at its next turn. The entry must never return.
void prepare(Fiber& fiber, void (*entry)(), unsigned colour);
// Runs `to`; returns when somebody switches back to `from`. With `ends`, nobody will.
void switch_fiber(Fiber& from, Fiber& to, bool ends = false);
// The first thing an entry calls.
void entered(Fiber& me, Fiber& native);

}  // namespace tc::simt
