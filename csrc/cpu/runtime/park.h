// Waiting for another thread: spin for a few microseconds, because waking a sleeping thread costs several, then sleep
// on the 32-bit word itself (Drepper, "Futexes are tricky", 2011).
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace tc::cpu {

using Word = std::atomic<std::uint32_t>;

// Sleeps while `word` holds `value`; may also return for no reason.
inline void sleep_on(Word& word, std::uint32_t value) {
#if defined(__linux__)
  static_assert(sizeof(Word) == sizeof(std::uint32_t));
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
#else
  word.wait(value);
#endif
}

inline void wake_one(Word& word) {
#if defined(__linux__)
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
#else
  word.notify_one();
#endif
}

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");  // `yield` does nothing on most cores
#endif
}

// How long one thread spins before it sleeps. A gap in its own time means that another thread wanted the core: it then
// spins next to nothing, until waits that end early show that the core is its own again.
class Spin {
 public:
  explicit Spin(bool crowded) : most_(crowded ? kLeast : kMost), budget_(most_) {}

  template <class Ready>
  bool until(Ready&& ready) {
    const auto start = Clock::now();
    for (auto last = start;;) {
      for (int i = 0; i < 16; ++i) {
        if (ready()) {
          budget_ = std::min(most_, 2 * budget_);
          return true;
        }
        relax();
      }
      const auto now = Clock::now();
      if (now - last > kGap) budget_ = kLeast;
      if (now - start > budget_) return false;
      last = now;
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::nanoseconds kLeast{1'000}, kMost{50'000}, kGap{20'000};
  std::chrono::nanoseconds most_, budget_;
};

}  // namespace tc::cpu
