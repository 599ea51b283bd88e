#include "ops/linalg.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) {
  bind<"matmul", &ops::matmul>(module);
  bind<"linear", &ops::linear>(module);
}};
}  // namespace
}  // namespace tc::python
