// machine_info(): what `tensorcore info` shows of the processor.
#include "core/machine.h"

#include "bindings/bind.h"
#include "core/kernel_table.h"

namespace tc::python {
namespace {

PyObject* machine_info(PyObject*, PyObject*) {
  try {
    const MachineInfo& m = tc::machine_info();
    std::vector<std::string> features = m.features;
    PyObject* list = Converter<std::vector<std::string>>::to(std::move(features));
    return Py_BuildValue("{s:s,s:N,s:s,s:i,s:i,s:i,s:L,s:L,s:L,s:L}", "processor", m.processor.c_str(), "features",
                         list, "isa", name_of(best_isa()), "logical_cpus", m.logical_cpus, "physical_cores",
                         m.physical_cores, "available_cpus", m.available_cpus, "l1_bytes",
                         static_cast<long long>(m.l1_bytes), "l2_bytes", static_cast<long long>(m.l2_bytes), "l3_bytes",
                         static_cast<long long>(m.l3_bytes), "memory_bytes", static_cast<long long>(m.memory_bytes));
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

PyMethodDef functions[] = {{"machine_info", machine_info, METH_NOARGS, "machine_info() -> dict[str, object]"}, {}};
const Binder binder{[](PyObject* module) {
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError{};
}};

}  // namespace
}  // namespace tc::python
