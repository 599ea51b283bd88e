#include "ops/peak.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {
double measure_peak(const std::string& what, double seconds) {
  const GilRelease release(true);
  return ops::measure_peak(what, seconds);
}
const Binder binder{[](PyObject* module) { bind<"measure_peak", &measure_peak>(module); }};
}  // namespace
}  // namespace tc::python
