#include "ops/search.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) {
  bind<"nonzero", &ops::nonzero>(module);
  bind<"bincount", &ops::bincount>(module);
}};
}  // namespace
}  // namespace tc::python
