// Nested lists are walked twice: once for the shape and dtype, once to store the elements. Leaves that are arrays are
// kept from the first walk, since reading them may run Python code.
#include "bindings/nested.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "bindings/bind.h"
#include "bindings/exchange.h"
#include "core/promote.h"
#include "ops/copy.h"

namespace tc::python {
namespace {

// An owned reference.
class Owned {
 public:
  explicit Owned(PyObject* object) : object_(object) {
    if (!object) throw PythonError{};
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { Py_DECREF(object_); }
  PyObject* get() const { return object_; }

 private:
  PyObject* object_;
};

bool is_exact_scalar(PyObject* o) { return PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o); }

class NestedReader {
 public:
  NestedReader(const char* op, std::optional<DType> dtype) : op_(op), given_(dtype) {}

  Array read(PyObject* root) {
    measure(root, 0);
    const DType dtype = given_ ? *given_ : found_dtype();
    checked_size(shape_, dtype, op_);
    Array out = Array::empty(shape_, dtype);
    std::byte* at = out.raw();
    strides_ = row_major_strides(shape_);
    store(root, 0, out, at);
    return out;
  }

 private:
  std::string place(int depth) const {
    if (depth == 0) return "the top level";
    std::string text;
    for (int i = 0; i < depth; ++i) text.append("[").append(std::to_string(path_[i])).append("]");
    return text;
  }

  static bool is_sequence(PyObject* o) {
    return PyList_Check(o) || PyTuple_Check(o) ||
           (PySequence_Check(o) && Py_TYPE(o)->tp_as_sequence && !PyUnicode_Check(o) && !PyObject_CheckBuffer(o) &&
            !is_tensor(o) && !PyDict_Check(o) && !has_exchange(o));
  }
  static bool has_exchange(PyObject* o) {
    return PyObject_HasAttrString(o, "__dlpack__") || PyObject_HasAttrString(o, "__array__");
  }

  void see_extent(std::int64_t extent, int depth) {
    if (shape_.size() == depth) {
      check_value(!closed_, op_, ": nested sequences must have one depth, but found a sequence at ", place(depth),
                  " where others hold numbers");
      shape_.push_back(extent);
    } else {
      check_value(depth < shape_.size() && shape_[depth] == extent, op_,
                  ": nested sequences must have equal lengths, got ", extent, " instead of ",
                  depth < shape_.size() ? shape_[depth] : 0, " elements at ", place(depth));
    }
  }
  void see_leaf(int depth) {
    check_value(shape_.size() == depth, op_, ": nested sequences must have one depth, but found a number at ",
                place(depth), " where others hold sequences");
    closed_ = true;
  }

  void measure(PyObject* o, int depth) {
    if (PyFloat_CheckExact(o)) {
      floats_ = true;
      return see_leaf(depth);
    }
    if (PyBool_Check(o)) {
      bools_ = true;
      return see_leaf(depth);
    }
    if (PyLong_CheckExact(o)) {
      ints_ = true;
      return see_leaf(depth);
    }
    if (is_sequence(o)) return measure_sequence(o, depth);
    if (is_tensor(o)) {
      check(!as_tensor(o)->requires_grad, ErrorKind::runtime, op_, ": the tensor at ", place(depth),
            " requires grad; use tc.stack to keep its gradient, or detach() it");
      return measure_array(as_tensor(o)->array, depth);
    }
    if (std::optional<Array> lent = borrow_array(o, std::nullopt, op_)) return measure_array(*lent, depth);
    if (PyFloat_Check(o)) {
      floats_ = true;
      return see_leaf(depth);
    }
    if (PyLong_Check(o)) {
      ints_ = true;
      return see_leaf(depth);
    }
    fail(ErrorKind::type, op_, ": elements must be numbers, got ", Py_TYPE(o)->tp_name, " at ", place(depth));
  }

  void measure_sequence(PyObject* o, int depth) {
    check_value(depth < kMaxNdim, op_, ": at most ", kMaxNdim, " nested levels are supported");
    const Owned list(PySequence_Fast(o, "asarray: cannot read the sequence"));
    see_extent(PySequence_Fast_GET_SIZE(list.get()), depth);
    if (shape_[depth] == 0) {  // nothing deeper is known
      check_value(!closed_ || shape_.size() == depth + 1, op_,
                  ": nested sequences must have one depth, got an empty one at ", place(depth));
      closed_ = true;
    }
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.get()); ++i) {
      path_[depth] = i;
      const Owned item(Py_NewRef(PySequence_Fast_GET_ITEM(list.get(), i)));
      measure(item.get(), depth + 1);
    }
  }

  void measure_array(const Array& array, int depth) {
    check(array.device().type == DeviceType::cpu, ErrorKind::runtime, op_, ": the tensor at ", place(depth),
          " is not on the CPU");
    for (int i = 0; i < array.ndim(); ++i) see_extent(array.shape(i), depth + i);
    check_value(shape_.size() == depth + array.ndim(), op_,
                ": nested sequences must have one depth, but found an array of ", "shape ", array.shape(), " at ",
                place(depth), " where others hold more axes");
    closed_ = true;
    arrays_dtype_ = arrays_dtype_ ? promote(*arrays_dtype_, array.dtype()) : array.dtype();
    leaves_.push_back(array);
  }

  DType found_dtype() const {
    if (!arrays_dtype_) return floats_ || !(ints_ || bools_) ? kDefaultFloat : ints_ ? kDefaultInt : DType::boolean;
    if (floats_) return float_of(*arrays_dtype_);
    if (ints_ && is_bool(*arrays_dtype_)) return kDefaultInt;
    return *arrays_dtype_;
  }

  void store(PyObject* o, int depth, const Array& out, std::byte* at) {
    if (depth == shape_.size() && is_exact_scalar(o)) return store_scalar(o, out.dtype(), at, op_);
    if (depth < shape_.size() && is_sequence(o)) {
      const Owned list(PySequence_Fast(o, "asarray: cannot read the sequence"));
      const Py_ssize_t count = PySequence_Fast_GET_SIZE(list.get());
      if (count != shape_[depth]) changed();
      const auto step = strides_[depth] * static_cast<std::int64_t>(itemsize(out.dtype()));
      for (Py_ssize_t i = 0; i < count; ++i) {
        if (PySequence_Fast_GET_SIZE(list.get()) != count) changed();
        const Owned item(Py_NewRef(PySequence_Fast_GET_ITEM(list.get(), i)));
        store(item.get(), depth + 1, out, at + i * step);
      }
      return;
    }
    if (next_leaf_ < leaves_.size() && !is_exact_scalar(o) &&
        (is_tensor(o) || PyObject_CheckBuffer(o) || has_exchange(o))) {
      const Array& leaf = leaves_[next_leaf_++];
      if (leaf.ndim() != shape_.size() - depth) changed();
      Dims shape, strides;
      for (int i = depth; i < shape_.size(); ++i) {
        if (leaf.shape(i - depth) != shape_[i]) changed();
        shape.push_back(shape_[i]);
        strides.push_back(strides_[i]);
      }
      const auto offset = (at - out.raw()) / static_cast<std::int64_t>(itemsize(out.dtype()));
      if (leaf.size()) {
        Array target = out.view(shape, strides, offset);
        kernels::copy(target.device(), leaf, target);
      }
      return;
    }
    if (depth != shape_.size() || !(PyFloat_Check(o) || PyLong_Check(o))) changed();
    store_scalar(o, out.dtype(), at, op_);
  }

  [[noreturn]] void changed() const {
    fail(ErrorKind::value, op_, ": the nested sequences changed while they were read");
  }

  const char* op_;
  std::optional<DType> given_, arrays_dtype_;
  Dims shape_, strides_;
  std::int64_t path_[kMaxNdim + 1] = {};
  bool closed_ = false, bools_ = false, ints_ = false, floats_ = false;
  std::vector<Array> leaves_;
  std::size_t next_leaf_ = 0;
};

template <class T>
PyObject* scalar_object(T value) {
  if constexpr (std::is_same_v<T, bool>)
    return PyBool_FromLong(value);
  else if constexpr (std::is_integral_v<T>)
    return PyLong_FromLongLong(value);
  else
    return PyFloat_FromDouble(static_cast<double>(convert<Acc<T>>(value)));
}

template <class T>
PyObject* list_of(const Array& a, int axis, const T* at) {
  if (axis == a.ndim()) return scalar_object(*at);
  PyObject* list = PyList_New(static_cast<Py_ssize_t>(a.shape(axis)));
  if (!list) throw PythonError{};
  for (std::int64_t i = 0; i < a.shape(axis); ++i) {
    PyObject* item;
    try {
      item = list_of(a, axis + 1, at + i * a.stride(axis));
      if (!item) throw PythonError{};
    } catch (...) {
      Py_DECREF(list);
      throw;
    }
    PyList_SET_ITEM(list, static_cast<Py_ssize_t>(i), item);
  }
  return list;
}

}  // namespace

bool is_python_scalar(PyObject* o) {
  return is_exact_scalar(o) || ((PyFloat_Check(o) || PyLong_Check(o)) && !PyObject_CheckBuffer(o));
}

DType dtype_of_scalar(PyObject* o) {
  return PyBool_Check(o) ? DType::boolean : PyLong_Check(o) ? kDefaultInt : kDefaultFloat;
}

void store_scalar(PyObject* scalar, DType dtype, std::byte* out, const char* op) {
  if (PyFloat_Check(scalar)) {
    const double value = PyFloat_AS_DOUBLE(scalar);
    dispatch(All{}, dtype, [&]<class T>() {
      if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
        check_value(std::isfinite(value), op, ": ", value, " cannot be held by ", name_of(dtype));
        const double whole = std::trunc(value);
        // The upper limit plus one is a power of two, hence exact.
        check(whole >= static_cast<double>(std::numeric_limits<T>::min()) &&
                  whole < std::ldexp(1.0, std::numeric_limits<T>::digits),
              ErrorKind::overflow, op, ": ", value, " does not fit in ", name_of(dtype));
        *reinterpret_cast<T*>(out) = static_cast<T>(whole);
      } else {
        *reinterpret_cast<T*>(out) = convert<T>(value);
      }
    });
    return;
  }
  if (is_float(dtype)) {
    const double value = PyLong_AsDouble(scalar);
    if (value == -1.0 && PyErr_Occurred()) throw PythonError{};
    dispatch(Floats{}, dtype, [&]<class T>() { *reinterpret_cast<T*>(out) = convert<T>(value); });
    return;
  }
  if (is_bool(dtype)) {
    const int truth = PyObject_IsTrue(scalar);
    if (truth < 0) throw PythonError{};
    *reinterpret_cast<bool*>(out) = truth;
    return;
  }
  int overflow;
  const long long value = PyLong_AsLongLongAndOverflow(scalar, &overflow);
  if (value == -1 && !overflow && PyErr_Occurred()) throw PythonError{};
  check(!overflow, ErrorKind::overflow, op, ": the Python int does not fit in ", name_of(dtype));
  dispatch(Ints{}, dtype, [&]<class T>() {
    check(value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max(), ErrorKind::overflow, op,
          ": the Python int ", value, " does not fit in ", name_of(dtype));
    *reinterpret_cast<T*>(out) = static_cast<T>(value);
  });
}

Array array_from_object(PyObject* object, std::optional<DType> dtype, std::optional<bool> copy, const char* op) {
  const auto refuse_copy = [&](const char* why) {
    check_value(copy.value_or(true), op, ": copy=False cannot be honoured, ", why);
  };
  if (!is_exact_scalar(object) && !PyList_Check(object) && !PyTuple_Check(object)) {
    if (std::optional<Array> lent = borrow_array(object, copy, op)) {
      if (dtype && *dtype != lent->dtype()) {
        refuse_copy("the dtype differs");
        return ops::astype(*lent, *dtype, true);
      }
      return *lent;
    }
  }
  refuse_copy("Python values hold no array memory");
  return NestedReader(op, dtype).read(object);
}

PyObject* nested_list(const Array& array) {
  PyObject* out = nullptr;
  dispatch(All{}, array.dtype(), [&]<class T>() { out = list_of(array, 0, array.data<T>()); });
  return out;
}

}  // namespace tc::python
