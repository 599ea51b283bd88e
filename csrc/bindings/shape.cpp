#include "ops/shape.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
Array strided_view(const Array& x, const Dims& shape, const Dims& strides, std::int64_t offset) {
  return x.view(shape, strides, offset);
}

const Binder binder{[](PyObject* module) {
  bind<"strided_view", &strided_view>(module);
  bind<"reshape", &ops::reshape>(module);
  bind<"permute_dims", &ops::permute_dims>(module);
  bind<"expand_dims", &ops::expand_dims>(module);
  bind<"squeeze", &ops::squeeze>(module);
  bind<"broadcast_to", &ops::broadcast_to>(module);
  bind<"broadcast_shape", &ops::broadcast_shape>(module);
  bind<"flip", &ops::flip>(module);
  bind<"concat", &ops::concat>(module);
  bind<"stack", &ops::stack>(module);
  bind<"roll", &ops::roll>(module);
  bind<"pad", &ops::pad>(module);
  bind<"pad_indices", &ops::pad_indices>(module);
  add_to(module, "MAX_NDIM", PyLong_FromLong(kMaxNdim));
}};
}  // namespace
}  // namespace tc::python
