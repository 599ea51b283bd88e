#include "bindings/tensor_type.h"

#include <structmember.h>

#include <new>
#include <stdexcept>

#include "bindings/bind.h"
#include "bindings/exchange.h"
#include "bindings/index.h"
#include "bindings/op_object.h"
#include "core/check.h"
#include "ops/copy.h"

namespace tc::python {

PyTypeObject* tensor_base = nullptr;
PyTypeObject* tensor_type = nullptr;

namespace {

// Python functions the C slots call, set once by the package: getitem, setitem, matmul, rmatmul, convert, inplace.
PyObject* hook_table = nullptr;  // dict

PyObject* hook(const char* name) { return PyDict_GetItemString(hook_table, name); }  // borrowed

// ---- life ----------------------------------------------------------------------------------------------------------

PyObject* tensor_new(PyTypeObject*, PyObject*, PyObject*) {
  PyErr_SetString(PyExc_TypeError, "Tensor: make tensors with tc.tensor, tc.asarray, tc.zeros and their kin");
  return nullptr;
}

int tensor_traverse(PyObject* self, visitproc visit, void* arg) {
  TensorObject* t = as_tensor(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(t->grad);
  Py_VISIT(t->node);
  Py_VISIT(t->hooks);
  return 0;
}

int tensor_clear(PyObject* self) {
  TensorObject* t = as_tensor(self);
  Py_CLEAR(t->grad);
  Py_CLEAR(t->node);
  Py_CLEAR(t->hooks);
  return 0;
}

void tensor_dealloc(PyObject* self) {
  TensorObject* t = as_tensor(self);
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (t->weakrefs) PyObject_ClearWeakRefs(self);
  tensor_clear(self);
  t->array.~Array();
  type->tp_free(self);
  Py_DECREF(type);
}

// ---- attributes ----------------------------------------------------------------------------------------------------

PyObject* get_shape(PyObject* self, void*) { return Converter<Dims>::to(as_tensor(self)->array.shape()); }
PyObject* get_strides(PyObject* self, void*) { return Converter<Dims>::to(as_tensor(self)->array.strides()); }
PyObject* get_dtype(PyObject* self, void*) { return Py_NewRef(dtype_object(as_tensor(self)->array.dtype())); }
PyObject* get_device(PyObject* self, void*) { return device_object(as_tensor(self)->array.device()); }
PyObject* get_ndim(PyObject* self, void*) { return PyLong_FromLong(as_tensor(self)->array.ndim()); }
PyObject* get_size(PyObject* self, void*) { return PyLong_FromLongLong(as_tensor(self)->array.size()); }
PyObject* get_itemsize(PyObject* self, void*) { return PyLong_FromSize_t(itemsize(as_tensor(self)->array.dtype())); }
PyObject* get_nbytes(PyObject* self, void*) { return PyLong_FromSize_t(as_tensor(self)->array.nbytes()); }
PyObject* get_requires_grad(PyObject* self, void*) { return PyBool_FromLong(as_tensor(self)->requires_grad); }
PyObject* get_is_leaf(PyObject* self, void*) { return PyBool_FromLong(as_tensor(self)->node == nullptr); }
PyObject* get_version(PyObject* self, void*) {
  return PyLong_FromUnsignedLong(as_tensor(self)->array.storage()->version.load(std::memory_order_relaxed));
}
PyObject* get_address(PyObject* self, void*) { return PyLong_FromVoidPtr(as_tensor(self)->array.raw()); }
PyObject* get_owners(PyObject* self, void*) {
  return PyLong_FromLong(as_tensor(self)->array.storage()->references.load(std::memory_order_relaxed));
}
PyObject* object_or_none(PyObject* object) { return Py_NewRef(object ? object : Py_None); }
PyObject* get_grad(PyObject* self, void*) { return object_or_none(as_tensor(self)->grad); }
PyObject* get_node(PyObject* self, void*) { return object_or_none(as_tensor(self)->node); }
PyObject* get_hooks(PyObject* self, void*) { return object_or_none(as_tensor(self)->hooks); }

int set_grad(PyObject* self, PyObject* value, void*) {
  TensorObject* t = as_tensor(self);
  if (!value || value == Py_None) {
    Py_CLEAR(t->grad);
    return 0;
  }
  if (!is_tensor(value)) {
    PyErr_Format(PyExc_TypeError, "grad: must be a Tensor or None, got %s", Py_TYPE(value)->tp_name);
    return -1;
  }
  const Array& g = as_tensor(value)->array;
  if (g.shape() != t->array.shape() || g.dtype() != t->array.dtype() || g.device() != t->array.device()) {
    try {
      fail(ErrorKind::value, "grad: must have the tensor's shape ", t->array.shape(), ", dtype ",
           name_of(t->array.dtype()), " and device, got ", g.shape(), " and ", name_of(g.dtype()));
    } catch (...) {
      set_error_from_exception();
    }
    return -1;
  }
  Py_XSETREF(t->grad, Py_NewRef(value));
  return 0;
}

int set_requires_grad(PyObject* self, PyObject* value, void*) {
  TensorObject* t = as_tensor(self);
  if (value != Py_True && value != Py_False) {
    PyErr_SetString(PyExc_TypeError, "requires_grad: must be a bool");
    return -1;
  }
  if (value == Py_True && !is_float(t->array.dtype())) {
    PyErr_Format(PyExc_TypeError, "requires_grad: only floating-point tensors can require grad, got dtype %s",
                 name_of(t->array.dtype()));
    return -1;
  }
  if (t->node && value == Py_False) {
    PyErr_SetString(PyExc_RuntimeError, "requires_grad: a computed tensor cannot stop requiring grad, use detach()");
    return -1;
  }
  t->requires_grad = value == Py_True;
  return 0;
}

int set_hooks(PyObject* self, PyObject* value, void*) {
  Py_XSETREF(as_tensor(self)->hooks, value == Py_None ? nullptr : Py_XNewRef(value));
  return 0;
}

PyGetSetDef attributes[] = {
    {"shape", get_shape, nullptr, "Extents along each axis, a tuple of int.", nullptr},
    {"strides", get_strides, nullptr, "Elements to step in memory along each axis, a tuple of int.", nullptr},
    {"dtype", get_dtype, nullptr, "Element type.", nullptr},
    {"device", get_device, nullptr, "Device that holds the elements.", nullptr},
    {"ndim", get_ndim, nullptr, "Number of axes.", nullptr},
    {"size", get_size, nullptr, "Number of elements.", nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes per element.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
    {"requires_grad", get_requires_grad, set_requires_grad, "Whether operations on this tensor are recorded.", nullptr},
    {"is_leaf", get_is_leaf, nullptr, "Whether this tensor was made by the user rather than by a recorded operation.",
     nullptr},
    {"grad", get_grad, set_grad, "Gradient accumulated by backward(), a Tensor of the same shape, or None.", nullptr},
    {"_node", get_node, nullptr, nullptr, nullptr},
    {"_edge", [](PyObject* self, void*) { return edge_of(self); }, nullptr, nullptr, nullptr},
    {"_hooks", get_hooks, set_hooks, nullptr, nullptr},
    {"_version", get_version, nullptr, nullptr, nullptr},
    {"_address", get_address, nullptr, nullptr, nullptr},
    {"_owners", get_owners, nullptr, nullptr, nullptr},
    {}};

PyMemberDef members[] = {{"__weaklistoffset__", T_PYSSIZET, offsetof(TensorObject, weakrefs), READONLY, nullptr}, {}};

// ---- operators -----------------------------------------------------------------------------------------------------

enum Slot {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kRemainder,
  kPow,
  kAnd,
  kOr,
  kXor,
  kLeft,
  kRight,
  kNegative,
  kPositive,
  kAbs,
  kInvert,
  kLess,
  kLessEqual,
  kEqual,
  kNotEqual,
  kGreater,
  kGreaterEqual,
  kSlots
};
constexpr const char* slot_names[kSlots] = {"add",
                                            "subtract",
                                            "multiply",
                                            "divide",
                                            "floor_divide",
                                            "remainder",
                                            "pow",
                                            "bitwise_and",
                                            "bitwise_or",
                                            "bitwise_xor",
                                            "bitwise_left_shift",
                                            "bitwise_right_shift",
                                            "negative",
                                            "positive",
                                            "abs",
                                            "bitwise_invert",
                                            "less",
                                            "less_equal",
                                            "equal",
                                            "not_equal",
                                            "greater",
                                            "greater_equal"};
PyObject* slot_ops[kSlots];

PyObject* op_for(Slot slot) {
  if (!slot_ops[slot]) PyErr_Format(PyExc_TypeError, "%s: this operator has no kernel", slot_names[slot]);
  return slot_ops[slot];
}

template <Slot slot>
PyObject* binary_slot(PyObject* a, PyObject* b) {
  PyObject* op = op_for(slot);
  return op ? call_binary_slot(op, a, b) : nullptr;
}
template <Slot slot>
PyObject* inplace_slot(PyObject* self, PyObject* other) {
  PyObject* op = op_for(slot);
  PyObject* result = op ? call_inplace_slot(op, self, other) : nullptr;
  if (slot != kAdd || result != Py_NotImplemented) return result;
  // CPython makes __iadd__ a subclass's sq_inplace_concat too, and returns what that gives, NotImplemented included.
  Py_DECREF(result);
  return PyNumber_Add(self, other);
}
template <Slot slot>
PyObject* unary_slot(PyObject* x) {
  PyObject* op = op_for(slot);
  return op ? PyObject_CallOneArg(op, x) : nullptr;
}
PyObject* power_slot(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return binary_slot<kPow>(a, b);
}
PyObject* inplace_power_slot(PyObject* a, PyObject* b, PyObject*) { return inplace_slot<kPow>(a, b); }

PyObject* compare_slot(PyObject* a, PyObject* b, int how) {
  constexpr Slot slots[] = {kLess, kLessEqual, kEqual, kNotEqual, kGreater, kGreaterEqual};  // in the order of Py_LT …
  PyObject* op = op_for(slots[how]);
  return op ? call_binary_slot(op, a, b) : nullptr;
}

PyObject* call_hook(const char* name, PyObject* a, PyObject* b) {
  PyObject* function = hook(name);
  if (!function) return PyErr_Format(PyExc_RuntimeError, "tensorcore: hook '%s' is not set", name);
  PyObject* args[] = {a, b};
  return PyObject_Vectorcall(function, args, 2, nullptr);
}
PyObject* matmul_slot(PyObject* a, PyObject* b) { return call_hook("matmul", a, b); }
PyObject* inplace_matmul_slot(PyObject* a, PyObject* b) { return call_hook("imatmul", a, b); }
int assign_subscript(PyObject* self, PyObject* key, PyObject* value) {
  if (value) return setitem(self, key, value);
  PyErr_SetString(PyExc_TypeError, "Tensor: elements cannot be deleted");
  return -1;
}

Py_ssize_t length(PyObject* self) {
  const Array& a = as_tensor(self)->array;
  if (a.ndim() == 0) {
    PyErr_SetString(PyExc_TypeError, "len: a 0-d tensor has no length");
    return -1;
  }
  return static_cast<Py_ssize_t>(a.shape(0));
}

// The only element, as a Python scalar; null with an error naming `what` when there is not exactly one.
PyObject* only_element(PyObject* self, const char* what) {
  Array a = as_tensor(self)->array;
  if (a.size() != 1) {
    PyErr_Format(PyExc_TypeError, "%s: only tensors of one element convert to a scalar, got %lld elements", what,
                 static_cast<long long>(a.size()));
    return nullptr;
  }
  if (a.device().type != DeviceType::cpu) {
    try {
      a = ops::on_host(a);
    } catch (...) {
      set_error_from_exception();
      return nullptr;
    }
  }
  PyObject* out = nullptr;
  dispatch(All{}, a.dtype(), [&]<class T>() {
    const T v = *a.data<T>();
    if constexpr (std::is_same_v<T, bool>)
      out = PyBool_FromLong(v);
    else if constexpr (std::is_integral_v<T>)
      out = PyLong_FromLongLong(v);
    else
      out = PyFloat_FromDouble(static_cast<double>(convert<Acc<T>>(v)));
  });
  return out;
}
PyObject* tensor_item(PyObject* self, PyObject*) { return only_element(self, "item"); }
PyObject* tensor_float(PyObject* self) {
  PyObject* v = only_element(self, "float");
  PyObject* out = v ? PyNumber_Float(v) : nullptr;
  Py_XDECREF(v);
  return out;
}
PyObject* tensor_int(PyObject* self) {
  PyObject* v = only_element(self, "int");
  PyObject* out = v ? PyNumber_Long(v) : nullptr;
  Py_XDECREF(v);
  return out;
}
PyObject* tensor_index(PyObject* self) {
  if (as_tensor(self)->array.ndim() != 0 || !is_int(as_tensor(self)->array.dtype())) {
    PyErr_SetString(PyExc_TypeError, "index: only 0-d integer tensors can be used as an index");
    return nullptr;
  }
  return only_element(self, "index");
}
int tensor_bool(PyObject* self) {
  const Array& a = as_tensor(self)->array;
  if (a.size() != 1) {
    PyErr_Format(PyExc_ValueError, "bool: the truth of a tensor of %lld elements is ambiguous, use tc.any or tc.all",
                 static_cast<long long>(a.size()));
    return -1;
  }
  PyObject* v = only_element(self, "bool");
  if (!v) return -1;
  const int truth = PyObject_IsTrue(v);
  Py_DECREF(v);
  return truth;
}

PyMethodDef methods[] = {
    {"item", tensor_item, METH_NOARGS, "The only element, as a Python scalar; TypeError if there is not exactly one."},
    {}};

PyType_Slot type_slots[] = {{Py_tp_new, reinterpret_cast<void*>(tensor_new)},
                            {Py_tp_dealloc, reinterpret_cast<void*>(tensor_dealloc)},
                            {Py_tp_traverse, reinterpret_cast<void*>(tensor_traverse)},
                            {Py_tp_clear, reinterpret_cast<void*>(tensor_clear)},
                            {Py_tp_getset, attributes},
                            {Py_tp_members, members},
                            {Py_tp_methods, methods},
                            {Py_tp_richcompare, reinterpret_cast<void*>(compare_slot)},
                            {Py_tp_hash, reinterpret_cast<void*>(_Py_HashPointer)},
                            {Py_nb_add, reinterpret_cast<void*>(binary_slot<kAdd>)},
                            {Py_nb_subtract, reinterpret_cast<void*>(binary_slot<kSubtract>)},
                            {Py_nb_multiply, reinterpret_cast<void*>(binary_slot<kMultiply>)},
                            {Py_nb_true_divide, reinterpret_cast<void*>(binary_slot<kDivide>)},
                            {Py_nb_floor_divide, reinterpret_cast<void*>(binary_slot<kFloorDivide>)},
                            {Py_nb_remainder, reinterpret_cast<void*>(binary_slot<kRemainder>)},
                            {Py_nb_power, reinterpret_cast<void*>(power_slot)},
                            {Py_nb_and, reinterpret_cast<void*>(binary_slot<kAnd>)},
                            {Py_nb_or, reinterpret_cast<void*>(binary_slot<kOr>)},
                            {Py_nb_xor, reinterpret_cast<void*>(binary_slot<kXor>)},
                            {Py_nb_lshift, reinterpret_cast<void*>(binary_slot<kLeft>)},
                            {Py_nb_rshift, reinterpret_cast<void*>(binary_slot<kRight>)},
                            {Py_nb_negative, reinterpret_cast<void*>(unary_slot<kNegative>)},
                            {Py_nb_positive, reinterpret_cast<void*>(unary_slot<kPositive>)},
                            {Py_nb_absolute, reinterpret_cast<void*>(unary_slot<kAbs>)},
                            {Py_nb_invert, reinterpret_cast<void*>(unary_slot<kInvert>)},
                            {Py_nb_inplace_add, reinterpret_cast<void*>(inplace_slot<kAdd>)},
                            {Py_nb_inplace_subtract, reinterpret_cast<void*>(inplace_slot<kSubtract>)},
                            {Py_nb_inplace_multiply, reinterpret_cast<void*>(inplace_slot<kMultiply>)},
                            {Py_nb_inplace_true_divide, reinterpret_cast<void*>(inplace_slot<kDivide>)},
                            {Py_nb_inplace_floor_divide, reinterpret_cast<void*>(inplace_slot<kFloorDivide>)},
                            {Py_nb_inplace_remainder, reinterpret_cast<void*>(inplace_slot<kRemainder>)},
                            {Py_nb_inplace_power, reinterpret_cast<void*>(inplace_power_slot)},
                            {Py_nb_inplace_and, reinterpret_cast<void*>(inplace_slot<kAnd>)},
                            {Py_nb_inplace_or, reinterpret_cast<void*>(inplace_slot<kOr>)},
                            {Py_nb_inplace_xor, reinterpret_cast<void*>(inplace_slot<kXor>)},
                            {Py_nb_inplace_lshift, reinterpret_cast<void*>(inplace_slot<kLeft>)},
                            {Py_nb_inplace_rshift, reinterpret_cast<void*>(inplace_slot<kRight>)},
                            {Py_nb_matrix_multiply, reinterpret_cast<void*>(matmul_slot)},
                            {Py_nb_inplace_matrix_multiply, reinterpret_cast<void*>(inplace_matmul_slot)},
                            {Py_nb_bool, reinterpret_cast<void*>(tensor_bool)},
                            {Py_nb_int, reinterpret_cast<void*>(tensor_int)},
                            {Py_nb_float, reinterpret_cast<void*>(tensor_float)},
                            {Py_nb_index, reinterpret_cast<void*>(tensor_index)},
                            {Py_mp_subscript, reinterpret_cast<void*>(getitem)},
                            {Py_mp_ass_subscript, reinterpret_cast<void*>(assign_subscript)},
                            {Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)},
                            {Py_bf_releasebuffer, reinterpret_cast<void*>(release_buffer)},
                            {Py_mp_length, reinterpret_cast<void*>(length)},
                            {0, nullptr}};

PyType_Spec spec = {"tensorcore._core.TensorBase", sizeof(TensorObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, type_slots};

// ---- module functions ----------------------------------------------------------------------------------------------

// set_hook(name, function): what the operator slots call for everything that is not elementwise.
PyObject* set_hook(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "set_hook: takes a name and a function");
  if (PyDict_SetItem(hook_table, args[0], args[1]) < 0) return nullptr;
  Py_RETURN_NONE;
}

PyObject* set_tensor_type(PyObject*, PyObject* type) {
  if (!PyType_Check(type) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type), tensor_base) ||
      reinterpret_cast<PyTypeObject*>(type)->tp_basicsize != tensor_base->tp_basicsize)
    return PyErr_Format(PyExc_TypeError, "set_tensor_type: needs a subclass of TensorBase with empty __slots__");
  tensor_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(type));
  Py_RETURN_NONE;
}

PyMethodDef functions[] = {{"set_hook", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(set_hook)),
                            METH_FASTCALL, "set_hook(str, object) -> None"},
                           {"set_tensor_type", set_tensor_type, METH_O, "set_tensor_type(type) -> None"},
                           {}};

}  // namespace

PyObject* wrap(Array array) {
  PyObject* self = tensor_type->tp_alloc(tensor_type, 0);
  if (self) new (&as_tensor(self)->array) Array(std::move(array));
  return self;
}

void set_error_from_exception() noexcept {
  try {
    throw;
  } catch (const PythonError&) {
  } catch (const Error& e) {
    PyObject* kinds[] = {PyExc_ValueError,  PyExc_TypeError,   PyExc_IndexError,          PyExc_RuntimeError,
                         PyExc_MemoryError, PyExc_BufferError, PyExc_NotImplementedError, PyExc_OverflowError};
    PyErr_SetString(kinds[static_cast<int>(e.kind)], e.what());
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  } catch (...) {
    PyErr_SetString(PyExc_RuntimeError, "tensorcore: unknown C++ exception");
  }
}

int init_tensor_type(PyObject* module) {
  hook_table = PyDict_New();
  tensor_base = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!hook_table || !tensor_base) return -1;
  tensor_type = tensor_base;
  if (PyModule_AddObjectRef(module, "TensorBase", reinterpret_cast<PyObject*>(tensor_base)) < 0) return -1;
  return PyModule_AddFunctions(module, functions);
}

// Called when an op object is made: the operator slots find theirs by name.
void offer_slot_op(const char* name, PyObject* op) {
  for (int i = 0; i < kSlots; ++i)
    if (std::string_view(slot_names[i]) == name) slot_ops[i] = Py_NewRef(op);
}

PyObject* call_python(const char* name, std::initializer_list<PyObject*> args) {
  PyObject* function = hook(name);
  if (!function) return PyErr_Format(PyExc_RuntimeError, "tensorcore: hook '%s' is not set", name);
  return PyObject_Vectorcall(function, args.begin(), args.size(), nullptr);
}
PyObject* convert_operand(PyObject* object, PyObject* like) { return call_hook("convert", object, like); }
PyObject* inplace_with_grad(PyObject* op, PyObject* self, PyObject* other) {
  PyObject* function = hook("inplace");
  PyObject* args[] = {op, self, other};
  return PyObject_Vectorcall(function, args, 3, nullptr);
}

}  // namespace tc::python
