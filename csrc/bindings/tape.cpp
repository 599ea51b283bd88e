// What the tape of autograd asks of tensors: grad mode, where gradients go, and changes in place.
#include "bindings/tensor_type.h"

namespace tc::python {

namespace {
thread_local bool grad_mode = true;
}

bool grad_enabled() { return grad_mode; }

PyObject* edge_of(PyObject* tensor) {
  TensorObject* t = as_tensor(tensor);
  if (!t->requires_grad) Py_RETURN_NONE;
  if (!t->node) return Py_NewRef(tensor);
  if (t->node_version != t->array.storage()->version.load(std::memory_order_relaxed)) {
    PyErr_SetString(PyExc_RuntimeError,
                    "autograd: this tensor's memory was changed in place, through another view of it, after it was "
                    "computed; its gradient is no longer defined");
    return nullptr;
  }
  return Py_NewRef(t->node);
}

namespace {

PyObject* require_tensor(const char* function, PyObject* object) {
  if (is_tensor(object)) return object;
  return PyErr_Format(PyExc_TypeError, "%s: expected a Tensor, got %s", function, Py_TYPE(object)->tp_name);
}

PyObject* is_grad_enabled(PyObject*, PyObject*) { return PyBool_FromLong(grad_mode); }
PyObject* set_grad_enabled(PyObject*, PyObject* value) {
  const bool before = grad_mode;
  const int truth = PyObject_IsTrue(value);
  if (truth < 0) return nullptr;
  grad_mode = truth != 0;
  return PyBool_FromLong(before);
}

// set_node(tensor, node): `tensor` is an output of `node` and requires grad.
PyObject* set_node(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !require_tensor("set_node", args[0])) return nullptr;
  TensorObject* t = as_tensor(args[0]);
  Py_XSETREF(t->node, Py_NewRef(args[1]));
  t->node_version = t->array.storage()->version.load(std::memory_order_relaxed);
  t->requires_grad = true;
  Py_RETURN_NONE;
}

// alias(tensor): the same elements in a new tensor that does not require grad.
PyObject* alias(PyObject*, PyObject* tensor) {
  if (!require_tensor("detach", tensor)) return nullptr;
  return wrap(as_tensor(tensor)->array);
}

// versions(a, b, …): the storage version of each tensor, 0 for anything else.
PyObject* versions(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyObject* out = PyTuple_New(count);
  for (Py_ssize_t i = 0; out && i < count; ++i) {
    const unsigned long v =
        is_tensor(args[i]) ? as_tensor(args[i])->array.storage()->version.load(std::memory_order_relaxed) : 0;
    PyTuple_SET_ITEM(out, i, PyLong_FromUnsignedLong(v));
  }
  return out;
}

// any_requires_grad(a, b, …): grad mode is on and one of the tensors among the arguments requires grad.
PyObject* any_requires_grad(PyObject*, PyObject* const* args, Py_ssize_t count) {
  bool any = false;
  for (Py_ssize_t i = 0; i < count && grad_mode; ++i) any |= is_tensor(args[i]) && as_tensor(args[i])->requires_grad;
  return PyBool_FromLong(any);
}

// edges(a, b, …): where the gradient of each argument goes (see _edge), None for anything but a tensor that requires
// grad.
PyObject* edges(PyObject*, PyObject* const* args, Py_ssize_t count) {
  PyObject* out = PyTuple_New(count);
  for (Py_ssize_t i = 0; out && i < count; ++i) {
    PyObject* edge = is_tensor(args[i]) ? edge_of(args[i]) : Py_NewRef(Py_None);
    if (!edge) {
      Py_DECREF(out);
      return nullptr;
    }
    PyTuple_SET_ITEM(out, i, edge);
  }
  return out;
}

// bump(tensor): its memory was changed in place.
PyObject* bump(PyObject*, PyObject* tensor) {
  if (!require_tensor("bump", tensor)) return nullptr;
  as_tensor(tensor)->array.storage()->version.fetch_add(1, std::memory_order_relaxed);
  Py_RETURN_NONE;
}

// set_data(tensor, source): the leaf `tensor` holds the elements of `source` from now on, whatever their dtype and
// device; the memory it held before lives on in other tensors that share it. The version moves on, so that a graph
// which saved the old elements is found to be stale.
PyObject* set_data(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "set_data: takes two tensors");
  if (!require_tensor("set_data", args[0]) || !require_tensor("set_data", args[1])) return nullptr;
  TensorObject* t = as_tensor(args[0]);
  if (t->node) return PyErr_Format(PyExc_RuntimeError, "set_data: the tensor must be a leaf, this one was computed");
  Array array = as_tensor(args[1])->array;
  const auto before = t->array.storage()->version.load(std::memory_order_relaxed);
  auto& version = array.storage()->version;
  if (version.load(std::memory_order_relaxed) <= before) version.store(before + 1, std::memory_order_relaxed);
  t->array = std::move(array);
  Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"is_grad_enabled", is_grad_enabled, METH_NOARGS, "is_grad_enabled() -> bool"},
    {"set_grad_enabled", set_grad_enabled, METH_O, "set_grad_enabled(bool) -> bool"},
    {"set_node", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(set_node)), METH_FASTCALL,
     "set_node(Tensor, object) -> None"},
    {"alias", alias, METH_O, "alias(Tensor) -> Tensor"},
    {"versions", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(versions)), METH_FASTCALL,
     "versions(*object) -> tuple[int, ...]"},
    {"any_requires_grad", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(any_requires_grad)), METH_FASTCALL,
     "any_requires_grad(*object) -> bool"},
    {"edges", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(edges)), METH_FASTCALL,
     "edges(*object) -> tuple[object, ...]"},
    {"bump", bump, METH_O, "bump(Tensor) -> None"},
    {"set_data", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(set_data)), METH_FASTCALL,
     "set_data(Tensor, Tensor) -> None"},
    {}};

}  // namespace

int init_tape(PyObject* module) { return PyModule_AddFunctions(module, functions); }

}  // namespace tc::python
