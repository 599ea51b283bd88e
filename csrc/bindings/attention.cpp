#include "ops/attention.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) {
  bind<"attention", &ops::attention>(module);
  bind<"attention_backward", &ops::attention_backward>(module);
}};
}  // namespace
}  // namespace tc::python
