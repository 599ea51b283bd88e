// bind<"softmax", &ops::softmax>(module): a C++ function as a Python one with positional arguments, by CPython's fast
// call. Arguments are converted by their C++ type; an error names the function, the argument's place and what was got.
// Each binding file registers a function that fills the module: `const Binder binder{[](PyObject* module) {…}};`
#pragma once
#include <Python.h>

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/tensor_type.h"
#include "core/check.h"

namespace tc::python {

template <std::size_t N>
struct Name {
  char text[N];
  consteval Name(const char (&source)[N]) { std::copy_n(source, N, text); }
};

struct Site {  // where a conversion happens, for messages
  const char* function;
  int argument;
};

[[noreturn]] inline void wrong_type(Site site, const char* wanted, PyObject* got) {
  fail(ErrorKind::type, site.function, ": argument ", site.argument + 1, " must be ", wanted, ", got ",
       Py_TYPE(got)->tp_name);
}

struct PythonError {};  // a Python error is already set

// Converter<T>::from turns a PyObject into T; Converter<T>::to a T into a new reference; `name` is the stub's type.
template <class T>
struct Converter;

template <>
struct Converter<Array> {
  static constexpr const char* name = "Tensor";
  static const Array& from(PyObject* o, Site site) {
    if (!is_tensor(o)) wrong_type(site, "a Tensor", o);
    return as_tensor(o)->array;
  }
  static PyObject* to(Array&& a) { return wrap(std::move(a)); }
  static PyObject* to(const Array& a) { return wrap(a); }
};

template <>
struct Converter<std::int64_t> {
  static constexpr const char* name = "int";
  static std::int64_t from(PyObject* o, Site site) {
    if (!PyIndex_Check(o)) wrong_type(site, "an int", o);
    PyObject* index = PyNumber_Index(o);
    if (!index) throw PythonError{};
    int overflow;
    const long long value = PyLong_AsLongLongAndOverflow(index, &overflow);
    Py_DECREF(index);
    check(!overflow, ErrorKind::overflow, site.function, ": argument ", site.argument + 1, " does not fit in 64 bits");
    return value;
  }
  static PyObject* to(std::int64_t v) { return PyLong_FromLongLong(v); }
};
template <>
struct Converter<int> {
  static constexpr const char* name = "int";
  static int from(PyObject* o, Site site) {
    const std::int64_t v = Converter<std::int64_t>::from(o, site);
    check_value(v >= INT32_MIN && v <= INT32_MAX, site.function, ": argument ", site.argument + 1,
                " out of range, got ", v);
    return static_cast<int>(v);
  }
  static PyObject* to(int v) { return PyLong_FromLong(v); }
};
template <>
struct Converter<std::uint64_t> {
  static constexpr const char* name = "int";
  static std::uint64_t from(PyObject* o, Site site) {
    if (!PyIndex_Check(o)) wrong_type(site, "an int", o);
    PyObject* index = PyNumber_Index(o);
    if (!index) throw PythonError{};
    const unsigned long long value = PyLong_AsUnsignedLongLongMask(index);
    Py_DECREF(index);
    if (value == static_cast<unsigned long long>(-1) && PyErr_Occurred()) throw PythonError{};
    return value;
  }
  static PyObject* to(std::uint64_t v) { return PyLong_FromUnsignedLongLong(v); }
};
template <>
struct Converter<double> {
  static constexpr const char* name = "float";
  static double from(PyObject* o, Site site) {
    const double v = PyFloat_AsDouble(o);
    if (v == -1.0 && PyErr_Occurred()) {
      PyErr_Clear();
      wrong_type(site, "a float", o);
    }
    return v;
  }
  static PyObject* to(double v) { return PyFloat_FromDouble(v); }
};
template <>
struct Converter<bool> {
  static constexpr const char* name = "bool";
  static bool from(PyObject* o, Site site) {
    if (o == Py_True) return true;
    if (o != Py_False) wrong_type(site, "a bool", o);
    return false;
  }
  static PyObject* to(bool v) { return PyBool_FromLong(v); }
};
template <>
struct Converter<std::string> {
  static constexpr const char* name = "str";
  static std::string from(PyObject* o, Site site) {
    if (!PyUnicode_Check(o)) wrong_type(site, "a str", o);
    const char* text = PyUnicode_AsUTF8(o);
    if (!text) throw PythonError{};
    return text;
  }
  static PyObject* to(const std::string& v) {
    return PyUnicode_FromStringAndSize(v.data(), static_cast<Py_ssize_t>(v.size()));
  }
};
template <>
struct Converter<DType> {
  static constexpr const char* name = "DType";
  static DType from(PyObject* o, Site site) {
    DType dtype;
    if (!dtype_from_object(o, &dtype)) wrong_type(site, "a tensorcore dtype", o);
    return dtype;
  }
  static PyObject* to(DType v) { return Py_NewRef(dtype_object(v)); }
};
template <>
struct Converter<Device> {
  static constexpr const char* name = "Device | str";
  static Device from(PyObject* o, Site site) {
    Device device;
    if (!device_from_object(o, &device)) wrong_type(site, "a device ('cpu', 'cuda', 'cuda:N')", o);
    return device;
  }
  static PyObject* to(Device v) { return device_object(v); }
};
template <>
struct Converter<Dims> {  // an int or a tuple or list of ints
  static constexpr const char* name = "int | Sequence[int]";
  static Dims from(PyObject* o, Site site) {
    Dims dims;
    if (PyIndex_Check(o) && !PyBool_Check(o)) {
      dims.push_back(Converter<std::int64_t>::from(o, site));
      return dims;
    }
    if (!PyTuple_Check(o) && !PyList_Check(o)) wrong_type(site, "an int or a tuple of ints", o);
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    check_value(n <= kMaxNdim, site.function, ": at most ", kMaxNdim, " dimensions are supported, got ", n);
    for (Py_ssize_t i = 0; i < n; ++i)
      dims.push_back(Converter<std::int64_t>::from(PySequence_Fast_GET_ITEM(o, i), site));
    return dims;
  }
  static PyObject* to(const Dims& v) {
    PyObject* tuple = PyTuple_New(v.size());
    for (int i = 0; tuple && i < v.size(); ++i) PyTuple_SET_ITEM(tuple, i, PyLong_FromLongLong(v[i]));
    return tuple;
  }
};
template <class T>
struct Converter<std::optional<T>> {
  static inline const std::string name = std::string(Converter<T>::name) + " | None";
  static std::optional<T> from(PyObject* o, Site site) {
    if (o == Py_None) return std::nullopt;
    return Converter<T>::from(o, site);
  }
  static PyObject* to(std::optional<T> v) { return v ? Converter<T>::to(std::move(*v)) : Py_NewRef(Py_None); }
};
template <class T>
struct Converter<std::vector<T>> {
  static inline const std::string name = std::string("Sequence[") + Converter<T>::name + "]";
  static std::vector<T> from(PyObject* o, Site site) {
    if (!PyTuple_Check(o) && !PyList_Check(o)) wrong_type(site, "a list or tuple", o);
    std::vector<T> out;
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    out.reserve(static_cast<std::size_t>(n));
    for (Py_ssize_t i = 0; i < n; ++i) out.push_back(Converter<T>::from(PySequence_Fast_GET_ITEM(o, i), site));
    return out;
  }
  static PyObject* to(std::vector<T>&& v) {
    PyObject* tuple = PyTuple_New(static_cast<Py_ssize_t>(v.size()));
    for (std::size_t i = 0; tuple && i < v.size(); ++i) {
      PyObject* item = Converter<T>::to(std::move(v[i]));
      if (!item) {
        Py_DECREF(tuple);
        return nullptr;
      }
      PyTuple_SET_ITEM(tuple, static_cast<Py_ssize_t>(i), item);
    }
    return tuple;
  }
};
template <class... Ts>
struct Converter<std::tuple<Ts...>> {
  static inline const std::string name = [] {
    std::string text = "tuple[";
    const char* separator = "";
    ((text += separator, text += Converter<Ts>::name, separator = ", "), ...);
    return text + "]";
  }();
  static PyObject* to(std::tuple<Ts...>&& v) {
    PyObject* tuple = PyTuple_New(sizeof...(Ts));
    if (!tuple) return nullptr;
    bool ok = true;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((ok = ok &&
             [&] {
               PyObject* item = Converter<Ts>::to(std::move(std::get<I>(v)));
               if (item) PyTuple_SET_ITEM(tuple, I, item);
               return item != nullptr;
             }()),
       ...);
    }(std::index_sequence_for<Ts...>{});
    if (!ok) Py_CLEAR(tuple);
    return tuple;
  }
};

inline std::int64_t elements_in(const Array& a) { return a.size(); }
inline std::int64_t elements_in(const std::vector<Array>& list) {
  std::int64_t n = 0;
  for (const Array& a : list) n += a.size();
  return n;
}
inline std::int64_t elements_in(const std::optional<Array>& a) { return a ? a->size() : 0; }
template <class T>
std::int64_t elements_in(const T&) {
  return 0;
}

template <Name name, auto function>
struct Bound;

template <Name name, class Return, class... Args, Return (*function)(Args...)>
struct Bound<name, function> {
  static PyObject* call(PyObject*, PyObject* const* args, Py_ssize_t count) {
    try {
      if (count != static_cast<Py_ssize_t>(sizeof...(Args)))
        fail(ErrorKind::type, name.text, ": takes ", sizeof...(Args), " arguments, got ", count);
      return call_with(args, std::index_sequence_for<Args...>{});
    } catch (...) {
      set_error_from_exception();
      return nullptr;
    }
  }

  template <std::size_t... I>
  static PyObject* call_with([[maybe_unused]] PyObject* const* args, std::index_sequence<I...>) {
    // Keeps references where Converter gives them (Array), values elsewhere.
    std::tuple<decltype(Converter<std::decay_t<Args>>::from(nullptr, Site{}))...> values{
        Converter<std::decay_t<Args>>::from(args[I], Site{name.text, static_cast<int>(I)})...};
    const auto invoke = [&]() -> Return {
      const GilRelease release((0 + ... + elements_in(std::get<I>(values))) > kGilElements);
      return function(static_cast<Args>(std::get<I>(values))...);
    };
    if constexpr (std::is_void_v<Return>) {
      invoke();
      Py_RETURN_NONE;
    } else {
      return Converter<std::decay_t<Return>>::to(invoke());
    }
  }

  // "name(Tensor, int) -> Tensor": what the stub generator reads.
  static inline const std::string doc = [] {
    std::string text = std::string(name.text) + "(";
    [[maybe_unused]] const char* separator = "";
    ((text += separator, text += Converter<std::decay_t<Args>>::name, separator = ", "), ...);
    if constexpr (std::is_void_v<Return>)
      return text + ") -> None";
    else
      return text + ") -> " + std::string(Converter<std::decay_t<Return>>::name);
  }();
  static inline PyMethodDef method = {name.text, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&call)),
                                      METH_FASTCALL, nullptr};
};

inline void add_to(PyObject* module, const char* name, PyObject* value) {
  if (!value || PyModule_AddObjectRef(module, name, value) < 0) throw PythonError{};
  Py_DECREF(value);
}

template <Name name, auto function>
void bind(PyObject* module) {
  using B = Bound<name, function>;
  B::method.ml_doc = B::doc.c_str();
  add_to(module, name.text, PyCFunction_NewEx(&B::method, nullptr, nullptr));
}

// Collects the functions that fill the module; bindings/module.cpp calls them.
using BindFunction = void (*)(PyObject* module);
std::vector<BindFunction>& binders();
struct Binder {
  explicit Binder(BindFunction function) { binders().push_back(function); }
};

}  // namespace tc::python
