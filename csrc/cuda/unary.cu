// Ops of one input: arithmetic and mathematics.
#include "cuda/elementwise.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

const ProvideUnary arithmetic{functors::UnaryArithmeticOps{}};
const ProvideUnary maths{functors::UnaryMathOps{}};

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
