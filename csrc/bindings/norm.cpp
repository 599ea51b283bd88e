#include "ops/norm.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) {
  bind<"row_norm", &ops::row_norm>(module);
  bind<"row_norm_backward", &ops::row_norm_backward>(module);
  bind<"batch_norm", &ops::batch_norm>(module);
  bind<"batch_norm_backward", &ops::batch_norm_backward>(module);
}};
}  // namespace
}  // namespace tc::python
