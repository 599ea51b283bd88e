// A buffer for the time of one call, from the caching allocator.
#pragma once
#include <cstdint>

#include "core/allocator.h"

namespace tc::cpu {
namespace {

template <class T>
class Scratch {
 public:
  explicit Scratch(std::int64_t count)
      : bytes_(static_cast<std::size_t>(count) * sizeof(T)), data_(static_cast<T*>(allocate_cpu(bytes_))) {}
  ~Scratch() { free_cpu(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* get() const { return data_; }

 private:
  std::size_t bytes_;
  T* data_;
};

}  // namespace
}  // namespace tc::cpu
