#include "ops/pool.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) {
  bind<"max_pool", &ops::max_pool>(module);
  bind<"mean_pool", &ops::mean_pool>(module);
  bind<"mean_pool_backward", &ops::mean_pool_backward>(module);
  bind<"adaptive_max_pool", &ops::adaptive_max_pool>(module);
  bind<"adaptive_mean_pool", &ops::adaptive_mean_pool>(module);
  bind<"adaptive_mean_pool_backward", &ops::adaptive_mean_pool_backward>(module);
  bind<"plane_scatter", &ops::plane_scatter>(module);
  bind<"plane_gather", &ops::plane_gather>(module);
}};
}  // namespace
}  // namespace tc::python
