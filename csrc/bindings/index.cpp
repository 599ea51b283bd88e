// Keys: x[key] and x[key] = value with NumPy's rules. Ints, slices, None and Ellipsis only move a view's bounds, here
// and without Python. Integer arrays and masks become an index plan. What needs autograd goes to Python's rules.
#include "bindings/index.h"

#include <vector>

#include "bindings/bind.h"
#include "ops/copy.h"
#include "ops/index.h"
#include "ops/shape.h"

namespace tc::python {

PyObject* call_python(const char* hook, std::initializer_list<PyObject*> args);

namespace {

struct Ref {  // an owned reference
  PyObject* object;
  explicit Ref(PyObject* object) : object(object) {
    if (!object) throw PythonError{};
  }
  Ref(Ref&& other) noexcept : object(std::exchange(other.object, nullptr)) {}
  Ref(const Ref&) = delete;
  ~Ref() { Py_XDECREF(object); }
};

enum class Kind : std::uint8_t { integer, slice, new_axis, ellipsis, array, mask };

struct Item {
  Kind kind;
  std::int64_t value;  // the integer, or which of `arrays`
  PyObject* object;
};

constexpr int kMaxItems = 64;

struct Key {
  int count = 0, consumed = 0, ellipses = 0;
  bool advanced = false;
  Item items[kMaxItems];
  std::vector<Array> arrays;

  void add(Kind kind, std::int64_t value, PyObject* object) { items[count++] = {kind, value, object}; }

  void add_array(const Array& a, PyObject* object) {
    const DType dtype = a.dtype();
    if (is_int(dtype) && a.ndim() == 0 && a.device().type == DeviceType::cpu) {
      std::int64_t value = 0;
      dispatch(Ints{}, dtype, [&]<class T>() { value = *a.data<T>(); });
      consumed += 1;
      return add(Kind::integer, value, object);
    }
    check_index(is_int(dtype) || is_bool(dtype), "getitem: index arrays must be of integer or bool dtype, got ",
                name_of(dtype));
    advanced = true;
    consumed += is_bool(dtype) ? a.ndim() : 1;
    add(is_bool(dtype) ? Kind::mask : Kind::array, static_cast<std::int64_t>(arrays.size()), object);
    arrays.push_back(a);
  }

  void parse(PyObject* o) {
    check_index(count < kMaxItems, "getitem: too many indices");
    if (PyLong_CheckExact(o)) return parse_integer(o);
    if (PySlice_Check(o)) {
      ++consumed;
      return add(Kind::slice, 0, o);
    }
    if (o == Py_None) return add(Kind::new_axis, 0, o);
    if (o == Py_Ellipsis) {
      check_index(++ellipses == 1, "getitem: a key holds at most one Ellipsis");
      return add(Kind::ellipsis, 0, o);
    }
    if (is_tensor(o)) return add_array(as_tensor(o)->array, o);
    if (!PyBool_Check(o) && PyIndex_Check(o)) {
      PyObject* index = PyNumber_Index(o);
      if (index) {
        const Ref owner(index);
        return parse_integer(index);
      }
      PyErr_Clear();  // an array of several elements, or a NumPy bool
    }
    const Ref tensor(call_python("index_array", {o}));
    if (!is_tensor(tensor.object)) wrong_type(Site{"getitem", 0}, "an index", o);
    add_array(as_tensor(tensor.object)->array, o);
  }

  void parse_integer(PyObject* o) {
    int overflow;
    const long long value = PyLong_AsLongLongAndOverflow(o, &overflow);
    check_index(!overflow, "getitem: the index does not fit in 64 bits");
    ++consumed;
    add(Kind::integer, value, o);
  }
};

void parse_key(PyObject* key, Key& out) {
  if (!PyTuple_Check(key)) return out.parse(key);
  const Py_ssize_t n = PyTuple_GET_SIZE(key);
  for (Py_ssize_t i = 0; i < n; ++i) out.parse(PyTuple_GET_ITEM(key, i));
}

std::int64_t wrap_index(std::int64_t index, std::int64_t extent, int axis) {
  if (index < -extent || index >= extent) [[unlikely]]
    fail(ErrorKind::index, "getitem: index ", index, " is out of range for axis ", axis, " of extent ", extent);
  return index < 0 ? index + extent : index;
}

// The view after the basic items of a key, and the indexed axes among its others.
struct Located {
  Array view;
  std::vector<IndexedAxis> axes;
  int position = 0;
  bool distinct = false;
};

// A mask over `count` axes of x from `axis` on, as one indexed axis where the axes' memory merges, else as several.
void add_mask(const Array& x, int axis, const Array& mask, std::vector<IndexedAxis>& axes) {
  for (int i = 0; i < mask.ndim(); ++i)
    check_index(mask.shape(i) == x.shape(axis + i) || mask.shape(i) == 0, "getitem: the mask of shape ", mask.shape(),
                " does not fit axis ", axis + i, " of extent ", x.shape(axis + i));
  const Array positions = ops::mask_positions(mask);
  if (mask.ndim() == 0) return axes.push_back({1, 0, axis, positions});
  bool merges = true;
  std::int64_t extent = x.shape(axis + mask.ndim() - 1);
  for (int i = mask.ndim() - 2; i >= 0; --i) {
    merges &= x.stride(axis + i) == x.stride(axis + i + 1) * x.shape(axis + i + 1);
    extent *= x.shape(axis + i);
  }
  if (merges) return axes.push_back({extent, x.stride(axis + mask.ndim() - 1), axis, positions});
  for (int i = mask.ndim() - 1; i >= 0; --i) {
    std::int64_t below = 1;
    for (int k = i + 1; k < mask.ndim(); ++k) below *= mask.shape(k);
    const Array coordinate = Array::empty(positions.shape(), DType::int64, positions.device());
    for (std::int64_t p = 0; p < positions.size(); ++p)
      coordinate.data<std::int64_t>()[p] = positions.data<std::int64_t>()[p] / below % mask.shape(i);
    axes.push_back({x.shape(axis + i), x.stride(axis + i), axis + i, coordinate});
  }
}

Located locate(const Array& x, const Key& key) {
  check_index(key.consumed <= x.ndim(), "getitem: too many indices, got ", key.consumed, " for a tensor of ", x.ndim(),
              " axes");
  Located out;
  Dims shape, strides;
  std::int64_t offset = 0;
  int axis = 0, gap = -1;  // gap: item at which the last run of indexed axes ended
  bool seen = false, apart = false;
  const auto keep = [&](std::int64_t extent, std::int64_t stride) {
    shape.push_back(extent);
    strides.push_back(stride);
  };
  for (int i = 0; i < key.count; ++i) {
    const Item& item = key.items[i];
    const bool indexes = item.kind == Kind::integer || item.kind == Kind::array || item.kind == Kind::mask;
    if (indexes && key.advanced) {
      if (!seen) out.position = shape.size();
      apart |= seen && gap >= 0;
      seen = true;
    } else if (seen) {
      gap = i;
    }
    switch (item.kind) {
      case Kind::integer:
        offset += wrap_index(item.value, x.shape(axis), axis) * x.stride(axis);
        ++axis;
        break;
      case Kind::slice: {
        Py_ssize_t start, stop, step;
        if (PySlice_Unpack(item.object, &start, &stop, &step) < 0) throw PythonError{};
        const std::int64_t extent = PySlice_AdjustIndices(x.shape(axis), &start, &stop, step);
        if (extent > 0) offset += start * x.stride(axis);
        keep(extent, extent > 1 ? x.stride(axis) * step : x.stride(axis));
        ++axis;
        break;
      }
      case Kind::new_axis:
        keep(1, 0);
        break;
      case Kind::ellipsis:
        for (int left = x.ndim() - key.consumed; left > 0; --left, ++axis) keep(x.shape(axis), x.stride(axis));
        break;
      case Kind::array:
        out.axes.push_back({x.shape(axis), x.stride(axis), axis, key.arrays[static_cast<std::size_t>(item.value)]});
        ++axis;
        break;
      case Kind::mask: {
        const Array& mask = key.arrays[static_cast<std::size_t>(item.value)];
        add_mask(x, axis, mask, out.axes);
        axis += mask.ndim();
        break;
      }
    }
  }
  for (; axis < x.ndim(); ++axis) keep(x.shape(axis), x.stride(axis));
  if (apart) out.position = 0;
  out.distinct = key.arrays.size() == 1 && is_bool(key.arrays[0].dtype());
  out.view = x.view(shape, strides, offset);
  return out;
}

IndexPlan plan(const Located& where) {
  IndexPlan plan = ops::plan_index("getitem", where.view, where.axes, where.position);
  plan.distinct = where.distinct;
  return plan;
}

Array get(const Array& x, const Key& key) {
  Located where = locate(x, key);
  if (!key.advanced) return std::move(where.view);
  const GilRelease release(x.size() > kGilElements);
  return ops::index_get(plan(where));
}

void set(const Array& x, const Key& key, const Array& value) {
  ops::check_writable(x, "setitem");
  const Located where = locate(x, key);
  const GilRelease release((key.advanced ? x : where.view).size() > kGilElements);
  if (key.advanced)
    ops::index_set(plan(where), value);
  else
    ops::assign(where.view, value);
}

// Python scalars take the dtype of the tensor they go to.
Array value_array(PyObject* value, const Array& x, PyObject* self) {
  if (is_tensor(value)) return as_tensor(value)->array;
  const DType dtype = x.dtype();
  if (PyFloat_Check(value) || PyLong_Check(value)) {
    Array out = Array::empty({}, dtype);
    if (PyFloat_Check(value) || is_float(dtype)) {
      const double v = PyFloat_AsDouble(value);
      if (v == -1.0 && PyErr_Occurred()) throw PythonError{};
      dispatch(All{}, dtype, [&]<class T>() { *out.data<T>() = convert<T>(v); });
      return out;
    }
    int overflow;
    const long long v = PyLong_AsLongLongAndOverflow(value, &overflow);
    bool fits = !overflow;
    dispatch(Concat<Bool, Ints>::type{}, dtype, [&]<class T>() {
      if constexpr (std::is_same_v<T, bool>)
        fits = true, *out.data<T>() = overflow || v != 0;
      else if (fits = fits && v >= std::numeric_limits<T>::min() && v <= std::numeric_limits<T>::max(); fits)
        *out.data<T>() = static_cast<T>(v);
    });
    check(fits, ErrorKind::overflow, "setitem: the Python int does not fit in ", name_of(dtype));
    return out;
  }
  const Ref tensor(call_python("index_value", {value, self}));
  if (!is_tensor(tensor.object)) wrong_type(Site{"setitem", 1}, "a Tensor or a Python scalar", value);
  return as_tensor(tensor.object)->array;
}

bool needs_tape(PyObject* o) { return is_tensor(o) && as_tensor(o)->requires_grad && grad_enabled(); }

// raw_setitem(x, key, value): without autograd.
PyObject* raw_setitem(PyObject*, PyObject* const* args, Py_ssize_t count) {
  try {
    check_type(count == 3 && is_tensor(args[0]), "setitem: takes a Tensor, a key and a value");
    Key key;
    parse_key(args[1], key);
    const Array& x = as_tensor(args[0])->array;
    set(x, key, value_array(args[2], x, args[0]));
    Py_RETURN_NONE;
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

PyMethodDef raw_setitem_method = {"setitem", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(raw_setitem)),
                                  METH_FASTCALL, "setitem(Tensor, object, object) -> None"};

// index_add(zeros, key, g): adds g to x[key] without autograd, each repeated index again.
PyObject* raw_index_add(PyObject*, PyObject* const* args, Py_ssize_t count) {
  try {
    check_type(count == 3 && is_tensor(args[0]) && is_tensor(args[2]), "index_add: takes a Tensor, a key and a Tensor");
    Key key;
    parse_key(args[1], key);
    const Array& x = as_tensor(args[0])->array;
    ops::check_writable(x, "index_add");
    const Located where = locate(x, key);
    check_type(key.advanced, "index_add: needs an index array");
    const GilRelease release(x.size() > kGilElements);
    ops::index_add(plan(where), as_tensor(args[2])->array);
    x.storage()->version.fetch_add(1, std::memory_order_relaxed);
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
  Py_RETURN_NONE;
}

PyMethodDef index_add_method = {"index_add", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(raw_index_add)),
                                METH_FASTCALL, "index_add(Tensor, object, Tensor) -> None"};

const Binder binder{[](PyObject* module) {
  add_to(module, "setitem", PyCFunction_NewEx(&raw_setitem_method, nullptr, nullptr));
  add_to(module, "index_add", PyCFunction_NewEx(&index_add_method, nullptr, nullptr));
  bind<"take", &ops::take>(module);
  bind<"take_gradient", &ops::take_gradient>(module);
  bind<"gather", &ops::gather>(module);
  bind<"scatter_add", &ops::scatter_add>(module);
  bind<"one_hot", &ops::one_hot>(module);
  bind<"embedding", &ops::embedding>(module);
  bind<"embedding_gradient", &ops::embedding_gradient>(module);
  bind<"repeat_indices", &ops::repeat_indices>(module);
}};

}  // namespace

PyObject* getitem(PyObject* self, PyObject* object) {
  try {
    const Array& x = as_tensor(self)->array;
    PyObject* out;
    if (PyLong_CheckExact(object) && x.ndim() > 0 && !needs_tape(self)) {  // x[i]
      int overflow;
      const long long i = PyLong_AsLongLongAndOverflow(object, &overflow);
      check_index(!overflow, "getitem: the index does not fit in 64 bits");
      const std::int64_t offset = wrap_index(i, x.shape(0), 0) * x.stride(0);
      return wrap(x.view(Dims(std::span(x.shape().begin() + 1, x.shape().end())),
                         Dims(std::span(x.strides().begin() + 1, x.strides().end())), offset));
    }
    Key key;
    parse_key(object, key);
    out = wrap(get(x, key));
    if (!out || !needs_tape(self)) return out;
    const Ref result(out);
    return call_python(key.advanced ? "record_index" : "record_view", {result.object, self, object});
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

int setitem(PyObject* self, PyObject* object, PyObject* value) {
  try {
    if (needs_tape(self) || needs_tape(value)) {
      const Ref done(call_python("setitem", {self, object, value}));
      return 0;
    }
    Key key;
    parse_key(object, key);
    const Array& x = as_tensor(self)->array;
    set(x, key, value_array(value, x, self));
    return 0;
  } catch (...) {
    set_error_from_exception();
    return -1;
  }
}

}  // namespace tc::python
