#include "ops/scan.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) {
  bind<"cumulative_sum", &ops::cumulative_sum>(module);
  bind<"cumulative_prod", &ops::cumulative_prod>(module);
  bind<"linear_recurrence", &ops::linear_recurrence>(module);
}};
}  // namespace
}  // namespace tc::python
