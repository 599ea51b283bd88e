// Activation functions and their gradients.
#include "cpu/elementwise_ops.h"

namespace tc::cpu {
namespace {
const ProvideUnary forward{functors::UnaryActivationOps{}};
const ProvideBinary backward{functors::BinaryActivationOps{}};
}  // namespace
}  // namespace tc::cpu
