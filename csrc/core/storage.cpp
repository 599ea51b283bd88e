#include "core/storage.h"

#include "core/allocator.h"
#include "core/check.h"

namespace tc {

constinit CudaHooks cuda_hooks{};

Device parse_device(const std::string& text) {
  if (text == "cpu" || text == "cpu:0") return {DeviceType::cpu, 0};
  if (text == "cuda" || text.rfind("cuda:", 0) == 0) {
    int index = 0;
    if (text.size() > 4) {
      const std::string digits = text.substr(5);
      check_value(!digits.empty() && digits.size() <= 3 && digits.find_first_not_of("0123456789") == digits.npos,
                  "device: must be 'cpu', 'cuda' or 'cuda:N', got '", text, "'");
      index = std::stoi(digits);
    }
    const std::string& why = cuda_hooks.why_unavailable();
    check(why.empty(), ErrorKind::runtime, "device: '", text, "' is not available: ", why);
    const int count = cuda_hooks.device_count();
    check(index < count, ErrorKind::runtime, "device: '", text, "' does not exist, there ", count == 1 ? "is " : "are ",
          count);
    return {DeviceType::cuda, static_cast<std::uint8_t>(index)};
  }
  fail(ErrorKind::value, "device: must be 'cpu', 'cuda' or 'cuda:N', got '", text, "'");
}

namespace {
void* allocate(std::size_t bytes, Device device) {
  return device.type == DeviceType::cpu ? allocate_cpu(bytes) : cuda_hooks.allocate(bytes, device.index);
}
void release(void* data, std::size_t bytes, Device device) noexcept {
  if (device.type == DeviceType::cpu)
    free_cpu(data, bytes);
  else
    cuda_hooks.release(data, bytes, device.index);
}
}  // namespace

Storage* new_storage(std::size_t bytes, Device device) {
  void* data = allocate(bytes, device);
  Storage* storage;
  try {
    storage = new Storage;
  } catch (...) {
    release(data, bytes, device);
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
    release(storage->data, storage->bytes, storage->device);
  delete storage;
}

}  // namespace tc
