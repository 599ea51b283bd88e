#include "ops/peak.h"

namespace tc::ops {

double measure_peak(const std::string& what, double seconds) {
  check_value(what == "fma32" || what == "fma64" || what == "read" || what == "copy" || what == "update",
              "measure_peak: must be 'fma32', 'fma64', 'read', 'copy' or 'update', got '", what, "'");
  check_value(seconds > 0 && seconds <= 60, "measure_peak: seconds must lie in (0, 60], got ", seconds);
  double result = 0;
  kernels::peak(Device{}, what, seconds, &result);
  return result;
}

}  // namespace tc::ops
