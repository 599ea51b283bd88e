#include "ops/creation.h"

#include "bindings/bind.h"
#include "bindings/nested.h"
#include "core/promote.h"
#include "ops/copy.h"

namespace tc::python {
namespace {

Array scalar_array(PyObject* scalar, DType dtype, const char* op) {
  Array out = Array::empty({}, dtype);
  store_scalar(scalar, dtype, out.raw(), op);
  return out;
}

void check_count(const char* function, Py_ssize_t got, Py_ssize_t wanted) {
  check_type(got == wanted, function, ": takes ", wanted, " arguments, got ", got);
}

// full(shape, scalar or 0-d tensor, dtype or None, device or None, name of the op for messages)
PyObject* full(PyObject*, PyObject* const* args, Py_ssize_t count) {
  try {
    check_count("full", count, 5);
    const char* const op = PyUnicode_AsUTF8(args[4]);
    if (!op) return nullptr;
    const Dims shape = Converter<Dims>::from(args[0], {op, 0});
    auto dtype = Converter<std::optional<DType>>::from(args[2], {op, 2});
    const Device device = Converter<std::optional<Device>>::from(args[3], {op, 3}).value_or(Device{});
    Array value;
    if (is_python_scalar(args[1])) {
      if (!dtype) dtype = dtype_of_scalar(args[1]);
      value = scalar_array(args[1], *dtype, op);
    } else {
      value = is_tensor(args[1]) ? as_tensor(args[1])->array : array_from_object(args[1], {}, {}, op);
      check_value(value.ndim() == 0, op, ": fill_value must be a scalar or 0-d, got shape ", value.shape());
      if (!dtype) dtype = value.dtype();
    }
    Array out = [&] {
      const GilRelease release(checked_size(shape, *dtype, op) > kGilElements);
      return ops::full(shape, value, *dtype, device);
    }();
    return wrap(std::move(out));
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

// asarray(object, dtype or None, copy or None): not for tensors, which Python handles for the sake of autograd.
PyObject* asarray(PyObject*, PyObject* const* args, Py_ssize_t count) {
  try {
    check_count("asarray", count, 3);
    return wrap(array_from_object(args[0], Converter<std::optional<DType>>::from(args[1], {"asarray", 1}),
                                  Converter<std::optional<bool>>::from(args[2], {"asarray", 2}), "asarray"));
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

PyObject* tolist(PyObject*, PyObject* tensor) {
  try {
    const Array& a = Converter<Array>::from(tensor, {"tolist", 0});
    return nested_list(ops::on_host(a));
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

// The memory of a contiguous array as uint8, for pickling; and back, into new memory.
Array as_bytes(const Array& x) {
  const Array flat = ops::on_host(x).contiguous();
  return Array(flat.storage(), flat.raw(), DType::uint8, Dims{static_cast<std::int64_t>(flat.nbytes())}, Dims{1});
}
PyObject* from_bytes(PyObject*, PyObject* const* args, Py_ssize_t count) {
  try {
    check_count("from_bytes", count, 3);
    const DType dtype = Converter<DType>::from(args[1], {"from_bytes", 1});
    const Dims shape = Converter<Dims>::from(args[2], {"from_bytes", 2});
    checked_size(shape, dtype, "from_bytes");
    Py_buffer view;
    if (PyObject_GetBuffer(args[0], &view, PyBUF_SIMPLE) < 0) return nullptr;
    struct Release {
      Py_buffer* view;
      ~Release() { PyBuffer_Release(view); }
    } const release{&view};
    Array out = Array::empty(shape, dtype);
    check_value(static_cast<std::size_t>(view.len) == out.nbytes(), "from_bytes: shape ", shape, " of ", name_of(dtype),
                " needs ", out.nbytes(), " bytes, got ", view.len);
    if (view.len) std::memcpy(out.raw(), view.buf, out.nbytes());
    return wrap(std::move(out));
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

PyCFunction fast(PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef functions[] = {
    {"full", fast(full), METH_FASTCALL,
     "full(int | Sequence[int], object, DType | None, Device | str | None, str) -> Tensor"},
    {"asarray", fast(asarray), METH_FASTCALL, "asarray(object, DType | None, bool | None) -> Tensor"},
    {"tolist", tolist, METH_O, "tolist(Tensor) -> object"},
    {"from_bytes", fast(from_bytes), METH_FASTCALL, "from_bytes(object, DType, int | Sequence[int]) -> Tensor"},
    {}};

const Binder binder{[](PyObject* module) {
  bind<"empty", &ops::empty>(module);
  bind<"arange_int", &ops::arange_int>(module);
  bind<"arange_float", &ops::arange_float>(module);
  bind<"linspace_int", &ops::linspace_int>(module);
  bind<"linspace_float", &ops::linspace_float>(module);
  bind<"eye", &ops::eye>(module);
  bind<"triangle", &ops::triangle>(module);
  bind<"promote", &promote>(module);
  bind<"as_bytes", &as_bytes>(module);
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError{};
}};

}  // namespace
}  // namespace tc::python
