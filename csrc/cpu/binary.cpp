// Elementwise kernels of two inputs.
#include "cpu/elementwise_ops.h"

namespace tc::cpu {
namespace {
const ProvideBinary registered{functors::BinaryOps{}};
}  // namespace
}  // namespace tc::cpu
