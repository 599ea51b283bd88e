// The module tensorcore._core: types first, then every family's functions.
#include <pybind11/pybind11.h>

#include "bindings/bind.h"
#include "bindings/op_object.h"
#include "bindings/tensor_type.h"

namespace py = pybind11;

namespace tc::python {

std::vector<BindFunction>& binders() {
  static std::vector<BindFunction> list;
  return list;
}

namespace {
struct DTypeObject {
  DType value;
};
DTypeObject dtype_values[kDTypes];
PyObject* dtype_objects[kDTypes];
PyObject* cpu_object = nullptr;

const char* kind_of(DType d) {
  return is_bool(d) ? "bool" : is_float(d) ? "float" : d == DType::uint8 ? "uint" : "int";
}

void bind_dtypes(py::module_& m) {
  py::class_<DTypeObject, std::unique_ptr<DTypeObject, py::nodelete>>(m, "DType", "An element type.")
      .def_property_readonly("name", [](const DTypeObject& d) { return name_of(d.value); })
      .def_property_readonly(
          "itemsize", [](const DTypeObject& d) { return itemsize(d.value); }, "Bytes per element.")
      .def_property_readonly(
          "kind", [](const DTypeObject& d) { return kind_of(d.value); }, "'bool', 'int', 'uint' or 'float'.")
      .def("__repr__", [](const DTypeObject& d) { return std::string("tensorcore.") + name_of(d.value); })
      .def("__reduce__", [](py::object self) {
        return py::make_tuple(py::module_::import("tensorcore._core").attr("dtype_named"),
                              py::make_tuple(self.attr("name")));
      });
  for (int i = 0; i < kDTypes; ++i) {
    dtype_values[i].value = static_cast<DType>(i);
    dtype_objects[i] = py::cast(&dtype_values[i], py::return_value_policy::reference).release().ptr();
    m.attr(name_of(static_cast<DType>(i))) = py::handle(dtype_objects[i]);
  }
  m.def("dtype_named", [m = m.ptr()](const std::string& name) { return py::handle(m).attr(name.c_str()); });
}

void bind_device(py::module_& m) {
  py::class_<Device>(m, "Device", "Where a tensor's elements live: Device('cpu'), Device('cuda:0').")
      .def(py::init([](const std::string& text) { return parse_device(text); }), py::arg("name"), py::pos_only())
      .def_property_readonly("type", [](Device d) { return d.type == DeviceType::cpu ? "cpu" : "cuda"; })
      .def_property_readonly("index", [](Device d) { return static_cast<int>(d.index); })
      .def("__eq__",
           [](Device a, py::object b) {
             if (py::isinstance<py::str>(b)) return to_string(a) == b.cast<std::string>();
             return py::isinstance<Device>(b) && a == b.cast<Device>();
           })
      .def("__hash__", [](Device d) { return static_cast<int>(d.type) * 256 + d.index; })
      .def("__str__", [](Device d) { return to_string(d); })
      .def("__repr__", [](Device d) { return "Device('" + to_string(d) + "')"; })
      .def("__reduce__", [](Device d) {
        return py::make_tuple(py::module_::import("tensorcore._core").attr("Device"), py::make_tuple(to_string(d)));
      });
  cpu_object = py::cast(Device{}).release().ptr();
}
}  // namespace

PyObject* dtype_object(DType dtype) { return dtype_objects[static_cast<int>(dtype)]; }

bool dtype_from_object(PyObject* object, DType* out) {
  for (int i = 0; i < kDTypes; ++i)
    if (dtype_objects[i] == object) {
      *out = static_cast<DType>(i);
      return true;
    }
  return false;
}

PyObject* device_object(Device device) {
  if (device == Device{}) return Py_NewRef(cpu_object);
  return py::cast(device).release().ptr();
}

bool device_from_object(PyObject* object, Device* out) {
  if (object == cpu_object) {
    *out = Device{};
    return true;
  }
  if (PyUnicode_Check(object)) {
    const char* text = PyUnicode_AsUTF8(object);
    if (!text) throw PythonError{};
    *out = parse_device(text);
    return true;
  }
  if (!py::isinstance<Device>(object)) return false;
  *out = py::cast<Device>(object);
  return true;
}

}  // namespace tc::python

PYBIND11_MODULE(_core, m) {
  using namespace tc::python;
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const tc::Error&) {
      set_error_from_exception();
    } catch (const PythonError&) {
    }
  });
  m.attr("__version__") = TENSORCORE_VERSION;
  bind_dtypes(m);
  bind_device(m);
  if (init_tensor_type(m.ptr()) < 0 || init_tape(m.ptr()) < 0 || init_op_type(m.ptr()) < 0)
    throw py::error_already_set();
  try {
    for (const BindFunction fill : binders()) fill(m.ptr());
  } catch (...) {
    set_error_from_exception();
    throw py::error_already_set();
  }
}
