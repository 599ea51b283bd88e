// Evenly spaced arrays and triangles of matrices. Each element follows from its index alone.
#include "cuda/loop.h"
#include "ops/creation.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

constexpr int kRun = 4;  // elements per thread, a block apart

// start + floor(i * range / parts). The product needs 128 bits, of which i has at most 62 and range 65.
TC_DEVICE std::int64_t exact_element(const Spacing& s, std::int64_t i) {
  if (s.parts == 1)  // unsigned products wrap, and the true result fits
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(s.start_int) +
                                     static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(s.range_int));
  const __int128 product = s.range_int * i;
  const __int128 quotient = product / s.parts - (product % s.parts < 0);
  return static_cast<std::int64_t>(s.start_int + quotient);
}

__global__ void __launch_bounds__(kThreads) exact_spacing(Spacing s, Operand out, std::int64_t n) {
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * (kThreads * kRun) + threadIdx.x;
  for (int r = 0; r < kRun; ++r) {
    const std::int64_t i = first + r * kThreads;
    if (i >= n) return;
    const std::int64_t value[1] = {exact_element(s, i)};
    store_operand(All{}, value, out, i, 1, 1);
  }
}

__global__ void __launch_bounds__(kThreads) float_spacing(Spacing s, Operand out, std::int64_t n) {
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * (kThreads * kRun) + threadIdx.x;
  for (int r = 0; r < kRun; ++r) {
    const std::int64_t i = first + r * kThreads;
    if (i >= n) return;
    double value[1] = {i == s.last ? s.stop : ::fma(static_cast<double>(i), s.step, s.start)};
    if (s.floors) value[0] = ::floor(value[0]);
    store_operand(All{}, value, out, i, 1, 1);
  }
}

void spaced(const Spacing& spacing, Array& out) {
  const dim3 blocks(static_cast<unsigned>((out.size() + kThreads * kRun - 1) / (kThreads * kRun)));
  const Operand to{out.raw(), out.dtype(), false, false};
  if (spacing.exact)
    launch<exact_spacing>({blocks, kThreads}, spacing, to, out.size());
  else
    launch<float_spacing>({blocks, kThreads}, spacing, to, out.size());
}

template <class Word>
__global__ void __launch_bounds__(kThreads)
    clear_outside(Word* matrices, std::int64_t rows, std::int64_t columns, std::int64_t k, bool upper, std::int64_t n) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= n) return;
  const std::int64_t column = i % columns, row = i / columns % rows;
  if (upper ? column < row + k : column > row + k) matrices[i] = Word(0);
}

void clear_triangle(Array& matrices, std::int64_t k, bool upper) {
  const std::int64_t rows = matrices.shape(-2), columns = matrices.shape(-1), n = matrices.size();
  const std::int64_t diagonal = std::max(-rows, std::min(k, columns));
  const LaunchShape shape{dim3(static_cast<unsigned>((n + kThreads - 1) / kThreads)), kThreads};
  switch (itemsize(matrices.dtype())) {
    case 1:
      return launch<clear_outside<std::uint8_t>>(shape, matrices.data<std::uint8_t>(), rows, columns, diagonal, upper,
                                                 n);
    case 2:
      return launch<clear_outside<std::uint16_t>>(shape, matrices.data<std::uint16_t>(), rows, columns, diagonal, upper,
                                                  n);
    case 4:
      return launch<clear_outside<std::uint32_t>>(shape, matrices.data<std::uint32_t>(), rows, columns, diagonal, upper,
                                                  n);
    default:
      return launch<clear_outside<std::uint64_t>>(shape, matrices.data<std::uint64_t>(), rows, columns, diagonal, upper,
                                                  n);
  }
}

TC_PROVIDE_CUDA(spaced_registered, kernels::spaced, &spaced);
TC_PROVIDE_CUDA(triangle_registered, kernels::clear_triangle, &clear_triangle);

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
