// Elementwise kernels of one input.
#include "cpu/elementwise_ops.h"

namespace tc::cpu {
namespace {
const ProvideUnary registered{functors::UnaryOps{}};
}  // namespace
}  // namespace tc::cpu
