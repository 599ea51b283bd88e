// The executor as a device: its memory is the host's, its streams do their work at once and in order.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

#include "core/check.h"
#include "core/machine.h"
#include "cuda/runtime/driver.h"
#include "cuda/simt/checker.h"
#include "cuda/simt/device_memory.h"
#include "cuda/simt/launch.h"

namespace tc::cuda {
namespace {

using Clock = std::chrono::steady_clock;

struct Event {
  Clock::time_point at{};
  bool recorded = false, timing = false;
};
struct Stream {
  int unused = 0;
};

class SimtDriver final : public Driver {
 public:
  SimtDriver() : checked_(chosen_backend() == Backend::simt_check) {
    const auto memory = static_cast<std::size_t>(memory_bytes());
    const char* limit = std::getenv("TENSORCORE_SIMT_MEMORY");  // bytes the device has
    total_ = limit ? static_cast<std::size_t>(std::strtoull(limit, nullptr, 10)) : memory;
    properties_ = {"SIMT executor", 9, 0, 132, simt::kSharedLimit, 50 << 20, total_};
  }

  const std::string& why_unavailable() override { return nothing_; }
  int device_count() override { return 1; }
  const Properties& properties(int) override { return properties_; }
  void set_device(int) override {}
  void synchronize() override {}

  void* create_stream(bool) override { return new Stream; }
  void destroy_stream(void* stream) noexcept override { delete static_cast<Stream*>(stream); }
  void synchronize_stream(void*) override {}
  bool is_stream_idle(void*) override { return true; }
  void* create_event(bool timing) override { return new Event{{}, false, timing}; }
  void destroy_event(void* event) noexcept override { delete static_cast<Event*>(event); }
  void record_event(void* event, void*) override {
    auto& e = *static_cast<Event*>(event);
    e.at = Clock::now();
    e.recorded = true;
  }
  void wait_event(void*, void*) override {}
  void synchronize_event(void*) override {}
  bool is_event_reached(void*) override { return true; }
  float elapsed_ms(void* start, void* end) override {
    const auto &a = *static_cast<Event*>(start), &b = *static_cast<Event*>(end);
    check(a.recorded && b.recorded, ErrorKind::runtime, "elapsed_time: both events must have been recorded");
    check(a.timing && b.timing, ErrorKind::runtime, "elapsed_time: both events must be made with timing=True");
    return std::chrono::duration<float, std::milli>(b.at - a.at).count();
  }

  void* allocate(std::size_t bytes, void*) override {
    const std::lock_guard guard(lock_);
    const std::size_t size = rounded(bytes);
    if (auto cached = cache_.find(size); cached != cache_.end()) {
      void* data = cached->second;
      cache_.erase(cached);
      return ready(data, bytes);
    }
    if (reserved_ + size > total_) return nullptr;
    void* data = checked_ ? simt::allocate_guarded(bytes) : std::aligned_alloc(512, size);
    if (!data) return nullptr;
    reserved_ += size;
    return ready(data, bytes);
  }
  void release(void* data, std::size_t bytes, void*) noexcept override {
    const std::lock_guard guard(lock_);
    if (checked_) {  // so that a use after free is seen
      simt::checker::released(data);
      reserved_ -= rounded(bytes);
      simt::release_guarded(data, bytes);
    } else {
      cache_.emplace(rounded(bytes), data);
    }
  }
  void trim() override {
    const std::lock_guard guard(lock_);
    for (const auto& [size, data] : cache_) {
      reserved_ -= size;
      std::free(data);
    }
    cache_.clear();
  }
  std::size_t reserved() override {
    const std::lock_guard guard(lock_);
    return reserved_;
  }
  MemoryInfo memory_info() override { return {total_ - std::min(total_, reserved()), total_}; }

  void copy(void* to, const void* from, std::size_t bytes, void*) override {
    if (!checked_) {
      std::memcpy(to, from, bytes);
      return;
    }
    const simt::OpenDeviceMemory open;
    std::memcpy(to, from, bytes);
    simt::checker::written_by_host(to, bytes);
  }
  void fill(void* to, int value, std::size_t bytes, void*) override {
    if (!checked_) {
      std::memset(to, value, bytes);
      return;
    }
    const simt::OpenDeviceMemory open;
    std::memset(to, value, bytes);
    simt::checker::written_by_host(to, bytes);
  }
  void* allocate_pinned(std::size_t bytes) override { return std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096); }
  void release_pinned(void* data) noexcept override { std::free(data); }
  std::string error_text(int error) override { return "error " + std::to_string(error); }

 private:
  static std::size_t rounded(std::size_t bytes) { return (bytes + 511) / 512 * 512; }
  void* ready(void* data, std::size_t bytes) const {
    if (checked_) {
      const simt::OpenDeviceMemory open;
      std::memset(data, 0xff, bytes);
      simt::checker::allocated(data, bytes);
    } else if (simt::settings().async != simt::Async::eager) {
      std::memset(data, 0xff, bytes);
    }
    return data;
  }

  const bool checked_;
  const std::string nothing_;
  Properties properties_;
  std::size_t total_ = 0, reserved_ = 0;
  std::multimap<std::size_t, void*> cache_;
  std::mutex lock_;
};

}  // namespace

Driver& simt_driver() {
  static SimtDriver* const driver = new SimtDriver;  // outlives every tensor
  return *driver;
}

}  // namespace tc::cuda
