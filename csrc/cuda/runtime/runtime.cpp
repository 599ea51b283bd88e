// The choice of a driver, the calling thread's device and streams, and the books on device memory.
#include "cuda/runtime/runtime.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>

#include "core/check.h"
#include "core/device.h"
#include "cuda/runtime/driver.h"

namespace tc::cuda {
namespace {

constexpr int kMaxDevices = 64;

struct Choice {
  Backend backend = Backend::none;
  std::string why;  // not available
};

Choice choose() {
  const char* text = std::getenv("TENSORCORE_CUDA");
  const std::string wanted = text ? text : "";
  if (wanted == "off") return {Backend::none, "TENSORCORE_CUDA=off"};
  if (wanted == "simt") return {Backend::simt, ""};
  if (wanted == "simt-check") {
#if TENSORCORE_HAS_SIMT_CHECK
    return {Backend::simt_check, ""};
#else
    return {Backend::none, "TENSORCORE_CUDA=simt-check needs a build with the CMake option TENSORCORE_SIMT_CHECK=ON"};
#endif
  }
  if (!wanted.empty() && wanted != "gpu")
    return {Backend::none, "TENSORCORE_CUDA must be 'gpu', 'simt', 'simt-check' or 'off', got '" + wanted + "'"};
#if TENSORCORE_HAS_GPU
  return {Backend::gpu, ""};
#else
  return {Backend::none,
          "this build has no GPU code (built without nvcc; see the CMake option TENSORCORE_CUDA_BUILD); "
          "TENSORCORE_CUDA=simt runs CUDA kernels on the CPU"};
#endif
}

const Choice& choice() {
  static const Choice chosen = choose();
  return chosen;
}

Driver& driver() {
  const std::string& why = why_unavailable();
  check(why.empty(), ErrorKind::runtime, "cuda: not available: ", why);
#if TENSORCORE_HAS_GPU
  if (choice().backend == Backend::gpu) return gpu_driver();
#endif
  return simt_driver();
}

struct Books {
  std::atomic<std::int64_t> allocated{0}, peak{0}, allocations{0}, retries{0};
};
Books books[kMaxDevices];

struct ThreadState {
  int device = 0;
  void* streams[kMaxDevices] = {};
};
ThreadState& thread_state() {
  thread_local const std::unique_ptr<ThreadState> state = std::make_unique<ThreadState>();  // see simt::worker
  return *state;
}

void check_device(int index, const char* op) {
  const int count = device_count();
  check(index >= 0 && index < count, ErrorKind::runtime, op, ": device 'cuda:", index, "' does not exist, there ",
        count == 1 ? "is " : "are ", count);
}

std::string amount(std::size_t bytes) {
  std::ostringstream out;
  out.precision(3);
  if (bytes < 1024)
    out << bytes << " bytes";
  else if (bytes < std::size_t{1} << 20)
    out << static_cast<double>(bytes) / 1024 << " KiB";
  else if (bytes < std::size_t{1} << 30)
    out << static_cast<double>(bytes) / (1 << 20) << " MiB";
  else
    out << static_cast<double>(bytes) / (1 << 30) << " GiB";
  return out.str();
}

class OnDevice {  // makes a device current for a scope
 public:
  explicit OnDevice(int device) : before_(thread_state().device) {
    if (device != before_) set_device(device);
  }
  ~OnDevice() {
    if (thread_state().device != before_) set_device(before_);
  }

 private:
  int before_;
};

}  // namespace

Backend chosen_backend() { return choice().backend; }
const char* name_of(Backend backend) {
  constexpr const char* names[] = {"none", "gpu", "simt", "simt-check"};
  return names[static_cast<int>(backend)];
}

const std::string& why_unavailable() {
  if (choice().backend == Backend::none) return choice().why;
#if TENSORCORE_HAS_GPU
  if (choice().backend == Backend::gpu) return gpu_driver().why_unavailable();
#endif
  return simt_driver().why_unavailable();
}

bool is_gpu_built() {
#if TENSORCORE_HAS_GPU
  return true;
#else
  return false;
#endif
}

int device_count() { return why_unavailable().empty() ? driver().device_count() : 0; }
const Properties& properties() { return driver().properties(current_device()); }
int current_device() { return thread_state().device; }
void set_device(int index) {
  check_device(index, "set_device");
  driver().set_device(index);
  thread_state().device = index;
}
void synchronize() { driver().synchronize(); }

void* current_stream_handle() {
  const ThreadState& state = thread_state();
  return state.streams[state.device];
}
void set_current_stream(void* stream) {
  ThreadState& state = thread_state();
  state.streams[state.device] = stream;
}
void* create_stream(bool high_priority) { return driver().create_stream(high_priority); }
void destroy_stream(void* stream) noexcept { driver().destroy_stream(stream); }
void synchronize_stream(void* stream) { driver().synchronize_stream(stream); }
bool is_stream_idle(void* stream) { return driver().is_stream_idle(stream); }
void* create_event(bool timing) { return driver().create_event(timing); }
void destroy_event(void* event) noexcept { driver().destroy_event(event); }
void record_event(void* event, void* stream) { driver().record_event(event, stream); }
void wait_event(void* stream, void* event) { driver().wait_event(stream, event); }
void synchronize_event(void* event) { driver().synchronize_event(event); }
bool is_event_reached(void* event) { return driver().is_event_reached(event); }
float elapsed_ms(void* start, void* end) { return driver().elapsed_ms(start, end); }

void* allocate(std::size_t bytes, int device) {
  check_device(device, "allocate");
  const OnDevice scope(device);
  Driver& d = driver();
  Books& b = books[device];
  const std::size_t asked = bytes ? bytes : 1;
  void* data = d.allocate(asked, current_stream_handle());
  if (!data) {  // what the pool keeps may lie in pieces of the wrong size, or wait for other streams
    b.retries.fetch_add(1, std::memory_order_relaxed);
    d.synchronize();
    d.trim();
    data = d.allocate(asked, current_stream_handle());
  }
  if (!data) {
    const MemoryInfo info = d.memory_info();
    fail(ErrorKind::memory, "cuda:", device, ": cannot allocate ", amount(bytes), ": the device has ",
         amount(info.total), ", of which ", amount(info.free), " are free; live tensors hold ",
         amount(static_cast<std::size_t>(b.allocated.load())), ", kept for reuse are ",
         amount(d.reserved() - std::min(d.reserved(), static_cast<std::size_t>(b.allocated.load()))),
         " (already given back before this second try)");
  }
  const std::int64_t now = b.allocated.fetch_add(static_cast<std::int64_t>(bytes)) + static_cast<std::int64_t>(bytes);
  b.allocations.fetch_add(1, std::memory_order_relaxed);
  std::int64_t peak = b.peak.load(std::memory_order_relaxed);
  while (peak < now && !b.peak.compare_exchange_weak(peak, now)) {
  }
  return data;
}

void release(void* data, std::size_t bytes, int device) noexcept {
  const OnDevice scope(device);
  driver().release(data, bytes ? bytes : 1, current_stream_handle());
  books[device].allocated.fetch_sub(static_cast<std::int64_t>(bytes));
}

void copy_bytes(void* to, const void* from, std::size_t bytes) {
  if (bytes) driver().copy(to, from, bytes, current_stream_handle());
}
void fill_bytes(void* to, int value, std::size_t bytes) {
  if (bytes) driver().fill(to, value, bytes, current_stream_handle());
}
void* allocate_pinned(std::size_t bytes) {
  void* data = driver().allocate_pinned(bytes ? bytes : 1);
  check(data != nullptr, ErrorKind::memory, "pin_memory: cannot allocate ", amount(bytes), " of pinned host memory");
  return data;
}
void release_pinned(void* data) noexcept { driver().release_pinned(data); }

MemoryStats memory_stats(int device) {
  check_device(device, "memory_stats");
  const OnDevice scope(device);
  const Books& b = books[device];
  return {b.allocated, b.peak, static_cast<std::int64_t>(driver().reserved()), b.allocations, b.retries};
}
void reset_peak(int device) { books[device].peak = books[device].allocated.load(); }
void empty_cache(int device) {
  const OnDevice scope(device);
  driver().synchronize();
  driver().trim();
}
MemoryInfo memory_info() { return driver().memory_info(); }

void launch_failed(std::string_view kernel, int error) {
  fail(ErrorKind::runtime, "launch of ", kernel, ": ", driver().error_text(error));
}

namespace {
// core knows devices by these functions only.
const bool hooked = [] {
  cuda_hooks = {&device_count,
                &why_unavailable,
                &allocate,
                &release,
                [](int device) {
                  if (device != thread_state().device) set_device(device);
                },
                &copy_bytes,
                [] { synchronize_stream(current_stream_handle()); },
                &allocate_pinned,
                &release_pinned};
  return true;
}();
}  // namespace

}  // namespace tc::cuda
