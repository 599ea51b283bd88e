#include "ops/recurrent.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) {
  bind<"recurrent", &ops::recurrent>(module);
  bind<"recurrent_backward", &ops::recurrent_backward>(module);
}};
}  // namespace
}  // namespace tc::python
