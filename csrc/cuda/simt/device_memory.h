// The checked executor's device memory: addresses that the host cannot touch, as on a machine with a GPU, except while
// a kernel or a copy has opened them. A host access outside ends the program with a segmentation fault, where it would
// on a real device.
#pragma once
#include <cstddef>

namespace tc::simt {

// Null when there is no room. Addresses are not used again before a long time has passed, so that a use after free is
// not taken for an access to something newer.
void* allocate_guarded(std::size_t bytes);
void release_guarded(void* data, std::size_t bytes);

class OpenDeviceMemory {  // for its lifetime, on all threads; nests
 public:
  OpenDeviceMemory();
  ~OpenDeviceMemory();
  OpenDeviceMemory(const OpenDeviceMemory&) = delete;
};

}  // namespace tc::simt
