#include "ops/softmax.h"

#include "bindings/bind.h"
#include "ops/loss.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) {
  bind<"softmax", &ops::softmax>(module);
  bind<"softmax_backward", &ops::softmax_backward>(module);
  bind<"cross_entropy", &ops::cross_entropy>(module);
  bind<"cross_entropy_backward", &ops::cross_entropy_backward>(module);
  bind<"cross_entropy_in_place", &ops::cross_entropy_in_place>(module);
}};
}  // namespace
}  // namespace tc::python
