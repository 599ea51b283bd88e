// Storage: a reference-counted buffer on one device, shared by an array and its views.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/device.h"

namespace tc {

struct Storage {
  void* data = nullptr;
  std::size_t bytes = 0;
  Device device;
  bool pinned = false;                  // host memory that copies to and from a device need not wait for
  bool read_only = false;               // memory lent by someone who forbids writing (DLPack, buffer protocol)
  void (*release)(Storage*) = nullptr;  // returns the memory to whoever lent it; null: it came from our allocator
  void* lender = nullptr;
  std::atomic<std::uint32_t> version{0};  // counts in-place changes, so that autograd can tell a saved value is stale
  std::atomic<std::int32_t> references{1};
};

Storage* new_storage(std::size_t bytes, Device device);
Storage* borrow_storage(void* data, std::size_t bytes, Device device, bool read_only, void (*release)(Storage*),
                        void* lender);
void delete_storage(Storage* storage) noexcept;

// Shared ownership of a Storage.
class StorageRef {
 public:
  StorageRef() = default;
  explicit StorageRef(Storage* adopted) : storage_(adopted) {}
  StorageRef(const StorageRef& other) noexcept : storage_(other.storage_) {
    if (storage_) storage_->references.fetch_add(1, std::memory_order_relaxed);
  }
  StorageRef(StorageRef&& other) noexcept : storage_(std::exchange(other.storage_, nullptr)) {}
  StorageRef& operator=(StorageRef other) noexcept {
    std::swap(storage_, other.storage_);
    return *this;
  }
  ~StorageRef() {
    if (storage_ && storage_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete_storage(storage_);
  }
  Storage* operator->() const { return storage_; }
  Storage* get() const { return storage_; }
  explicit operator bool() const { return storage_ != nullptr; }

 private:
  Storage* storage_ = nullptr;
};

}  // namespace tc
