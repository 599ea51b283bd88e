// Arrays from Python values: scalars, nested lists and tuples, and whatever lends its memory.
#pragma once
#include <Python.h>

#include <optional>

#include "core/array.h"

namespace tc::python {

// The dtype a Python scalar or array-like leaf asks for is found first (bool, int64 or float32 for scalars), unless
// given. Lists must not be ragged: ValueError names the place. `copy`: true always, false never (ValueError where
// needed), empty as needed. Objects that lend memory (buffer protocol, DLPack, __array__) share it where copying is not
// needed.
Array array_from_object(PyObject* object, std::optional<DType> dtype, std::optional<bool> copy, const char* op);

bool is_python_scalar(PyObject* object);  // bool, int or float, NumPy's float64 (a Python float by class) excluded
DType dtype_of_scalar(PyObject* scalar);
// Writes a Python scalar as one element. OverflowError for ints out of range; ValueError for NaN and infinity as
// integers.
void store_scalar(PyObject* scalar, DType dtype, std::byte* out, const char* op);

// The elements as nested lists of Python scalars; the scalar itself for 0-d arrays.
PyObject* nested_list(const Array& array);

}  // namespace tc::python
