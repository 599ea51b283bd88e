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
}};
}  // namespace
}  // namespace tc::python
