// The machine's own limits, measured: what benchmarks divide by.
#pragma once
#include <string>

#include "core/kernel_table.h"

namespace tc {
namespace kernels {
// *result = GFLOP/s of fused multiply-adds on all threads ("fma32", "fma64"), or GB/s of compulsory traffic ("read":
// sum of a large array, "copy": read + write, "update": in-place read + write).
constinit inline Kernel<void(const std::string& what, double seconds, double* result)> peak{"peak"};
}  // namespace kernels
namespace ops {
// Best of the repetitions that fit in `seconds`, on num_threads() threads. ValueError on an unknown name.
double measure_peak(const std::string& what, double seconds);
}  // namespace ops
}  // namespace tc
