// The contract between ops and backends: one Kernel per function a backend can provide, one slot in it per device.
// A kernel file registers itself with its last line:
//     const Provide registered{kernels::softmax, DeviceType::cpu, &softmax};
// CPU files are compiled once per instruction set; the best one the processor supports wins the slot.
#pragma once
#include "core/check.h"
#include "core/device.h"

namespace tc {

enum class Isa : std::uint8_t { baseline, avx2, avx512 };  // NEON builds use baseline
Isa best_isa();  // what the processor supports, or less if TENSORCORE_ISA says so
const char* name_of(Isa isa);

template <class Signature>
struct Kernel;

template <class... Args>
struct Kernel<void(Args...)> {
  using Function = void (*)(Args...);
  constexpr explicit Kernel(const char* name) : name(name) {}

  void operator()(Device device, Args... args) const {
    const Function f = slots[static_cast<int>(device.type)];
    check(f != nullptr, ErrorKind::runtime, name, ": no kernel on device '", to_string(device), "'");
    if (device.type == DeviceType::cuda) cuda_hooks.enter(device.index);
    f(static_cast<Args>(args)...);
  }

  const char* name;
  Function slots[kDeviceTypes] = {};
  int levels[kDeviceTypes] = {-1, -1};  // instruction set of the registered kernel
};

#ifndef TC_ISA
#define TC_ISA baseline
#endif

struct Provide {
  template <class Signature>
  Provide(Kernel<Signature>& kernel, DeviceType device, typename Kernel<Signature>::Function function,
          Isa isa = Isa::TC_ISA) {
    const int slot = static_cast<int>(device), level = static_cast<int>(isa);
    if (level > static_cast<int>(best_isa()) || level <= kernel.levels[slot]) return;
    kernel.slots[slot] = function;
    kernel.levels[slot] = level;
  }
};

}  // namespace tc
