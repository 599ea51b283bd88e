// Exchange with other libraries by memory: the buffer protocol.
#pragma once
#include <Python.h>

namespace tc::python {

int get_buffer(PyObject* self, Py_buffer* view, int flags);
void release_buffer(PyObject* self, Py_buffer* view);

}  // namespace tc::python
