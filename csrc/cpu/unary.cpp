// Elementwise kernels of one input.
#include "cpu/elementwise_ops.h"

namespace tc::cpu {
namespace {
const ProvideUnary arithmetic{functors::UnaryArithmeticOps{}};
const ProvideUnary math{functors::UnaryMathOps{}};
}  // namespace
}  // namespace tc::cpu
