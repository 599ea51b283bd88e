#include "ops/optim.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) {
  bind<"sgd_step", &ops::sgd_step>(module);
  bind<"adam_step", &ops::adam_step>(module);
}};
}  // namespace
}  // namespace tc::python
