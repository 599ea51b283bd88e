// CUDA's runtime library as the driver. It is linked statically: a machine needs nothing but NVIDIA's kernel driver.
#include <cuda_runtime.h>

#include <mutex>
#include <vector>

#include "core/check.h"
#include "cuda/runtime/driver.h"

namespace tc::cuda {
namespace {

void succeed(cudaError_t error, const char* op) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // clears it
  fail(ErrorKind::runtime, op, ": ", cudaGetErrorString(error));
}
cudaStream_t as_stream(void* stream) { return static_cast<cudaStream_t>(stream); }
cudaEvent_t as_event(void* event) { return static_cast<cudaEvent_t>(event); }

class GpuDriver final : public Driver {
 public:
  GpuDriver() {
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaSuccess && count > 0) {
      count_ = count;
      properties_.resize(static_cast<std::size_t>(count));
      pools_.resize(static_cast<std::size_t>(count));
      return;
    }
    cudaGetLastError();
    if (error == cudaErrorInsufficientDriver)
      why_ = "no NVIDIA driver is installed, or it is older than CUDA " + version(CUDART_VERSION) + " needs";
    else if (error == cudaErrorNoDevice || count == 0)
      why_ = "the NVIDIA driver finds no GPU";
    else
      why_ = cudaGetErrorString(error);
  }

  const std::string& why_unavailable() override { return why_; }
  int device_count() override { return count_; }
  const Properties& properties(int device) override {
    Properties& p = properties_[static_cast<std::size_t>(device)];
    if (p.multiprocessors) return p;
    cudaDeviceProp got;
    succeed(cudaGetDeviceProperties(&got, device), "properties");
    p = {got.name,
         got.major,
         got.minor,
         got.multiProcessorCount,
         got.sharedMemPerBlockOptin,
         static_cast<std::size_t>(got.l2CacheSize),
         got.totalGlobalMem};
    return p;
  }
  void set_device(int device) override { succeed(cudaSetDevice(device), "set_device"); }
  void synchronize() override { succeed(cudaDeviceSynchronize(), "synchronize"); }

  void* create_stream(bool high_priority) override {
    int least = 0, greatest = 0;
    succeed(cudaDeviceGetStreamPriorityRange(&least, &greatest), "Stream");
    cudaStream_t stream = nullptr;
    succeed(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, high_priority ? greatest : least), "Stream");
    return stream;
  }
  void destroy_stream(void* stream) noexcept override { cudaStreamDestroy(as_stream(stream)); }
  void synchronize_stream(void* stream) override { succeed(cudaStreamSynchronize(as_stream(stream)), "synchronize"); }
  bool is_stream_idle(void* stream) override { return is_done(cudaStreamQuery(as_stream(stream)), "query"); }
  void* create_event(bool timing) override {
    cudaEvent_t event = nullptr;
    succeed(cudaEventCreateWithFlags(&event, timing ? cudaEventDefault : cudaEventDisableTiming), "Event");
    return event;
  }
  void destroy_event(void* event) noexcept override { cudaEventDestroy(as_event(event)); }
  void record_event(void* event, void* stream) override {
    succeed(cudaEventRecord(as_event(event), as_stream(stream)), "record");
  }
  void wait_event(void* stream, void* event) override {
    succeed(cudaStreamWaitEvent(as_stream(stream), as_event(event), 0), "wait_event");
  }
  void synchronize_event(void* event) override { succeed(cudaEventSynchronize(as_event(event)), "synchronize"); }
  bool is_event_reached(void* event) override { return is_done(cudaEventQuery(as_event(event)), "query"); }
  float elapsed_ms(void* start, void* end) override {
    float ms = 0;
    succeed(cudaEventElapsedTime(&ms, as_event(start), as_event(end)), "elapsed_time");
    return ms;
  }

  void* allocate(std::size_t bytes, void* stream) override {
    void* data = nullptr;
    const cudaError_t error = cudaMallocFromPoolAsync(&data, bytes, pool(), as_stream(stream));
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      return nullptr;
    }
    succeed(error, "allocate");
    return data;
  }
  void release(void* data, std::size_t, void* stream) noexcept override { cudaFreeAsync(data, as_stream(stream)); }
  void trim() override { succeed(cudaMemPoolTrimTo(pool(), 0), "empty_cache"); }
  std::size_t reserved() override {
    std::uint64_t bytes = 0;
    succeed(cudaMemPoolGetAttribute(pool(), cudaMemPoolAttrReservedMemCurrent, &bytes), "memory_stats");
    return bytes;
  }
  MemoryInfo memory_info() override {
    MemoryInfo info{};
    succeed(cudaMemGetInfo(&info.free, &info.total), "mem_get_info");
    return info;
  }

  void copy(void* to, const void* from, std::size_t bytes, void* stream) override {
    succeed(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, as_stream(stream)), "copy");
    // The library returns early for pageable host memory as a destination only after the bytes are there, and for
    // pinned memory before: whoever reads a pinned tensor synchronises, as documented.
  }
  void fill(void* to, int value, std::size_t bytes, void* stream) override {
    succeed(cudaMemsetAsync(to, value, bytes, as_stream(stream)), "fill");
  }
  void* allocate_pinned(std::size_t bytes) override {
    void* data = nullptr;
    if (cudaMallocHost(&data, bytes) == cudaSuccess) return data;
    cudaGetLastError();
    return nullptr;
  }
  void release_pinned(void* data) noexcept override { cudaFreeHost(data); }
  std::string error_text(int error) override { return cudaGetErrorString(static_cast<cudaError_t>(error)); }

 private:
  static std::string version(int v) { return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10); }
  static bool is_done(cudaError_t error, const char* op) {
    if (error == cudaErrorNotReady) {
      cudaGetLastError();
      return false;
    }
    succeed(error, op);
    return true;
  }
  // A pool of our own, which keeps everything until it is told to trim.
  cudaMemPool_t pool() {
    const auto device = static_cast<std::size_t>(current_device());
    const std::lock_guard guard(lock_);
    if (!pools_[device]) {
      cudaMemPoolProps props = {};
      props.allocType = cudaMemAllocationTypePinned;
      props.location.type = cudaMemLocationTypeDevice;
      props.location.id = static_cast<int>(device);
      succeed(cudaMemPoolCreate(&pools_[device], &props), "allocate");
      std::uint64_t everything = UINT64_MAX;
      succeed(cudaMemPoolSetAttribute(pools_[device], cudaMemPoolAttrReleaseThreshold, &everything), "allocate");
    }
    return pools_[device];
  }

  int count_ = 0;
  std::string why_;
  std::vector<Properties> properties_;
  std::vector<cudaMemPool_t> pools_;
  std::mutex lock_;
};

}  // namespace

Driver& gpu_driver() {
  static GpuDriver* const driver = new GpuDriver;
  return *driver;
}

}  // namespace tc::cuda
