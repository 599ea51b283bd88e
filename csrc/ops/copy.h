// Copies with conversion between layouts and dtypes.
#pragma once
#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

namespace kernels {
// Writes every element of `source` to the same index of `destination`, converting. Equal shapes, no overlap.
constinit inline Kernel<void(const Array& source, Array& destination)> copy{"copy"};
}  // namespace kernels

namespace ops {
Array copy(const Array& x);                                  // row-major, same dtype
Array astype(const Array& x, DType dtype, bool copy);        // itself when nothing changes and `copy` is false
void assign(const Array& destination, const Array& source);  // broadcasts and converts; safe when the two overlap
void check_writable(const Array& x, const char* op);         // ValueError where writing in place is not allowed
void check_same_device(const Array& a, const Array& b, const char* op);  // RuntimeError naming both
}  // namespace ops

}  // namespace tc
