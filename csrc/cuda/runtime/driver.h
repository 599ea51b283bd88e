// What stands behind the runtime: CUDA's own library (gpu_driver.cpp) or the executor (simt_driver.cpp). Calls act on
// the current device of the calling thread and raise a RuntimeError with the library's words when they fail.
#pragma once
#include "cuda/runtime/runtime.h"

namespace tc::cuda {

struct Driver {
  virtual ~Driver() = default;
  virtual const std::string& why_unavailable() = 0;  // "" where it can be used
  virtual int device_count() = 0;
  virtual const Properties& properties(int device) = 0;
  virtual void set_device(int device) = 0;
  virtual void synchronize() = 0;

  virtual void* create_stream(bool high_priority) = 0;
  virtual void destroy_stream(void* stream) noexcept = 0;
  virtual void synchronize_stream(void* stream) = 0;
  virtual bool is_stream_idle(void* stream) = 0;
  virtual void* create_event(bool timing) = 0;
  virtual void destroy_event(void* event) noexcept = 0;
  virtual void record_event(void* event, void* stream) = 0;
  virtual void wait_event(void* stream, void* event) = 0;
  virtual void synchronize_event(void* event) = 0;
  virtual bool is_event_reached(void* event) = 0;
  virtual float elapsed_ms(void* start, void* end) = 0;

  // Stream-ordered, from a pool that keeps what is freed. Null when there is no memory.
  virtual void* allocate(std::size_t bytes, void* stream) = 0;
  virtual void release(void* data, std::size_t bytes, void* stream) noexcept = 0;
  virtual void trim() = 0;             // gives what the pool keeps back to the device
  virtual std::size_t reserved() = 0;  // bytes the pool took from the device
  virtual MemoryInfo memory_info() = 0;
  virtual void copy(void* to, const void* from, std::size_t bytes, void* stream) = 0;
  virtual void fill(void* to, int value, std::size_t bytes, void* stream) = 0;
  virtual void* allocate_pinned(std::size_t bytes) = 0;  // null when there is none
  virtual void release_pinned(void* data) noexcept = 0;
  virtual std::string error_text(int error) = 0;
};

Driver& simt_driver();
#if TENSORCORE_HAS_GPU
Driver& gpu_driver();
#endif

}  // namespace tc::cuda
