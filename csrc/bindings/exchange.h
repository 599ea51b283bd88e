// Exchange with other libraries by memory: the buffer protocol (buffer.cpp) and DLPack (dlpack.cpp).
#pragma once
#include <Python.h>

#include <optional>

#include "core/array.h"

namespace tc::python {

// The tensor's side of the buffer protocol.
int get_buffer(PyObject* self, Py_buffer* view, int flags);
void release_buffer(PyObject* self, Py_buffer* view);

// The memory of any object with the buffer protocol, DLPack or __array__, in this order of preference; empty when it
// has none of them. `copy` as in asarray: memory that cannot be addressed as it is gets copied, ValueError if that is
// forbidden.
std::optional<Array> borrow_array(PyObject* object, std::optional<bool> copy, const char* op);
Array array_from_buffer(PyObject* object, std::optional<bool> copy, const char* op);
Array array_from_dlpack(PyObject* object, std::optional<Device> device, std::optional<bool> copy, const char* op);

}  // namespace tc::python
