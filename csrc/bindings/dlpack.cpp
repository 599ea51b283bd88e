// DLPack 1.x both ways, without a copy: capsules are versioned where the consumer asks for version 1.0 or later, of the
// older form otherwise. Layout of the structures: the DLPack specification, version 1.0.
#include <memory>
#include <string>

#include "bindings/bind.h"
#include "bindings/exchange.h"
#include "cuda/runtime/runtime.h"
#include "ops/copy.h"

namespace tc::python {
namespace {

// ---- the binary interface ------------------------------------------------------------------------------------------

struct DlVersion {
  std::uint32_t major, minor;
};
struct DlDevice {
  std::int32_t type, id;
};
struct DlDataType {
  std::uint8_t code, bits;
  std::uint16_t lanes;
};
struct DlTensor {
  void* data;
  DlDevice device;
  std::int32_t ndim;
  DlDataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null: row-major
  std::uint64_t byte_offset;
};
struct DlManaged {
  DlTensor tensor;
  void* context;
  void (*deleter)(DlManaged*);
};
struct DlManagedVersioned {
  DlVersion version;
  void* context;
  void (*deleter)(DlManagedVersioned*);
  std::uint64_t flags;
  DlTensor tensor;
};
constexpr std::uint64_t kReadOnly = 1, kIsCopied = 2;
constexpr std::int32_t kDlCpu = 1, kDlCuda = 2, kDlCudaHost = 3;
constexpr std::uint8_t kDlInt = 0, kDlUint = 1, kDlFloat = 2, kDlBfloat = 4, kDlBool = 6;
constexpr DlVersion kVersion = {1, 0};

template <class Managed>
constexpr const char* kName = "dltensor";
template <>
constexpr const char* kName<DlManagedVersioned> = "dltensor_versioned";
template <class Managed>
constexpr const char* kUsedName = "used_dltensor";
template <>
constexpr const char* kUsedName<DlManagedVersioned> = "used_dltensor_versioned";

DlDataType encode(DType d) {
  const std::uint8_t code = is_bool(d)             ? kDlBool
                            : d == DType::uint8    ? kDlUint
                            : is_int(d)            ? kDlInt
                            : d == DType::bfloat16 ? kDlBfloat
                                                   : kDlFloat;
  return {code, static_cast<std::uint8_t>(itemsize(d) * 8), 1};
}

DType decode(const char* op, DlDataType t) {
  for (int i = 0; i < kDTypes; ++i) {
    const DlDataType ours = encode(static_cast<DType>(i));
    if (t.code == ours.code && t.bits == ours.bits && t.lanes == 1) return static_cast<DType>(i);
  }
  fail(ErrorKind::buffer, op, ": DLPack type code ", int{t.code}, " with ", int{t.bits}, " bits and ", t.lanes,
       " lanes has no tensorcore dtype");
}

DlDevice encode(Device device) { return {device.type == DeviceType::cpu ? kDlCpu : kDlCuda, device.index}; }

// ---- export --------------------------------------------------------------------------------------------------------

template <class Managed>
struct Export {  // the managed tensor with what it points at
  Managed managed;
  Array array;
};

template <class Managed>
void delete_export(Managed* managed) {
  delete reinterpret_cast<Export<Managed>*>(managed->context);
}

template <class Managed>
void drop_capsule(PyObject* capsule) {  // only a capsule nobody took still owns its tensor
  if (!PyCapsule_IsValid(capsule, kName<Managed>)) return;
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, kName<Managed>));
  if (managed->deleter) managed->deleter(managed);
}

template <class Managed>
PyObject* export_as(Array array, [[maybe_unused]] std::uint64_t flags) {
  auto lent = std::make_unique<Export<Managed>>();
  lent->array = std::move(array);
  Array& a = lent->array;
  Managed& m = lent->managed;
  m.context = lent.get();
  m.deleter = &delete_export<Managed>;
  if constexpr (std::is_same_v<Managed, DlManagedVersioned>) {
    m.version = kVersion;
    m.flags = flags;
  }
  // Dims lie inside the array, which lives as long as the export.
  m.tensor = {a.raw(),
              encode(a.device()),
              a.ndim(),
              encode(a.dtype()),
              const_cast<std::int64_t*>(a.shape().begin()),
              const_cast<std::int64_t*>(a.strides().begin()),
              0};
  PyObject* capsule = PyCapsule_New(&m, kName<Managed>, &drop_capsule<Managed>);
  if (!capsule) throw PythonError{};
  lent.release();
  return capsule;
}

bool is_pair(PyObject* o) { return PyTuple_Check(o) && PyTuple_GET_SIZE(o) == 2; }

// Memory of a GPU goes out once the consumer's stream waits for ours. Streams are numbered as DLPack has it: None or 1
// for the default one, 2 for the thread's, -1 for none at all.
void make_ready(const char* op, PyObject* stream) {
  check(cuda::chosen_backend() == cuda::Backend::gpu, ErrorKind::buffer, op, ": the tensor is in the memory of the '",
        cuda::name_of(cuda::chosen_backend()),
        "' executor, which no GPU library can read; export tensor.to('cpu') instead");
  const std::int64_t number = stream == Py_None ? 1 : Converter<std::int64_t>::from(stream, {op, 1});
  if (number == -1) return;
  void* const theirs = reinterpret_cast<void*>(number == 1 ? std::int64_t{0} : number);
  if (theirs == cuda::current_stream_handle()) return;
  void* const event = cuda::create_event(false);
  cuda::record_event(event, cuda::current_stream_handle());
  cuda::wait_event(theirs, event);
  cuda::destroy_event(event);
}

// dlpack_export(tensor, stream, max_version, dl_device, copy)
PyObject* dlpack_export(PyObject*, PyObject* const* args, Py_ssize_t count) {
  try {
    constexpr const char* op = "__dlpack__";
    check_type(count == 5, op, ": takes 5 arguments, got ", count);
    Array a = Converter<Array>::from(args[0], {op, 0});
    PyObject *stream = args[1], *max_version = args[2], *wanted = args[3];
    const auto copy = Converter<std::optional<bool>>::from(args[4], {op, 4});
    check(!as_tensor(args[0])->requires_grad, ErrorKind::buffer, op,
          ": a tensor that requires grad cannot be exported, since writes to its memory would be missing from the "
          "gradient; "
          "use tensor.detach()");
    bool versioned = false, is_copied = false;
    if (max_version != Py_None) {
      check_type(is_pair(max_version), op, ": max_version must be a tuple (major, minor)");
      versioned = Converter<std::int64_t>::from(PyTuple_GET_ITEM(max_version, 0), {op, 2}) >= 1;
      Converter<std::int64_t>::from(PyTuple_GET_ITEM(max_version, 1), {op, 2});
    }
    if (wanted != Py_None) {
      check_type(is_pair(wanted), op, ": dl_device must be a tuple (type, id)");
      const auto type = Converter<std::int64_t>::from(PyTuple_GET_ITEM(wanted, 0), {op, 3});
      const auto id = Converter<std::int64_t>::from(PyTuple_GET_ITEM(wanted, 1), {op, 3});
      if (type == kDlCpu && a.device().type == DeviceType::cuda) {
        check(copy.value_or(true), ErrorKind::buffer, op, ": copy=False cannot be honoured, the tensor is on '",
              to_string(a.device()), "'");
        a = ops::on_host(a);
        is_copied = true;
      }
      const DlDevice here = encode(a.device());
      check(type == here.type && id == here.id, ErrorKind::buffer, op, ": cannot export from device '",
            to_string(a.device()), "' to DLPack device (", type, ", ", id, ")");
    }
    if (a.device().type == DeviceType::cuda)
      make_ready(op, stream);
    else
      check(stream == Py_None, ErrorKind::value, op, ": stream must be None for a tensor on the CPU");
    bool read_only = a.storage()->read_only;
    for (int i = 0; i < a.ndim(); ++i) read_only |= a.stride(i) == 0 && a.shape(i) > 1;
    bool copies = copy.value_or(false) && !is_copied;
    if (!versioned && read_only && !copies) {  // the older form cannot say that writing is forbidden
      check(copy.value_or(true), ErrorKind::buffer, op,
            ": a read-only tensor needs max_version of (1, 0) or later to be exported without a copy");
      copies = true;
    }
    if (copies) a = ops::copy(a);
    const std::uint64_t flags = copies || is_copied ? kIsCopied : read_only ? kReadOnly : 0;
    return versioned ? export_as<DlManagedVersioned>(std::move(a), flags) : export_as<DlManaged>(std::move(a), flags);
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

PyObject* dlpack_device(PyObject*, PyObject* tensor) {
  try {
    const DlDevice device = encode(Converter<Array>::from(tensor, {"__dlpack_device__", 0}).device());
    return Py_BuildValue("(ii)", device.type, device.id);
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

// ---- import --------------------------------------------------------------------------------------------------------

template <class Managed>
void release_import(Storage* storage) {
  auto* managed = static_cast<Managed*>(storage->lender);
  if (!managed->deleter) return;
  // The producer's deleter may touch Python objects.
  if (!Py_IsInitialized()) return;
  const PyGILState_STATE state = PyGILState_Ensure();
  managed->deleter(managed);
  PyGILState_Release(state);
}

// Takes over the capsule's tensor; its deleter is called once, when the last array that shares the memory goes.
template <class Managed>
Array take_capsule(PyObject* capsule, const char* op, bool may_copy, bool* is_copied) {
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, kName<Managed>));
  if (!managed) throw PythonError{};
  bool read_only = false;
  if constexpr (std::is_same_v<Managed, DlManagedVersioned>) {
    // Another major version may lay the structure out differently: leave it to its capsule.
    check(managed->version.major == kVersion.major, ErrorKind::buffer, op, ": DLPack version ", managed->version.major,
          ".", managed->version.minor, " is not supported, 1.x is");
    read_only = managed->flags & kReadOnly;
    *is_copied = managed->flags & kIsCopied;
  }
  const DlTensor& t = managed->tensor;
  const bool on_gpu = t.device.type == kDlCuda && cuda::chosen_backend() == cuda::Backend::gpu && t.device.id >= 0 &&
                      t.device.id < cuda::device_count();
  check(t.device.type == kDlCpu || t.device.type == kDlCudaHost || on_gpu, ErrorKind::runtime, op,
        ": memory on DLPack device (", t.device.type, ", ", t.device.id, ") cannot be used here",
        t.device.type == kDlCuda ? "; pass a CPU array" : "");
  const Device device = on_gpu ? Device{DeviceType::cuda, static_cast<std::uint8_t>(t.device.id)} : Device{};
  const DType dtype = decode(op, t.dtype);
  check(t.ndim >= 0 && t.ndim <= kMaxNdim, ErrorKind::buffer, op, ": at most ", kMaxNdim,
        " dimensions are supported, got ", t.ndim);
  Dims shape, strides;
  for (int i = 0; i < t.ndim; ++i) shape.push_back(t.shape[i]);
  const std::int64_t size = checked_size(shape, dtype, op);
  const Dims row = row_major_strides(shape);
  for (int i = 0; i < t.ndim; ++i) strides.push_back(t.strides && shape[i] > 1 ? t.strides[i] : row[i]);
  auto* data = static_cast<std::byte*>(t.data) + (t.data ? t.byte_offset : 0);
  check(size == 0 || t.data, ErrorKind::buffer, op, ": the producer gave no memory for shape ", shape);
  StorageRef storage(borrow_storage(data, static_cast<std::size_t>(size) * itemsize(dtype), device, read_only,
                                    &release_import<Managed>, managed));
  if (PyCapsule_SetName(capsule, kUsedName<Managed>) < 0) {
    storage->release = [](Storage*) {};  // the capsule still owns it
    throw PythonError{};
  }
  if (size == 0) {
    *is_copied = true;
    return Array::empty(shape, dtype, device);
  }
  Array lent(std::move(storage), data, dtype, shape, strides);
  if (reinterpret_cast<std::uintptr_t>(data) % itemsize(dtype) == 0) return lent;
  // Misaligned elements cannot be addressed as they are: move them byte by byte.
  check(!on_gpu, ErrorKind::buffer, op, ": the memory is not aligned to its items");
  check(may_copy, ErrorKind::buffer, op, ": copy=False cannot be honoured, the memory is not aligned to its items");
  const Array bytes(lent.storage(), data, DType::uint8, Dims{}, Dims{});
  Array out = Array::empty(shape, dtype);
  Dims byte_shape = shape, byte_strides, out_strides = row_major_strides(shape);
  const auto item = static_cast<std::int64_t>(itemsize(dtype));
  for (int i = 0; i < shape.size(); ++i) {
    byte_strides.push_back(strides[i] * item);
    out_strides[i] *= item;
  }
  byte_shape.push_back(item);
  byte_strides.push_back(1);
  out_strides.push_back(1);
  Array to(out.storage(), out.raw(), DType::uint8, byte_shape, out_strides);
  kernels::copy(Device{}, bytes.view(byte_shape, byte_strides), to);
  *is_copied = true;
  return out;
}

PyObject* from_dlpack(PyObject*, PyObject* const* args, Py_ssize_t count) {
  try {
    check_type(count == 3, "from_dlpack: takes 3 arguments, got ", count);
    return wrap(array_from_dlpack(args[0], Converter<std::optional<Device>>::from(args[1], {"from_dlpack", 1}),
                                  Converter<std::optional<bool>>::from(args[2], {"from_dlpack", 2}), "from_dlpack"));
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

PyCFunction fast(PyObject* (*function)(PyObject*, PyObject* const*, Py_ssize_t)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}
PyMethodDef functions[] = {{"dlpack_export", fast(dlpack_export), METH_FASTCALL,
                            "dlpack_export(Tensor, object, object, object, bool | None) -> object"},
                           {"dlpack_device", dlpack_device, METH_O, "dlpack_device(Tensor) -> tuple[int, int]"},
                           {"from_dlpack", fast(from_dlpack), METH_FASTCALL,
                            "from_dlpack(object, Device | str | None, bool | None) -> Tensor"},
                           {}};
const Binder binder{[](PyObject* module) {
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError{};
}};

// A reference that may be null.
struct Reference {
  PyObject* object;
  ~Reference() { Py_XDECREF(object); }
};

// Calls producer.__dlpack__ with what a 1.x producer knows; older ones refuse the arguments and get none.
PyObject* ask_for_capsule(PyObject* method, std::optional<bool> copy, bool to_cpu, bool on_gpu) {
  const Reference none{PyTuple_New(0)}, words{PyDict_New()},
      version{Py_BuildValue("(II)", kVersion.major, kVersion.minor)};
  if (!none.object || !words.object || !version.object) return nullptr;
  if (PyDict_SetItemString(words.object, "max_version", version.object) < 0) return nullptr;
  if (copy && PyDict_SetItemString(words.object, "copy", *copy ? Py_True : Py_False) < 0) return nullptr;
  if (on_gpu) {
    const auto ours = reinterpret_cast<std::intptr_t>(cuda::current_stream_handle());
    const Reference stream{PyLong_FromSsize_t(ours ? ours : 1)};
    if (!stream.object || PyDict_SetItemString(words.object, "stream", stream.object) < 0) return nullptr;
  }
  if (to_cpu) {
    const Reference device{Py_BuildValue("(ii)", kDlCpu, 0)};
    if (!device.object || PyDict_SetItemString(words.object, "dl_device", device.object) < 0) return nullptr;
  }
  PyObject* capsule = PyObject_Call(method, none.object, words.object);
  if (capsule || !PyErr_ExceptionMatches(PyExc_TypeError) || to_cpu) return capsule;
  PyErr_Clear();
  return PyObject_CallNoArgs(method);
}

}  // namespace

Array array_from_dlpack(PyObject* object, std::optional<Device> device, std::optional<bool> copy, const char* op) {
  const Reference where{PyObject_CallMethod(object, "__dlpack_device__", nullptr)};
  const Reference method{where.object ? PyObject_GetAttrString(object, "__dlpack__") : nullptr};
  if (!method.object) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw PythonError{};
    PyErr_Clear();
    fail(ErrorKind::type, op, ": needs an object with __dlpack__ and __dlpack_device__, got ",
         Py_TYPE(object)->tp_name);
  }
  check_type(is_pair(where.object), op, ": __dlpack_device__ must give a tuple (type, id)");
  const auto type = Converter<std::int64_t>::from(PyTuple_GET_ITEM(where.object, 0), {op, 0});
  const bool on_gpu = type == kDlCuda && cuda::chosen_backend() == cuda::Backend::gpu;
  const bool here = type == kDlCpu || type == kDlCudaHost || on_gpu;
  check(here || device, ErrorKind::runtime, op, ": memory on DLPack device type ", type,
        " cannot be used as it is, pass device='cpu' to have it copied");
  const Reference capsule{ask_for_capsule(method.object, copy, !here, on_gpu)};
  if (!capsule.object) throw PythonError{};
  const bool may_copy = copy.value_or(true);
  bool is_copied = false;
  Array out;
  if (PyCapsule_IsValid(capsule.object, kName<DlManagedVersioned>))
    out = take_capsule<DlManagedVersioned>(capsule.object, op, may_copy, &is_copied);
  else if (PyCapsule_IsValid(capsule.object, kName<DlManaged>))
    out = take_capsule<DlManaged>(capsule.object, op, may_copy, &is_copied);
  else
    fail(ErrorKind::buffer, op, ": __dlpack__ of ", Py_TYPE(object)->tp_name, " gave no unused DLPack capsule");
  if (device && *device != out.device()) {
    check(may_copy, ErrorKind::buffer, op, ": copy=False cannot be honoured, the memory is on '",
          to_string(out.device()), "'");
    return ops::to_device(out, *device, false);
  }
  return copy.value_or(false) && !is_copied ? ops::copy(out) : out;
}

}  // namespace tc::python
