#include "ops/reduce.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) {
  bind<"sum", &ops::sum>(module);
  bind<"prod", &ops::prod>(module);
  bind<"mean", &ops::mean>(module);
  bind<"var", &ops::var>(module);
  bind<"std", &ops::std_>(module);
  bind<"logsumexp", &ops::logsumexp>(module);
  bind<"max", &ops::max>(module);
  bind<"min", &ops::min>(module);
  bind<"any", &ops::any>(module);
  bind<"all", &ops::all>(module);
  bind<"count_nonzero", &ops::count_nonzero>(module);
  bind<"argmax", &ops::argmax>(module);
  bind<"argmin", &ops::argmin>(module);
}};
}  // namespace
}  // namespace tc::python
