// A kernel that reads from nowhere or divides by zero ends its launch, not the process: the signal it raises is
// answered by going on, on the lane's own stack, in a function that ends the launch with a report. Signals that no
// kernel raised go where they went before.
#include <signal.h>
#include <ucontext.h>

#include <cstdlib>
#include <mutex>

#include "cuda/simt/team.h"

namespace tc::simt {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE};
struct sigaction before[NSIG];

[[noreturn]] void land() { static_cast<Scheduler*>(worker)->stop_trapped(); }

// Lets the interrupted thread go on in land(). False on processors whose registers we do not know.
bool redirect([[maybe_unused]] ucontext_t& context, [[maybe_unused]] void* stack) {
  [[maybe_unused]] const auto top = reinterpret_cast<std::uintptr_t>(stack) / 16 * 16;
#if defined(__x86_64__)
  context.uc_mcontext.gregs[REG_RSP] = static_cast<greg_t>(top - 8);  // as after a call
  context.uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(&land);
  return true;
#elif defined(__aarch64__)
  context.uc_mcontext.sp = top;
  context.uc_mcontext.pc = reinterpret_cast<std::uintptr_t>(&land);
  return true;
#else
  return false;
#endif
}
const void* program_counter([[maybe_unused]] const ucontext_t& context) {
#if defined(__x86_64__)
  return reinterpret_cast<const void*>(context.uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<const void*>(context.uc_mcontext.pc);
#else
  return nullptr;
#endif
}

void handle(int signal, siginfo_t* info, void* raw) {
  auto& context = *static_cast<ucontext_t*>(raw);
  if (worker && info->si_code > 0) {  // raised by an instruction, not sent
    auto& scheduler = *static_cast<Scheduler*>(worker);
    if (void* stack = scheduler.take_trap({signal, info->si_addr, program_counter(context)});
        stack && redirect(context, stack))
      return;
  }
  const struct sigaction& old = before[signal];
  if (old.sa_flags & SA_SIGINFO)
    old.sa_sigaction(signal, info, raw);
  else if (old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN)
    old.sa_handler(signal);
  else
    sigaction(signal, &old, nullptr);  // the instruction is run again, and then the default happens
}

}  // namespace

void catch_signals() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // The handler needs a stack: the lane's may be what has run over. It lives as long as the thread.
  struct AlternateStack {
    void* memory = nullptr;
    AlternateStack() {
      stack_t now{};
      if (sigaltstack(nullptr, &now) != 0 || !(now.ss_flags & SS_DISABLE)) return;
      constexpr std::size_t kBytes = 64 * 1024;
      memory = std::malloc(kBytes);
      const stack_t mine{memory, 0, kBytes};
      if (memory) sigaltstack(&mine, nullptr);
    }
    ~AlternateStack() {
      if (!memory) return;
      const stack_t none{nullptr, SS_DISABLE, 0};
      sigaltstack(&none, nullptr);
      std::free(memory);
    }
  };
  thread_local const std::unique_ptr<AlternateStack> stack = std::make_unique<AlternateStack>();
  sigset_t ours;  // threads of the pool begin with all signals blocked
  sigemptyset(&ours);
  for (const int signal : kSignals) sigaddset(&ours, signal);
  pthread_sigmask(SIG_UNBLOCK, &ours, nullptr);
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction mine{};
    mine.sa_sigaction = &handle;
    mine.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&mine.sa_mask);
    for (const int signal : kSignals) sigaction(signal, &mine, &before[signal]);
  });
#endif
}

}  // namespace tc::simt
