#include "ops/creation.h"

#include "ops/copy.h"

namespace tc::ops {

Array empty(const Dims& shape, DType dtype, Device device) { return Array::empty(shape, dtype, device); }

Array full(const Dims& shape, const Array& value, DType dtype, Device device) {
  Array out = Array::empty(shape, dtype, device);
  if (out.size()) kernels::copy(device, value.broadcast_to(shape, "full"), out);
  return out;
}

}  // namespace tc::ops
