#include "bindings/exchange.h"

#include <memory>

#include "bindings/bind.h"
#include "bindings/tensor_type.h"
#include "ops/copy.h"

namespace tc::python {
namespace {

// struct-module format characters; float16 is 'e', bfloat16 has none.
constexpr const char* kFormats[kDTypes] = {"?", "B", "b", "h", "i", "q", "e", nullptr, "f", "d"};

struct BufferExtents {  // what a Py_buffer's shape and strides point at
  Py_ssize_t shape[kMaxNdim], strides[kMaxNdim];
};

DType dtype_of_format(const char* format, Py_ssize_t item) {
  const char* f = format ? format : "B";
  if (*f == '@' || *f == '=' || *f == '<') ++f;
  check_type(f[0] != '\0' && f[1] == '\0', "asarray: buffer format '", format, "' is not supported");
  switch (*f) {
    case '?': return DType::boolean;
    case 'e': return DType::float16;
    case 'f': return DType::float32;
    case 'd': return DType::float64;
    case 'B': return DType::uint8;
    case 'b': case 'h': case 'i': case 'l': case 'q': case 'n':
      return item == 1 ? DType::int8 : item == 2 ? DType::int16 : item == 4 ? DType::int32 : DType::int64;
    default: fail(ErrorKind::type, "asarray: buffer format '", format, "' is not supported");
  }
}

void release_lent_buffer(Storage* storage) {
  const PyGILState_STATE state = PyGILState_Ensure();
  auto* view = static_cast<Py_buffer*>(storage->lender);
  PyBuffer_Release(view);
  delete view;
  PyGILState_Release(state);
}

// from_buffer(object): a tensor that shares the memory of an object with the buffer protocol.
PyObject* from_buffer(PyObject*, PyObject* object) {
  try {
    auto view = std::make_unique<Py_buffer>();
    if (PyObject_GetBuffer(object, view.get(), PyBUF_RECORDS_RO) < 0) return nullptr;
    Py_buffer* const lent = view.release();
    const auto item = lent->itemsize;
    StorageRef storage(borrow_storage(lent->buf, static_cast<std::size_t>(lent->len), Device{}, lent->readonly,
                                      &release_lent_buffer, lent));
    const DType dtype = dtype_of_format(lent->format, item);
    Dims shape, strides;
    for (int i = 0; i < lent->ndim; ++i) {
      shape.push_back(lent->shape[i]);
      check(lent->strides[i] % item == 0 || lent->shape[i] <= 1, ErrorKind::buffer,
            "asarray: strides that are no multiple of the item size are not supported");
      strides.push_back(lent->strides[i] / item);
    }
    return wrap(Array(std::move(storage), static_cast<std::byte*>(lent->buf), dtype, shape, strides));
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

PyMethodDef functions[] = {{"from_buffer", from_buffer, METH_O, "from_buffer(object) -> Tensor"}, {}};
const Binder binder{[](PyObject* module) {
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError{};
}};

}  // namespace

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  const TensorObject* t = as_tensor(self);
  const Array& a = t->array;
  view->obj = nullptr;
  const char* format = kFormats[static_cast<int>(a.dtype())];
  const auto refuse = [](const char* why) {
    PyErr_SetString(PyExc_BufferError, why);
    return -1;
  };
  if (a.device().type != DeviceType::cpu) return refuse("buffer: the tensor is not on the CPU, call .to('cpu') first");
  if (!format) return refuse("buffer: bfloat16 has no buffer format, convert with .astype(tc.float32) first");
  const bool read_only = a.storage()->read_only || t->requires_grad;
  if ((flags & PyBUF_WRITABLE) && read_only) return refuse("buffer: the tensor is read-only or requires grad");
  if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES && !a.is_contiguous())
    return refuse("buffer: the tensor is not contiguous");
  auto* extents = new (std::nothrow) BufferExtents;
  if (!extents) {
    PyErr_NoMemory();
    return -1;
  }
  const auto item = static_cast<Py_ssize_t>(itemsize(a.dtype()));
  for (int i = 0; i < a.ndim(); ++i) {
    extents->shape[i] = a.shape(i);
    extents->strides[i] = a.stride(i) * item;
  }
  view->buf = a.raw();
  view->len = static_cast<Py_ssize_t>(a.nbytes());
  view->readonly = read_only;
  view->itemsize = item;
  view->format = (flags & PyBUF_FORMAT) ? const_cast<char*>(format) : nullptr;
  view->ndim = a.ndim();
  view->shape = (flags & PyBUF_ND) ? extents->shape : nullptr;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? extents->strides : nullptr;
  view->suboffsets = nullptr;
  view->internal = extents;
  view->obj = Py_NewRef(self);
  return 0;
}

void release_buffer(PyObject*, Py_buffer* view) { delete static_cast<BufferExtents*>(view->internal); }

}  // namespace tc::python
