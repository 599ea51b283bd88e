// What the processor and the machine offer. Every function may be called during static initialisation.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace tc {

// Processors this process may run on: affinity mask and control-group quota, at least 1. Read once.
int available_cpus();

std::int64_t memory_bytes();      // physical memory, or the control group's limit where that is lower
std::int64_t memory_with_swap();  // the most that processes can touch

struct MachineInfo {
  std::string processor;              // model name, "" when unknown
  std::vector<std::string> features;  // instruction set extensions that matter to the kernels
  int logical_cpus;                   // of the machine
  int physical_cores;                 // of the machine, 0 when unknown
  int available_cpus;
  std::int64_t l1_bytes, l2_bytes, l3_bytes;  // data cache of one core, its L2, the L3 it shares; 0 when unknown
  std::int64_t memory_bytes;
};
const MachineInfo& machine_info();

}  // namespace tc
