#include "ops/sort.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) {
  bind<"sort", &ops::sort>(module);
  bind<"argsort", &ops::argsort>(module);
  bind<"topk", &ops::topk>(module);
  bind<"searchsorted", &ops::searchsorted>(module);
  bind<"unique", &ops::unique>(module);
  bind<"gather_rows", &ops::gather_rows>(module);
  bind<"scatter_rows", &ops::scatter_rows>(module);
}};
}  // namespace
}  // namespace tc::python
