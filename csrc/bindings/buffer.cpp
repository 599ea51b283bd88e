// The buffer protocol both ways, without NumPy: tensors lend their memory, and objects that lend theirs become tensors.
// Memory is shared when its items are aligned, evenly spaced and of a dtype we have; else it is copied item by item.
#include <algorithm>
#include <bit>
#include <memory>
#include <string>

#include "bindings/bind.h"
#include "bindings/exchange.h"
#include "bindings/tensor_type.h"
#include "ops/copy.h"

namespace tc::python {
namespace {

// struct-module format characters; float16 is 'e', bfloat16 has none.
constexpr const char* kFormats[kDTypes] = {"?", "B", "b", "h", "i", "q", "e", nullptr, "f", "d"};

struct BufferExtents {  // what a Py_buffer's shape and strides point at
  Py_ssize_t shape[kMaxNdim], strides[kMaxNdim];
  Array lent;  // keeps the memory: the tensor may be given other memory (set_data) while it is lent
};

struct ItemFormat {
  DType dtype;
  bool swapped;  // bytes in the other order than this machine's
};

ItemFormat parse_format(const char* op, const char* format, Py_ssize_t item) {
  const char* f = format ? format : "B";
  const auto unsupported = [&]() {
    fail(ErrorKind::type, op, ": buffer items of format '", format, "' have no tensorcore dtype, convert them first");
  };
  constexpr bool little = std::endian::native == std::endian::little;
  bool swapped = false;
  if (*f == '@' || *f == '=' || *f == '<' || *f == '>' || *f == '!') {
    swapped = little ? *f == '>' || *f == '!' : *f == '<';
    ++f;
  }
  if (f[0] == '\0' || f[1] != '\0') unsupported();
  DType dtype = DType::uint8;
  switch (*f) {
    case '?':
      dtype = DType::boolean;
      break;
    case 'e':
      dtype = DType::float16;
      break;
    case 'f':
      dtype = DType::float32;
      break;
    case 'd':
      dtype = DType::float64;
      break;
    case 'B':
    case 'c':
      dtype = DType::uint8;
      break;
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
    case 'n':
      dtype = item == 1 ? DType::int8 : item == 2 ? DType::int16 : item == 4 ? DType::int32 : DType::int64;
      break;
    default:
      unsupported();
  }
  if (static_cast<Py_ssize_t>(itemsize(dtype)) != item) unsupported();
  return {dtype, swapped && item > 1};
}

void release_lent_buffer(Storage* storage) {
  auto* view = static_cast<Py_buffer*>(storage->lender);
  if (Py_IsInitialized()) {
    const PyGILState_STATE state = PyGILState_Ensure();
    PyBuffer_Release(view);
    PyGILState_Release(state);
  }
  delete view;
}

// The items one by one, through strides, suboffsets and byte order.
Array copy_items(Py_buffer* view, DType dtype, bool swapped, const Dims& shape) {
  Array out = Array::empty(shape, dtype);
  const auto item = static_cast<std::size_t>(view->itemsize);
  Py_ssize_t index[kMaxNdim] = {};
  std::byte* to = out.raw();
  for (std::int64_t i = 0; i < out.size(); ++i, to += item) {
    const void* from = view->ndim ? PyBuffer_GetPointer(view, index) : view->buf;
    std::memcpy(to, from, item);
    if (swapped) std::reverse(to, to + item);
    for (int axis = view->ndim - 1; axis >= 0 && ++index[axis] == view->shape[axis]; --axis) index[axis] = 0;
  }
  return out;
}

PyObject* from_buffer(PyObject*, PyObject* object) {
  try {
    return wrap(array_from_buffer(object, std::nullopt, "asarray"));
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

Array array_from_buffer(PyObject* object, std::optional<bool> copy, const char* op) {
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(object, view.get(), PyBUF_FULL_RO) < 0) throw PythonError{};
  Py_buffer* const lent = view.release();
  // From here on the storage gives the buffer back, errors included.
  StorageRef storage(borrow_storage(lent->buf, static_cast<std::size_t>(lent->len), Device{}, lent->readonly,
                                    &release_lent_buffer, lent));
  const Py_ssize_t item = lent->itemsize;
  const auto [dtype, swapped] = parse_format(op, lent->format, item);
  check_value(lent->ndim <= kMaxNdim, op, ": at most ", kMaxNdim, " dimensions are supported, got ", lent->ndim);
  Dims shape, strides;
  bool shareable = !swapped && reinterpret_cast<std::uintptr_t>(lent->buf) % static_cast<std::uintptr_t>(item) == 0;
  for (int i = 0; i < lent->ndim; ++i) shape.push_back(lent->shape[i]);
  const std::int64_t size = checked_size(shape, dtype, op);
  const Dims row = row_major_strides(shape);
  for (int i = 0; i < lent->ndim; ++i) {
    const Py_ssize_t step = lent->strides ? lent->strides[i] : row[i] * item;
    shareable &= step % item == 0 || shape[i] <= 1;
    shareable &= !lent->suboffsets || lent->suboffsets[i] < 0;
    strides.push_back(shape[i] <= 1 ? row[i] : step / item);
  }
  check_value(shareable || size == 0 || copy.value_or(true), op,
              ": copy=False cannot be honoured, the items are misaligned, scattered or of another byte order");
  if (size == 0) return Array::empty(shape, dtype);
  if (!shareable) return copy_items(lent, dtype, swapped, shape);
  Array shared(std::move(storage), static_cast<std::byte*>(lent->buf), dtype, shape, strides);
  return copy.value_or(false) ? ops::copy(shared) : shared;
}

std::optional<Array> borrow_array(PyObject* object, std::optional<bool> copy, const char* op) {
  if (PyObject_CheckBuffer(object)) return array_from_buffer(object, copy, op);
  if (PyType_Check(object)) return std::nullopt;  // a class has these attributes too, but no array
  if (PyObject_HasAttrString(object, "__dlpack__")) return array_from_dlpack(object, std::nullopt, copy, op);
  PyObject* method = PyObject_GetAttrString(object, "__array__");
  if (!method) {
    PyErr_Clear();
    return std::nullopt;
  }
  PyObject* array = PyObject_CallNoArgs(method);
  Py_DECREF(method);
  if (!array) throw PythonError{};
  struct Drop {
    PyObject* object;
    ~Drop() { Py_DECREF(object); }
  } const drop{array};
  check_type(PyObject_CheckBuffer(array), op, ": __array__ of ", Py_TYPE(object)->tp_name, " gave ",
             Py_TYPE(array)->tp_name, ", which has no buffer");
  return array_from_buffer(array, copy, op);
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  const TensorObject* t = as_tensor(self);
  const Array& a = t->array;
  view->obj = nullptr;
  const char* format = kFormats[static_cast<int>(a.dtype())];
  const auto refuse = [](const char* why) {
    PyErr_SetString(PyExc_BufferError, why);
    return -1;
  };
  if (t->requires_grad) return refuse("buffer: the tensor requires grad, lend the memory of tensor.detach() instead");
  if (a.device().type != DeviceType::cpu) return refuse("buffer: the tensor is not on the CPU, call .to('cpu') first");
  if (!format) return refuse("buffer: bfloat16 has no buffer format, convert with .astype(tc.float32) first");
  bool read_only = a.storage()->read_only;
  for (int i = 0; i < a.ndim(); ++i) read_only |= a.stride(i) == 0 && a.shape(i) > 1;  // one element in several places
  if ((flags & PyBUF_WRITABLE) && read_only)
    return refuse("buffer: the tensor is read-only or broadcast, copy it first");
  const bool row_major = a.is_contiguous();
  if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES && !row_major) return refuse("buffer: the tensor is not contiguous");
  if ((flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS && !row_major)
    return refuse("buffer: the tensor is not contiguous in row-major order");
  const auto column_major = [&] {
    std::int64_t step = 1;
    for (int i = 0; i < a.ndim(); ++i) {
      if (a.shape(i) > 1 && a.stride(i) != step) return false;
      step *= a.shape(i);
    }
    return true;
  };
  if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && a.size() && !column_major())
    return refuse("buffer: the tensor is not contiguous in column-major order");
  if ((flags & PyBUF_ANY_CONTIGUOUS) == PyBUF_ANY_CONTIGUOUS && !row_major && !column_major())
    return refuse("buffer: the tensor is not contiguous");
  auto* extents = new (std::nothrow) BufferExtents;
  if (!extents) {
    PyErr_NoMemory();
    return -1;
  }
  extents->lent = a;
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
