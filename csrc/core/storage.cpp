#include "core/storage.h"

#include "core/allocator.h"
#include "core/check.h"

namespace tc {

Device parse_device(const std::string& text) {
  if (text == "cpu" || text == "cpu:0") return {DeviceType::cpu, 0};
  if (text == "cuda" || text.rfind("cuda:", 0) == 0)
    fail(ErrorKind::runtime, "device: '", text, "' is not available, this build of tensorcore has no CUDA backend");
  fail(ErrorKind::value, "device: must be 'cpu', 'cuda' or 'cuda:N', got '", text, "'");
}

Storage* new_storage(std::size_t bytes, Device device) {
  void* data = allocate_cpu(bytes);
  Storage* storage;
  try {
    storage = new Storage;
  } catch (...) {
    free_cpu(data, bytes);
    throw;
  }
  storage->data = data;
  storage->bytes = bytes;
  storage->device = device;
  return storage;
}

Storage* borrow_storage(void* data, std::size_t bytes, Device device, bool read_only, void (*release)(Storage*),
                        void* lender) {
  auto* storage = new Storage;
  storage->data = data;
  storage->bytes = bytes;
  storage->device = device;
  storage->read_only = read_only;
  storage->release = release;
  storage->lender = lender;
  return storage;
}

void delete_storage(Storage* storage) noexcept {
  if (storage->release)
    storage->release(storage);
  else
    free_cpu(storage->data, storage->bytes);
  delete storage;
}

}  // namespace tc
