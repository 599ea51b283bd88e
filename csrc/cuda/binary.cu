// Ops of two inputs, and where().
#include "cuda/elementwise.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

// Bits are only moved, so that one kernel per width is enough.
template <class Word>
__global__ void __launch_bounds__(kThreads)
    select(Loop<4> loop, Word* y, const bool* condition, const Word* a, const Word* b) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= loop.chunks) return;
  std::int64_t at[4];
  loop.template locate<1>(i, at);
  y[at[0]] = condition[at[1]] ? a[at[2]] : b[at[3]];
}

template <class Word>
void select_words(const Array& condition, const Array& a, const Array& b, Array& y) {
  const Loop<4> loop(LoopPlan<4>({&y, &condition, &a, &b}), 1);
  launch<select<Word>>({dim3(static_cast<unsigned>((loop.chunks + kThreads - 1) / kThreads)), kThreads}, loop,
                       y.data<Word>(), condition.data<bool>(), a.data<Word>(), b.data<Word>());
}

// On y's device and of its dtype.
Array prepared(const Array& x, const Array& y) {
  if (x.device() == y.device())
    return ops::astype(without_repeats(x), y.dtype(), false).broadcast_to(y.shape(), "where");
  Array one = Array::empty({}, y.dtype(), y.device());  // a number given by the host
  kernels::copy(y.device(), x.view({}, {}), one);
  return one.broadcast_to(y.shape(), "where");
}

void where(const Array& condition, const Array& a, const Array& b, Array& y) {
  const Array mask = condition.device() == y.device() ? condition : [&] {
    Array one = Array::empty({}, DType::boolean, y.device());
    kernels::copy(y.device(), condition.view({}, {}), one);
    return one.broadcast_to(y.shape(), "where");
  }();
  const Array first = prepared(a, y), second = prepared(b, y);
  switch (itemsize(y.dtype())) {
    case 1:
      return select_words<std::uint8_t>(mask, first, second, y);
    case 2:
      return select_words<std::uint16_t>(mask, first, second, y);
    case 4:
      return select_words<std::uint32_t>(mask, first, second, y);
    default:
      return select_words<std::uint64_t>(mask, first, second, y);
  }
}

const ProvideBinary arithmetic{functors::BinaryArithmeticOps{}};
const ProvideBinary division{functors::DivisionOps{}};
const ProvideBinary logic{functors::BinaryLogicOps{}};
TC_PROVIDE_CUDA(registered, kernels::where, &where);

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
