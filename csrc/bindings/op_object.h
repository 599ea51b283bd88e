// Elementwise ops as Python callables with their own vectorcall: exp(x), add(x1, x2), and the slots behind x + y.
// When grad mode is on and an input requires grad, the op's `record` attribute, set in Python, puts the call on the
// tape.
#pragma once
#include <Python.h>

#include "ops/elementwise.h"

namespace tc::python {

inline constexpr int kMaxOperands = 3;

struct OpInfo {
  const char* name;
  int operands;  // tensor arguments
  int params;    // float arguments after them
  Array (*call)(const Array* const* operands, const Params& params, Array* out);
};

PyObject* new_op(const OpInfo* info);  // `info` must live as long as the interpreter

// x op y for the operator slots: NotImplemented when an operand is neither tensor nor scalar.
PyObject* call_binary_slot(PyObject* op, PyObject* a, PyObject* b);
PyObject* call_inplace_slot(PyObject* op, PyObject* self, PyObject* other);

int init_op_type(PyObject* module);

}  // namespace tc::python
