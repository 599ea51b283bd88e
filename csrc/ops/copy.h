// Copies with conversion between layouts and dtypes.
#pragma once
#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

namespace kernels {
// Writes every element of `source` to the same index of `destination`, converting. Equal shapes, no overlap. Of one
// device; but one element on the CPU, broadcast, is a number for any device.
constinit inline Kernel<void(const Array& source, Array& destination)> copy{"copy"};
}  // namespace kernels

namespace ops {
Array copy(const Array& x);                                  // row-major, same dtype
Array astype(const Array& x, DType dtype, bool copy);        // itself when nothing changes and `copy` is false
void assign(const Array& destination, const Array& source);  // broadcasts and converts; safe when the two overlap
void fill(const Array& x, double value);                     // every element, on any device
void check_writable(const Array& x, const char* op);         // ValueError where writing in place is not allowed
void check_same_device(const Array& a, const Array& b, const char* op);  // RuntimeError naming both
// The device an elementwise op of the two runs on: theirs, where a 0-d array on the CPU is a number for any device.
Device common_device(const Array& a, const Array& b, const char* op);
// The array on `device`: itself, or a row-major copy there. With `non_blocking`, copies between a device and pinned
// host memory are still under way on return (and memory given back for a device's array is pinned).
Array to_device(const Array& x, Device device, bool non_blocking);
Array pin_memory(const Array& x);  // a copy in pinned host memory; itself if it is there
bool is_pinned(const Array& x);
// The elements of a row-major array where the host can read them.
inline Array on_host(const Array& x) { return to_device(x, Device{}, false); }
}  // namespace ops

}  // namespace tc
