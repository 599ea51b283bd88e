#include "ops/linalg.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) {
  bind<"matmul", &ops::matmul>(module);
  bind<"linear", &ops::linear>(module);
  bind<"set_matmul_precision", &ops::set_matmul_precision>(module);
  bind<"get_matmul_precision", &ops::get_matmul_precision>(module);
}};
}  // namespace
}  // namespace tc::python
