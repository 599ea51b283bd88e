#include "bindings/op_object.h"

#include <structmember.h>

#include "bindings/bind.h"
#include "bindings/tensor_type.h"
#include "core/promote.h"

namespace tc::python {

void offer_slot_op(const char* name, PyObject* op);
PyObject* convert_operand(PyObject* object, PyObject* like);
PyObject* inplace_with_grad(PyObject* op, PyObject* self, PyObject* other);

namespace {

PyTypeObject* op_type = nullptr;

struct OpObject {
  PyObject_HEAD vectorcallfunc vectorcall;
  const OpInfo* info;
  PyObject* record;  // record(out, *operands, adapt) puts a call on the tape; null or None: not differentiable
  PyObject* dict;
};
OpObject* as_op(PyObject* object) { return reinterpret_cast<OpObject*>(object); }

// ---- operands ------------------------------------------------------------------------------------------------------

bool is_scalar(PyObject* o) { return PyFloat_Check(o) || PyLong_Check(o); }  // bool is an int

// A Python scalar as a 0-d array whose dtype follows the array it meets: weak promotion of the array API standard.
Array scalar_array(const char* op, PyObject* value, DType other) {
  DType dtype;
  if (PyBool_Check(value))
    dtype = other;
  else if (PyLong_Check(value))
    dtype = is_bool(other) ? kDefaultInt : other;
  else
    dtype = float_of(other);
  Array out = Array::empty({}, dtype);
  if (PyFloat_Check(value)) {
    const double v = PyFloat_AS_DOUBLE(value);
    dispatch(Floats{}, dtype, [&]<class T>() { *out.data<T>() = convert<T>(v); });
    return out;
  }
  int overflow;
  const long long v = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (is_float(dtype)) {
    const double f = overflow ? PyLong_AsDouble(value) : static_cast<double>(v);
    if (f == -1.0 && PyErr_Occurred()) throw PythonError{};
    dispatch(Floats{}, dtype, [&]<class T>() { *out.data<T>() = convert<T>(f); });
    return out;
  }
  bool fits = !overflow;
  dispatch(Concat<Bool, Ints>::type{}, dtype, [&]<class T>() {
    if constexpr (!std::is_same_v<T, bool>)
      fits = fits && v >= std::numeric_limits<T>::min() && v <= std::numeric_limits<T>::max();
    if (fits) *out.data<T>() = static_cast<T>(v);
  });
  check(fits, ErrorKind::overflow, op, ": the Python int does not fit in ", name_of(dtype));
  return out;
}

struct Operands {
  PyObject* objects[kMaxOperands];  // what `record` gets: tensors or Python scalars
  const Array* arrays[kMaxOperands];
  Array scalars[kMaxOperands];
  PyObject* converted[kMaxOperands] = {};  // owned tensors made from foreign arrays
  ~Operands() {
    for (PyObject* o : converted) Py_XDECREF(o);
  }
};

// Fills `operands`; false when one is of a type no op takes (the caller decides whether that is an error).
bool gather(const OpInfo& info, PyObject* const* args, Operands& operands) {
  PyObject* like = nullptr;
  for (int i = 0; i < info.operands; ++i)
    if (is_tensor(args[i])) like = args[i];
  if (!like) return false;
  for (int i = 0; i < info.operands; ++i) {
    operands.objects[i] = args[i];
    if (is_tensor(args[i])) {
      operands.arrays[i] = &as_tensor(args[i])->array;
    } else if (is_scalar(args[i])) {
      const Array& other = as_tensor(like)->array;
      operands.scalars[i] = scalar_array(info.name, args[i], other.dtype());
      operands.arrays[i] = &operands.scalars[i];
    } else {
      PyObject* tensor = convert_operand(args[i], like);
      if (!tensor) throw PythonError{};
      operands.converted[i] = tensor;
      if (!is_tensor(tensor)) return false;
      operands.objects[i] = tensor;
      operands.arrays[i] = &as_tensor(tensor)->array;
    }
  }
  return true;
}

bool any_requires_grad(const OpInfo& info, const Operands& operands) {
  for (int i = 0; i < info.operands; ++i)
    if (is_tensor(operands.objects[i]) && as_tensor(operands.objects[i])->requires_grad) return true;
  return false;
}

// Python floats after the operands.
Params parse_params(const OpInfo& info, PyObject* const* args) {
  Params params;
  for (int i = 0; i < info.params; ++i)
    params.values[i] = Converter<double>::from(args[info.operands + i], Site{info.name, info.operands + i});
  return params;
}

PyObject* run(OpObject* op, Operands& operands, const Params& params) {
  const OpInfo& info = *op->info;
  std::int64_t work = 0;
  for (int i = 0; i < info.operands; ++i) work = std::max(work, operands.arrays[i]->size());
  PyObject* out;
  if (work > kGilElements) {
    Array y;
    {
      const GilRelease release(true);
      y = info.call(operands.arrays, params, nullptr);
    }
    out = wrap(std::move(y));
  } else {
    out = wrap(info.call(operands.arrays, params, nullptr));
  }
  if (!out || !grad_enabled() || !op->record || !any_requires_grad(info, operands)) return out;
  // `adapt` tells the tape that some gradient must be summed or cast to fit its input.
  const Array& y = as_tensor(out)->array;
  if (!is_float(y.dtype())) return out;
  bool adapt = false;
  PyObject* args[kMaxOperands + 6];
  int count = 0;
  args[count++] = out;
  for (int i = 0; i < info.operands; ++i) {
    args[count++] = operands.objects[i];
    if (is_tensor(operands.objects[i]))
      adapt |= operands.arrays[i]->shape() != y.shape() || operands.arrays[i]->dtype() != y.dtype();
  }
  for (int i = 0; i < info.params; ++i) args[count++] = PyFloat_FromDouble(params.values[i]);
  args[count++] = adapt ? Py_True : Py_False;
  PyObject* done = PyObject_Vectorcall(op->record, args, static_cast<size_t>(count), nullptr);
  for (int i = 0; i < info.params; ++i) Py_XDECREF(args[1 + info.operands + i]);
  if (!done) Py_CLEAR(out);
  Py_XDECREF(done);
  return out;
}

[[noreturn]] void wrong_operand(const OpInfo& info, PyObject* const* args) {
  std::string got;
  for (int i = 0; i < info.operands; ++i) got += (i ? ", " : "") + std::string(Py_TYPE(args[i])->tp_name);
  fail(ErrorKind::type, info.name,
       info.operands == 1 ? ": the argument must be a Tensor, got "
                          : ": arguments must be Tensors or Python scalars, at least one a Tensor, got ",
       got);
}

PyObject* op_vectorcall(PyObject* self, PyObject* const* args, size_t flags, PyObject* keywords) {
  OpObject* op = as_op(self);
  const OpInfo& info = *op->info;
  try {
    const auto count = PyVectorcall_NARGS(flags);
    check_type(!keywords || PyTuple_GET_SIZE(keywords) == 0, info.name, ": takes positional arguments only");
    check_type(count == info.operands + info.params, info.name, ": takes ", info.operands + info.params,
               " arguments, got ", count);
    Operands operands;
    if (!gather(info, args, operands)) wrong_operand(info, args);
    return run(op, operands, parse_params(info, args));
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

// ---- the type ------------------------------------------------------------------------------------------------------

PyObject* op_repr(PyObject* self) { return PyUnicode_FromFormat("<tensorcore op %s>", as_op(self)->info->name); }
PyObject* op_name(PyObject* self, void*) { return PyUnicode_FromString(as_op(self)->info->name); }
PyObject* op_operands(PyObject* self, void*) { return PyLong_FromLong(as_op(self)->info->operands); }
PyObject* op_reduce(PyObject* self, PyObject*) { return PyUnicode_FromString(as_op(self)->info->name); }

PyMemberDef op_members[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(OpObject, vectorcall), READONLY, nullptr},
                            {"__dictoffset__", T_PYSSIZET, offsetof(OpObject, dict), READONLY, nullptr},
                            {"record", T_OBJECT, offsetof(OpObject, record), 0, nullptr},
                            {}};
PyGetSetDef op_attributes[] = {{"__name__", op_name, nullptr, nullptr, nullptr},
                               {"__qualname__", op_name, nullptr, nullptr, nullptr},
                               {"operands", op_operands, nullptr, nullptr, nullptr},
                               {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                               {}};
PyMethodDef op_methods[] = {{"__reduce__", op_reduce, METH_NOARGS, nullptr}, {}};
PyType_Slot op_slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                          {Py_tp_repr, reinterpret_cast<void*>(op_repr)},
                          {Py_tp_members, op_members},
                          {Py_tp_getset, op_attributes},
                          {Py_tp_methods, op_methods},
                          {0, nullptr}};
PyType_Spec op_spec = {"tensorcore._core.Op", sizeof(OpObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
                       op_slots};

}  // namespace

PyObject* new_op(const OpInfo* info) {
  auto* op = as_op(op_type->tp_alloc(op_type, 0));
  if (!op) return nullptr;
  op->vectorcall = op_vectorcall;
  op->info = info;
  offer_slot_op(info->name, reinterpret_cast<PyObject*>(op));
  return reinterpret_cast<PyObject*>(op);
}

PyObject* call_binary_slot(PyObject* self, PyObject* a, PyObject* b) {
  OpObject* op = as_op(self);
  PyObject* args[] = {a, b};
  try {
    Operands operands;
    if (!gather(*op->info, args, operands)) Py_RETURN_NOTIMPLEMENTED;
    return run(op, operands, {});
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

PyObject* call_inplace_slot(PyObject* self, PyObject* tensor, PyObject* other) {
  OpObject* op = as_op(self);
  PyObject* args[] = {tensor, other};
  try {
    Operands operands;
    if (!gather(*op->info, args, operands)) Py_RETURN_NOTIMPLEMENTED;
    if (grad_enabled() && any_requires_grad(*op->info, operands))
      return inplace_with_grad(self, tensor, operands.objects[1]);
    Array target = *operands.arrays[0];
    {
      const GilRelease release(target.size() > kGilElements);
      op->info->call(operands.arrays, {}, &target);
    }
    target.storage()->version.fetch_add(1, std::memory_order_relaxed);
    return Py_NewRef(tensor);
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

int init_op_type(PyObject* module) {
  op_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&op_spec));
  if (!op_type) return -1;
  return PyModule_AddObjectRef(module, "Op", reinterpret_cast<PyObject*>(op_type));
}

}  // namespace tc::python
