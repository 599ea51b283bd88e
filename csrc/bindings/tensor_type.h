// The Python type under Tensor, written against CPython's C API because creating a bound object through pybind11 costs
// five to ten times as much. It holds an Array and, for autograd, requires_grad, grad and the node that made it.
#pragma once
#include <Python.h>

#include "core/array.h"

namespace tc::python {

struct TensorObject {
  PyObject_HEAD Array array;
  PyObject* grad;   // Tensor or null
  PyObject* node;   // the tape node whose output this is, or null for a leaf
  PyObject* hooks;  // list of gradient hooks of a leaf, or null
  PyObject* weakrefs;
  std::uint32_t node_version;  // storage version when `node` was set
  bool requires_grad;
};

extern PyTypeObject* tensor_base;  // _core.TensorBase
extern PyTypeObject* tensor_type;  // the class new tensors get: tensorcore.Tensor once Python has set it

inline bool is_tensor(PyObject* object) { return PyObject_TypeCheck(object, tensor_base); }
inline TensorObject* as_tensor(PyObject* object) { return reinterpret_cast<TensorObject*>(object); }

// A new Tensor that does not require grad; null with a Python error set when memory is out.
PyObject* wrap(Array array);

bool grad_enabled();
// Where the gradient of a tensor goes: the node that made it, the tensor itself when it is a leaf, or None. A non-leaf
// whose memory changed in place since its node was recorded (through another view) has no right gradient any more:
// null with a Python error set.
PyObject* edge_of(PyObject* tensor);

// Sets the Python error for the C++ exception being handled: call inside catch (...).
void set_error_from_exception() noexcept;

// Releases the GIL while it lives, if `worthwhile`.
class GilRelease {
 public:
  explicit GilRelease(bool worthwhile) : state_(worthwhile ? PyEval_SaveThread() : nullptr) {}
  ~GilRelease() {
    if (state_) PyEval_RestoreThread(state_);
  }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

 private:
  PyThreadState* state_;
};
inline constexpr std::int64_t kGilElements = 1
                                             << 14;  // arrays of more elements than this are worked on without the GIL

// Objects for dtypes and devices: one Python object each, compared by identity.
PyObject* dtype_object(DType dtype);  // borrowed
bool dtype_from_object(PyObject* object, DType* out);
PyObject* device_object(Device device);                  // new reference
bool device_from_object(PyObject* object, Device* out);  // a Device or a string; raises on an unknown name

int init_tensor_type(PyObject* module);
int init_tape(PyObject* module);

}  // namespace tc::python
