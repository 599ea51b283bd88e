#include "ops/optim.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) { bind<"optim_step", &ops::optim_step>(module); }};
}  // namespace
}  // namespace tc::python
