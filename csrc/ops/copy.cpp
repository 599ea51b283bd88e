#include "ops/copy.h"

namespace tc::ops {

Array copy(const Array& x) {
  Array out = Array::empty(x.shape(), x.dtype(), x.device());
  if (x.size()) kernels::copy(x.device(), x, out);
  return out;
}

Array astype(const Array& x, DType dtype, bool copy) {
  if (!copy && x.dtype() == dtype) return x;
  Array out = empty_for_elementwise(x, x.shape(), dtype);
  if (x.size()) kernels::copy(x.device(), x, out);
  return out;
}

void check_same_device(const Array& a, const Array& b, const char* op) {
  check(a.device() == b.device(), ErrorKind::runtime, op, ": arrays must be on one device, got '",
        to_string(a.device()), "' and '", to_string(b.device()), "'");
}

Device common_device(const Array& a, const Array& b, const char* op) {
  if (a.device() == b.device()) return a.device();
  if (a.ndim() == 0 && a.device().type == DeviceType::cpu) return b.device();
  if (b.ndim() == 0 && b.device().type == DeviceType::cpu) return a.device();
  check_same_device(a, b, op);
  return a.device();
}

namespace {
Array empty_pinned(const Dims& shape, DType dtype) {
  const auto bytes = static_cast<std::size_t>(checked_size(shape, dtype, "pin_memory")) * itemsize(dtype);
  void* data = cuda_hooks.allocate_pinned(bytes);
  StorageRef storage(
      borrow_storage(data, bytes, Device{}, false, [](Storage* s) { cuda_hooks.release_pinned(s->data); }, nullptr));
  storage->pinned = true;
  return Array(std::move(storage), static_cast<std::byte*>(data), dtype, shape, row_major_strides(shape));
}
}  // namespace

Array to_device(const Array& x, Device device, bool non_blocking) {
  if (x.device() == device) return x;
  const bool arrives = device.type == DeviceType::cpu;
  const Array from = x.contiguous();
  const Array out =
      arrives && non_blocking ? empty_pinned(x.shape(), x.dtype()) : Array::empty(x.shape(), x.dtype(), device);
  if (!x.size()) return out;
  cuda_hooks.enter(arrives ? x.device().index : device.index);
  cuda_hooks.copy(out.raw(), from.raw(), out.nbytes());
  // The driver has taken pageable memory's bytes when it returns; pinned memory is read and written later.
  if (!non_blocking && (arrives || from.storage()->pinned)) cuda_hooks.wait();
  return out;
}

Array pin_memory(const Array& x) {
  check_value(x.device().type == DeviceType::cpu, "pin_memory: the array must be on the CPU, got device '",
              to_string(x.device()), "'");
  const std::string& why = cuda_hooks.why_unavailable();
  check(why.empty(), ErrorKind::runtime, "pin_memory: CUDA is not available: ", why);
  if (is_pinned(x)) return x;
  Array out = empty_pinned(x.shape(), x.dtype());
  if (x.size()) kernels::copy(Device{}, x, out);
  return out;
}
bool is_pinned(const Array& x) { return x.storage()->pinned; }

void fill(const Array& x, double value) {
  if (!x.size()) return;
  Array one = Array::empty({}, DType::float64), target = x;
  *one.data<double>() = value;
  kernels::copy(x.device(), one.broadcast_to(x.shape(), "fill"), target);
}

void check_writable(const Array& x, const char* op) {
  check_value(!x.storage()->read_only, op, ": the array is read-only");
  for (int i = 0; i < x.ndim(); ++i)
    check_value(x.stride(i) != 0 || x.shape(i) <= 1, op,
                ": a broadcast array holds one element in several places, copy it before writing; got shape ",
                x.shape(), " with strides ", x.strides());
}

void assign(const Array& destination, const Array& source) {
  check(common_device(destination, source, "assign") == destination.device(), ErrorKind::runtime,
        "assign: arrays must be on one device, got '", to_string(destination.device()), "' and '",
        to_string(source.device()), "'");
  check_writable(destination, "assign");
  Array from = source.broadcast_to(destination.shape(), "assign");
  if (destination.size()) {
    if (may_overlap(destination, from)) from = copy(from);
    Array target = destination;
    kernels::copy(target.device(), from, target);
  }
  destination.storage()->version.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace tc::ops
