// One op object per elementwise functor, and where().
#include "ops/elementwise.h"

#include "bindings/bind.h"
#include "bindings/op_object.h"
#include "ops/copy.h"

namespace tc::python {
namespace {

template <class Op>
constexpr int kParams = [] {
  if constexpr (requires { Op::params; })
    return Op::params;
  else
    return 0;
}();

template <class Op>
constexpr OpInfo kUnary = {Op::name, 1, kParams<Op>, [](const Array* const* x, const Params& params, Array* out) {
                             return ops::unary<Op>(*x[0], params, out);
                           }};
template <class Op>
constexpr OpInfo kBinary = {Op::name, 2, kParams<Op>, [](const Array* const* x, const Params& params, Array* out) {
                              return ops::binary<Op>(*x[0], *x[1], params, out);
                            }};
constexpr OpInfo kWhere = {
    "where", 3, 0, [](const Array* const* x, const Params&, Array*) { return ops::where(*x[0], *x[1], *x[2]); }};

template <class... Ops>
void bind_unary(PyObject* module, functors::List<Ops...>) {
  (add_to(module, Ops::name, new_op(&kUnary<Ops>)), ...);
}
template <class... Ops>
void bind_binary(PyObject* module, functors::List<Ops...>) {
  (add_to(module, Ops::name, new_op(&kBinary<Ops>)), ...);
}

const Binder binder{[](PyObject* module) {
  bind_unary(module, functors::UnaryArithmeticOps{});
  bind_unary(module, functors::UnaryMathOps{});
  bind_unary(module, functors::UnaryActivationOps{});
  bind_binary(module, functors::BinaryArithmeticOps{});
  bind_binary(module, functors::DivisionOps{});
  bind_binary(module, functors::BinaryLogicOps{});
  bind_binary(module, functors::SwappedOps{});
  bind_binary(module, functors::BinaryActivationOps{});
  add_to(module, "where", new_op(&kWhere));
  bind<"copy", &ops::copy>(module);
  bind<"astype", &ops::astype>(module);
  bind<"assign", &ops::assign>(module);
}};

}  // namespace
}  // namespace tc::python
