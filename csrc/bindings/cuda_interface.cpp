// The CUDA array interface, version 3: how libraries that know no DLPack (Numba) see a GPU's memory.
#include <string>

#include "bindings/bind.h"
#include "cuda/runtime/runtime.h"

namespace tc::python {
namespace {

// NumPy's names; bfloat16 has none.
constexpr const char* kNames[kDTypes] = {"|b1", "|u1", "|i1", "<i2", "<i4", "<i8", "<f2", nullptr, "<f4", "<f8"};

// cuda_interface(tensor): its dictionary. AttributeError where it has none, so that hasattr() is False.
PyObject* cuda_interface(PyObject*, PyObject* tensor) {
  try {
    const Array& a = Converter<Array>::from(tensor, {"__cuda_array_interface__", 0});
    const auto refuse = [](const char* why) {
      PyErr_Format(PyExc_AttributeError, "__cuda_array_interface__: %s", why);
      return nullptr;
    };
    if (a.device().type != DeviceType::cuda) return refuse("the tensor is not on a CUDA device");
    if (cuda::chosen_backend() != cuda::Backend::gpu)
      return refuse("the tensor is in the executor's memory, which no GPU library can read; use tensor.to('cpu')");
    if (as_tensor(tensor)->requires_grad) return refuse("the tensor requires grad, use tensor.detach()");
    const char* name = kNames[static_cast<int>(a.dtype())];
    if (!name) return refuse("NumPy has no name for bfloat16, convert with .astype(tc.float32) first");
    PyObject *shape = PyTuple_New(a.ndim()), *strides = PyTuple_New(a.ndim());
    for (int i = 0; shape && strides && i < a.ndim(); ++i) {
      PyTuple_SET_ITEM(shape, i, PyLong_FromLongLong(a.shape(i)));
      PyTuple_SET_ITEM(strides, i, PyLong_FromLongLong(a.stride(i) * static_cast<std::int64_t>(itemsize(a.dtype()))));
    }
    const auto stream = reinterpret_cast<std::intptr_t>(cuda::current_stream_handle());
    return Py_BuildValue("{s:i,s:N,s:s,s:(LO),s:N,s:L}", "version", 3, "shape", shape, "typestr", name, "data",
                         static_cast<long long>(reinterpret_cast<std::intptr_t>(a.size() ? a.raw() : nullptr)),
                         a.storage()->read_only ? Py_True : Py_False, "strides", strides, "stream",
                         static_cast<long long>(stream ? stream : 1));
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

// from_cuda_interface(owner, pointer, shape, byte strides, dtype, read_only): a tensor over the owner's memory.
PyObject* from_cuda_interface(PyObject*, PyObject* const* args, Py_ssize_t count) {
  try {
    constexpr const char* op = "asarray";
    check_type(count == 6, op, ": takes 6 arguments, got ", count);
    check(cuda::chosen_backend() == cuda::Backend::gpu, ErrorKind::runtime, op,
          ": memory of a GPU cannot be used here: ", cuda::why_unavailable());
    const auto pointer = Converter<std::int64_t>::from(args[1], {op, 1});
    const Dims shape = Converter<Dims>::from(args[2], {op, 2}), bytes = Converter<Dims>::from(args[3], {op, 3});
    const DType dtype = Converter<DType>::from(args[4], {op, 4});
    const bool read_only = Converter<bool>::from(args[5], {op, 5});
    const auto item = static_cast<std::int64_t>(itemsize(dtype));
    Dims strides;
    for (std::int64_t b : bytes) {
      check(b % item == 0, ErrorKind::buffer, op, ": strides must be multiples of the item's ", item, " bytes, got ",
            bytes);
      strides.push_back(b / item);
    }
    const Device device{DeviceType::cuda, static_cast<std::uint8_t>(cuda::current_device())};
    const std::int64_t size = checked_size(shape, dtype, op);
    auto* data = reinterpret_cast<std::byte*>(static_cast<std::intptr_t>(pointer));
    StorageRef storage(borrow_storage(
        data, static_cast<std::size_t>(size * item), device, read_only,
        [](Storage* s) {
          if (!Py_IsInitialized()) return;
          const PyGILState_STATE state = PyGILState_Ensure();
          Py_DECREF(static_cast<PyObject*>(s->lender));
          PyGILState_Release(state);
        },
        Py_NewRef(args[0])));
    return wrap(Array(std::move(storage), data, dtype, shape, strides));
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

PyMethodDef functions[] = {
    {"cuda_interface", cuda_interface, METH_O, "cuda_interface(Tensor) -> dict[str, object]"},
    {"from_cuda_interface", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(from_cuda_interface)),
     METH_FASTCALL, "from_cuda_interface(object, int, Sequence[int], Sequence[int], DType, bool) -> Tensor"},
    {}};
const Binder binder{[](PyObject* module) {
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError{};
}};

}  // namespace
}  // namespace tc::python
