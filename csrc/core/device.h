// Where an array's bytes live.
#pragma once
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

// Parses "cpu", "cuda" or "cuda:N"; a device this build or machine lacks raises a RuntimeError that says why.
Device parse_device(const std::string& text);

}  // namespace tc
