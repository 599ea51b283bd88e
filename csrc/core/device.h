// Where an array's bytes live.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace tc {

enum class DeviceType : std::uint8_t { cpu, cuda };
inline constexpr int kDeviceTypes = 2;

struct Device {
  DeviceType type = DeviceType::cpu;
  std::uint8_t index = 0;
  friend bool operator==(Device, Device) = default;
};

inline std::string to_string(Device device) {
  return device.type == DeviceType::cpu ? "cpu" : "cuda:" + std::to_string(device.index);
}

// What core needs of CUDA; set by cuda/runtime when the module loads.
struct CudaHooks {
  int (*device_count)();
  const std::string& (*why_unavailable)();
  void* (*allocate)(std::size_t bytes, int device);
  void (*release)(void* data, std::size_t bytes, int device) noexcept;
  void (*enter)(int device);                                    // makes it current
  void (*copy)(void* to, const void* from, std::size_t bytes);  // in order with the current stream
  void (*wait)();                                               // for the current stream
  void* (*allocate_pinned)(std::size_t bytes);
  void (*release_pinned)(void* data) noexcept;
};
extern CudaHooks cuda_hooks;

// Parses "cpu", "cuda" or "cuda:N"; a device this build or machine lacks raises a RuntimeError that says why.
Device parse_device(const std::string& text);

}  // namespace tc
