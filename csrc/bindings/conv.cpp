#include "ops/conv.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
const Binder binder{[](PyObject* module) {
  bind<"conv", &ops::conv>(module);
  bind<"conv_data_gradient", &ops::conv_data_gradient>(module);
  bind<"conv_weight_gradient", &ops::conv_weight_gradient>(module);
  bind<"channel_sums", &ops::channel_sums>(module);
}};
}  // namespace
}  // namespace tc::python
