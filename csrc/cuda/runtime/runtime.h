// The CUDA runtime as the rest of tensorcore sees it: devices, streams, events, memory. Behind it stands the GPU driver
// or the executor, chosen when the module loads by TENSORCORE_CUDA: unset or "gpu", "simt", "simt-check", "off".
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/device.h"
#include "core/kernel_table.h"

namespace tc::cuda {

enum class Backend : std::uint8_t { none, gpu, simt, simt_check };
// What TENSORCORE_CUDA asks for and this build has; none if it has not.
Backend chosen_backend();
const char* name_of(Backend backend);
// "" where CUDA can be used, else why not, in a sentence.
const std::string& why_unavailable();
bool is_gpu_built();  // does this build have GPU code?
int device_count();   // 0 where CUDA cannot be used

struct Properties {
  std::string name;
  int major, minor;  // compute capability
  int multiprocessors;
  std::size_t shared_per_block;  // bytes of dynamic shared memory a block can ask for
  std::size_t l2_bytes;
  std::size_t memory_bytes;
};
const Properties& properties();  // of the current device

int current_device();
void set_device(int index);  // of this thread; RuntimeError if there is none
void synchronize();          // waits for all work on the current device

// ---- streams and events: raw handles, owned by the Python objects
// ----------------------------------------------------

void* current_stream_handle();  // of the current device and thread; null is the default stream
void set_current_stream(void* stream);
void* create_stream(bool high_priority);
void destroy_stream(void* stream) noexcept;
void synchronize_stream(void* stream);
bool is_stream_idle(void* stream);
void* create_event(bool timing);
void destroy_event(void* event) noexcept;
void record_event(void* event, void* stream);
void wait_event(void* stream, void* event);  // later work of the stream waits for the event
void synchronize_event(void* event);
bool is_event_reached(void* event);
float elapsed_ms(void* start, void* end);

// ---- memory
// ----------------------------------------------------------------------------------------------------------

// Stream-ordered: usable at once on the current stream. MemoryError that says what is held when there is none.
void* allocate(std::size_t bytes, int device);
void release(void* data, std::size_t bytes, int device) noexcept;
// Between any two of host and device memory, in order with the current stream. Returns when pageable host memory may be
// reused; copies from and to pinned memory may still be under way.
void copy_bytes(void* to, const void* from, std::size_t bytes);
void fill_bytes(void* to, int value, std::size_t bytes);
void* allocate_pinned(std::size_t bytes);
void release_pinned(void* data) noexcept;

struct MemoryStats {
  std::int64_t allocated, peak_allocated, reserved, allocations, retries;
};
MemoryStats memory_stats(int device);
void reset_peak(int device);
void empty_cache(int device);
struct MemoryInfo {
  std::size_t free, total;
};
MemoryInfo memory_info();

[[noreturn]] void launch_failed(std::string_view kernel, int error);

// The last line of a kernel file: const Provide registered{kernels::softmax, &softmax};
struct Provide {
  template <class Signature>
  Provide(Kernel<Signature>& kernel, typename Kernel<Signature>::Function function, Backend backend) {
    if (backend == chosen_backend()) kernel.slots[static_cast<int>(DeviceType::cuda)] = function;
  }
};
#define TC_PROVIDE_CUDA(name, kernel, function) \
  const ::tc::cuda::Provide name { kernel, function, ::tc::cuda::Backend::TC_CUDA_BACKEND }

}  // namespace tc::cuda
