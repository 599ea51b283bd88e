// Activations and their gradients.
#include "cuda/elementwise.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

const ProvideUnary forward{functors::UnaryActivationOps{}};
const ProvideBinary backward{functors::BinaryActivationOps{}};

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
