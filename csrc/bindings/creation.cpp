#include "ops/creation.h"

#include "bindings/bind.h"

namespace tc::python {
namespace {

// A 0-d array of the dtype a Python scalar has on its own: bool, int64 or float64 (so that no bit is lost).
Array scalar(double value, DType dtype) {
  Array out = Array::empty({}, dtype);
  dispatch(All{}, dtype, [&]<class T>() { *out.data<T>() = convert<T>(value); });
  return out;
}
Array integer_scalar(std::int64_t value, DType dtype) {
  Array out = Array::empty({}, dtype);
  dispatch(All{}, dtype, [&]<class T>() { *out.data<T>() = convert<T>(value); });
  return out;
}

const Binder binder{[](PyObject* module) {
  bind<"empty", &ops::empty>(module);
  bind<"full", &ops::full>(module);
  bind<"float_scalar", &scalar>(module);
  bind<"int_scalar", &integer_scalar>(module);
}};

}  // namespace
}  // namespace tc::python
