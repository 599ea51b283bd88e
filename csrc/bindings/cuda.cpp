// Devices, streams, events and memory of CUDA, and the executor's settings. Handles are integers here; the classes that
// own them are in python/tensorcore/cuda.
#include <cstdio>

#include "bindings/bind.h"
#include "cuda/runtime/runtime.h"
#include "cuda/simt/launch.h"
#include "ops/copy.h"

namespace tc::python {
namespace {

void* pointer(std::int64_t handle) { return reinterpret_cast<void*>(static_cast<std::intptr_t>(handle)); }
std::int64_t handle(void* p) { return static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(p)); }

std::string backend() { return cuda::name_of(cuda::chosen_backend()); }
std::string why() { return cuda::why_unavailable(); }
bool built() { return cuda::is_gpu_built(); }
std::int64_t device_count() { return cuda::device_count(); }
std::int64_t current_device() { return cuda::current_device(); }
void set_device(std::int64_t index) { cuda::set_device(static_cast<int>(index)); }
void synchronize() {
  const GilRelease release(true);
  cuda::synchronize();
}
std::string device_name() { return cuda::properties().name; }
// Compute capability (two numbers), multiprocessors, bytes of shared memory per block, of L2, of memory.
std::vector<std::int64_t> device_numbers() {
  const cuda::Properties& p = cuda::properties();
  return {p.major,
          p.minor,
          p.multiprocessors,
          static_cast<std::int64_t>(p.shared_per_block),
          static_cast<std::int64_t>(p.l2_bytes),
          static_cast<std::int64_t>(p.memory_bytes)};
}

std::int64_t current_stream() { return handle(cuda::current_stream_handle()); }
void set_current_stream(std::int64_t stream) { cuda::set_current_stream(pointer(stream)); }
std::int64_t create_stream(bool high_priority) { return handle(cuda::create_stream(high_priority)); }
void destroy_stream(std::int64_t stream) { cuda::destroy_stream(pointer(stream)); }
void synchronize_stream(std::int64_t stream) {
  const GilRelease release(true);
  cuda::synchronize_stream(pointer(stream));
}
bool is_stream_idle(std::int64_t stream) { return cuda::is_stream_idle(pointer(stream)); }
std::int64_t create_event(bool timing) { return handle(cuda::create_event(timing)); }
void destroy_event(std::int64_t event) { cuda::destroy_event(pointer(event)); }
void record_event(std::int64_t event, std::int64_t stream) { cuda::record_event(pointer(event), pointer(stream)); }
void wait_event(std::int64_t stream, std::int64_t event) { cuda::wait_event(pointer(stream), pointer(event)); }
void synchronize_event(std::int64_t event) {
  const GilRelease release(true);
  cuda::synchronize_event(pointer(event));
}
bool is_event_reached(std::int64_t event) { return cuda::is_event_reached(pointer(event)); }
double elapsed_ms(std::int64_t start, std::int64_t end) { return cuda::elapsed_ms(pointer(start), pointer(end)); }

std::vector<std::int64_t> memory_stats(std::int64_t device) {
  const cuda::MemoryStats s = cuda::memory_stats(static_cast<int>(device));
  return {s.allocated, s.peak_allocated, s.reserved, s.allocations, s.retries};
}
void reset_peak(std::int64_t device) { cuda::reset_peak(static_cast<int>(device)); }
void empty_cache(std::int64_t device) { cuda::empty_cache(static_cast<int>(device)); }
std::vector<std::int64_t> memory_info() {
  const cuda::MemoryInfo info = cuda::memory_info();
  return {static_cast<std::int64_t>(info.free), static_cast<std::int64_t>(info.total)};
}

// order: 0 forward, 1 reverse, 2 random; async: 0 eager, 1 late, 2 random.
void set_simt(std::int64_t order, std::int64_t async, std::int64_t seed) {
  simt::set_settings(
      {static_cast<simt::Order>(order), static_cast<simt::Async>(async), static_cast<std::uint64_t>(seed)});
}
std::vector<std::int64_t> get_simt() {
  const simt::Settings s = simt::settings();
  return {static_cast<std::int64_t>(s.order), static_cast<std::int64_t>(s.async), static_cast<std::int64_t>(s.seed)};
}

// A kernel of tc.cuda.compile: `function` is its entry, `arguments` a block of `bytes` that it takes apart itself; the
// shape is grid, block and cluster in x, y, z.
void simt_launch(const std::string& name, std::int64_t function, std::int64_t arguments, std::int64_t bytes,
                 const std::vector<std::int64_t>& shape, std::int64_t shared, bool cooperative, bool checked) {
  check_value(shape.size() == 9, "simt_launch: needs nine extents, got ", shape.size());
  const auto extents = [&](std::size_t i) {
    return dim3(static_cast<unsigned>(shape[i]), static_cast<unsigned>(shape[i + 1]),
                static_cast<unsigned>(shape[i + 2]));
  };
  const GilRelease release(true);
  const auto flush = [] { std::fflush(stdout); };  // what the kernel printed, before Python prints again
  try {
    simt::run(name.c_str(), {extents(0), extents(3), static_cast<std::size_t>(shared), extents(6), cooperative},
              reinterpret_cast<void (*)(void*)>(pointer(function)), pointer(arguments), static_cast<std::size_t>(bytes),
              checked);
  } catch (...) {
    flush();
    throw;
  }
  flush();
}
// A kernel is about to write the tensor: refuses what must not be written, and counts the change.
void kernel_writes(const Array& x, const std::string& what) {
  ops::check_writable(x, what.c_str());
  x.storage()->version.fetch_add(1, std::memory_order_relaxed);
}

std::int64_t data_pointer(const Array& x) { return handle(x.raw()); }

const Binder binder{[](PyObject* module) {
  bind<"to_device", &ops::to_device>(module);
  bind<"pin_memory", &ops::pin_memory>(module);
  bind<"is_pinned", &ops::is_pinned>(module);
  bind<"data_pointer", &data_pointer>(module);
  bind<"cuda_backend", &backend>(module);
  bind<"cuda_why", &why>(module);
  bind<"cuda_built", &built>(module);
  bind<"cuda_device_count", &device_count>(module);
  bind<"cuda_current_device", &current_device>(module);
  bind<"cuda_set_device", &set_device>(module);
  bind<"cuda_synchronize", &synchronize>(module);
  bind<"cuda_device_name", &device_name>(module);
  bind<"cuda_device_numbers", &device_numbers>(module);
  bind<"cuda_current_stream", &current_stream>(module);
  bind<"cuda_set_current_stream", &set_current_stream>(module);
  bind<"cuda_create_stream", &create_stream>(module);
  bind<"cuda_destroy_stream", &destroy_stream>(module);
  bind<"cuda_synchronize_stream", &synchronize_stream>(module);
  bind<"cuda_is_stream_idle", &is_stream_idle>(module);
  bind<"cuda_create_event", &create_event>(module);
  bind<"cuda_destroy_event", &destroy_event>(module);
  bind<"cuda_record_event", &record_event>(module);
  bind<"cuda_wait_event", &wait_event>(module);
  bind<"cuda_synchronize_event", &synchronize_event>(module);
  bind<"cuda_is_event_reached", &is_event_reached>(module);
  bind<"cuda_elapsed_ms", &elapsed_ms>(module);
  bind<"cuda_memory_stats", &memory_stats>(module);
  bind<"cuda_reset_peak", &reset_peak>(module);
  bind<"cuda_empty_cache", &empty_cache>(module);
  bind<"cuda_memory_info", &memory_info>(module);
  bind<"simt_launch", &simt_launch>(module);
  bind<"kernel_writes", &kernel_writes>(module);
  bind<"set_simt", &set_simt>(module);
  bind<"get_simt", &get_simt>(module);
}};

}  // namespace
}  // namespace tc::python
