#include "ops/random.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {

const Binder binder{[](PyObject* module) {
  bind<"uniform", &ops::uniform>(module);
  bind<"normal", &ops::normal>(module);
  bind<"randint", &ops::randint>(module);
  bind<"bernoulli", &ops::bernoulli>(module);
  bind<"randperm", &ops::randperm>(module);
  bind<"dropout", &ops::dropout>(module);
  bind<"random_blocks", &ops::random_blocks>(module);
}};

}  // namespace
}  // namespace tc::python
