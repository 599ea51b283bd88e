#include "ops/reduce.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) { bind<"sum", &ops::sum>(module); }};
}  // namespace
}  // namespace tc::python
