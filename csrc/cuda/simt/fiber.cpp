#include "cuda/simt/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "core/check.h"
#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace tc::simt {
namespace {
constexpr std::size_t kStackBytes = 256 * 1024;  // virtual: pages are taken when first touched
constexpr std::size_t kColours = 64;
}  // namespace

#if defined(__x86_64__)
// Saves what the System V calling convention asks a function to keep, and goes on where `to` stopped. A jump and not a
// return: the processor's return predictor would be wrong every time.
extern "C" void tc_simt_switch(void** from, void* to);
asm(R"(
.text
.p2align 4
.hidden tc_simt_switch
.globl tc_simt_switch
.type tc_simt_switch, @function
tc_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmpq *%rcx
.size tc_simt_switch, . - tc_simt_switch
)");
#endif

Fiber* new_fiber(unsigned colour) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, kStackBytes + page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  check(memory != MAP_FAILED, ErrorKind::memory, "simt: no memory for the stack of a thread");
  mprotect(memory, page, PROT_NONE);  // an overflow ends in a fault, not in a neighbour
  auto* fiber = new Fiber;
  fiber->base = static_cast<std::byte*>(memory) + page;
  fiber->bytes = kStackBytes;
#if !defined(__x86_64__)
  fiber->context = new ucontext_t;
#endif
  (void)colour;
  return fiber;
}

void delete_fiber(Fiber* fiber) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  munmap(fiber->base - page, fiber->bytes + page);
#if !defined(__x86_64__)
  delete static_cast<ucontext_t*>(fiber->context);
#endif
  delete fiber;
}

void prepare(Fiber& fiber, void (*entry)(), unsigned colour) {
#if defined(__x86_64__)
  std::byte* top = fiber.base + fiber.bytes - 64 * (1 + colour % kColours);
  auto* slot = reinterpret_cast<std::uintptr_t*>(top);  // 16-byte aligned, as before a call pushes its return address
  slot[1] = 0;                                          // ends a debugger's walk up the stack
  slot[0] = reinterpret_cast<std::uintptr_t>(entry);
  for (int i = 1; i <= 6; ++i) slot[-i] = 0;
  fiber.stack_pointer = slot - 6;
#else
  auto* context = static_cast<ucontext_t*>(fiber.context);
  getcontext(context);
  context->uc_stack.ss_sp = fiber.base;
  context->uc_stack.ss_size = fiber.bytes - 64 * (colour % kColours);
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
#endif
  fiber.fake_stack = nullptr;
}

void switch_fiber(Fiber& from, Fiber& to, [[maybe_unused]] bool ends) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(ends ? nullptr : &from.fake_stack, to.base, to.bytes);
#endif
#if defined(__x86_64__)
  tc_simt_switch(&from.stack_pointer, to.stack_pointer);
#else
  if (!from.context) from.context = new ucontext_t;  // a thread's own
  swapcontext(static_cast<ucontext_t*>(from.context), static_cast<ucontext_t*>(to.context));
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

void entered([[maybe_unused]] Fiber& me, [[maybe_unused]] Fiber& native) {
#if defined(__SANITIZE_ADDRESS__)
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
  if (!native.base) {  // the thread's own stack, needed to switch back to it
    native.base = static_cast<std::byte*>(const_cast<void*>(bottom));
    native.bytes = bytes;
  }
#endif
}

}  // namespace tc::simt
