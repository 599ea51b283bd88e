// x[key] and x[key] = value.
#pragma once
#include <Python.h>

namespace tc::python {

PyObject* getitem(PyObject* self, PyObject* key);
int setitem(PyObject* self, PyObject* key, PyObject* value);

}  // namespace tc::python
