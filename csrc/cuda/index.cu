// Gathers and scatters of elements or blocks at given offsets. Gathers are parallel over everything; where writes may
// meet, one thread owns a place of the block and walks the positions in order, so that no atomics are needed and the
// bits are the same in each run.
#include "cuda/loop.h"
#include "ops/copy.h"
#include "ops/index.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

struct Steps {  // of the axes of an index array
  int ndim = 0;
  std::int64_t shape[kMaxNdim], step[kMaxNdim];
};

__global__ void __launch_bounds__(kThreads)
    offsets_of(const std::int64_t* index, std::int64_t extent, std::int64_t stride, Steps steps, bool adds,
               std::int64_t* offsets, std::int64_t n, unsigned long long* bad) {
  const std::int64_t p = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (p >= n) return;
  std::int64_t i = index[p];
  if (i < -extent || i >= extent) {
    atomicMin(bad, static_cast<unsigned long long>(p));
    i = 0;
  }
  std::int64_t at = (i < 0 ? i + extent : i) * stride;
  if (adds) {
    at += offsets[p];
  } else {
    std::int64_t rest = p;
    for (int axis = steps.ndim - 1; axis >= 0; --axis) {
      const std::int64_t row = rest / steps.shape[axis];
      at += (rest - row * steps.shape[axis]) * steps.step[axis];
      rest = row;
    }
  }
  offsets[p] = at;
}

void index_offsets(const Array& index, std::int64_t extent, std::int64_t stride, const Dims& steps, bool adds,
                   Array& offsets, std::int64_t* bad) {
  Steps s;
  for (std::int64_t step : steps)
    if (step != 0) s.ndim = steps.size();
  for (int i = 0; i < s.ndim; ++i) s.shape[i] = index.shape(i), s.step[i] = steps[i];
  Array first = Array::empty({1}, DType::int64, index.device());
  fill_bytes(first.raw(), 0xff, 8);
  const std::int64_t n = index.size();
  launch<offsets_of>({dim3(static_cast<unsigned>((n + kThreads - 1) / kThreads)), kThreads}, index.data<std::int64_t>(),
                     extent, stride, s, adds, offsets.data<std::int64_t>(), n, first.data<unsigned long long>());
  *bad = *ops::on_host(first).data<std::int64_t>();  // the error must be raised here: wait for it
}

// How many elements are true decides the size of the result, which the host must know anyway: it looks them up.
void mask_positions(const Array& mask, Array* positions) {
  Array found;
  kernels::mask_positions(Device{}, ops::on_host(mask), &found);
  *positions = ops::to_device(found, mask.device(), false);
}

// One block of the packed side and the indexed one, as a loop; blocks of the packed side lie `step` apart.
Loop<2> block_loop(const Array& packed, const Array& rest, int chunk) {
  Dims shape = packed.shape(), strides = packed.strides();
  shape.erase(0);
  strides.erase(0);
  const Array block = packed.view(shape, strides);
  return Loop<2>(LoopPlan<2>({&block, &rest}), chunk);
}

template <class Word>
__global__ void __launch_bounds__(kThreads) gather_words(Loop<2> block, std::int64_t step, std::int64_t n,
                                                         const std::int64_t* offsets, const Word* from, Word* to) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= n * block.chunks) return;
  const std::int64_t p = i / block.chunks;
  std::int64_t at[2];
  block.template locate<1>(i - p * block.chunks, at);
  to[p * step + at[0]] = from[offsets[p] + at[1]];
}

void gather(const Array& rest, const Array& offsets, Array& out) {
  const Loop<2> block = block_loop(out, rest, 1);
  const std::int64_t n = out.shape(0), threads = n * block.chunks;
  const auto run = [&]<class Word>(Word) {
    launch<gather_words<Word>>({dim3(static_cast<unsigned>((threads + kThreads - 1) / kThreads)), kThreads}, block,
                               out.stride(0), n, offsets.data<std::int64_t>(), rest.data<Word>(), out.data<Word>());
  };
  switch (itemsize(rest.dtype())) {
    case 1:
      return run(std::uint8_t{});
    case 2:
      return run(std::uint16_t{});
    case 4:
      return run(std::uint32_t{});
    default:
      return run(std::uint64_t{});
  }
}

// Positions [outer, length, inner], of which those of one (outer, inner) may meet: one thread takes them in order for
// one place of the block.
template <class T, bool adds>
__global__ void __launch_bounds__(kThreads) scatter_in_order(Loop<2> block, std::int64_t step, ScatterSplit split,
                                                             const std::int64_t* offsets, const T* from, T* to) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= split.outer * split.inner * block.chunks) return;
  const std::int64_t lane = i / block.chunks, outer = lane / split.inner;
  std::int64_t at[2];
  block.template locate<1>(i - lane * block.chunks, at);
  std::int64_t p = outer * split.length * split.inner + (lane - outer * split.inner);
  for (std::int64_t k = 0; k < split.length; ++k, p += split.inner) {
    const std::int64_t offset = offsets[p];
    if constexpr (adds) {
      if (offset == kSkipped) continue;
      T& target = to[offset + at[1]];
      target = static_cast<T>(target + from[p * step + at[0]]);
    } else {
      to[offset + at[1]] = from[p * step + at[0]];
    }
  }
}

template <class T, bool adds>
void run_scatter(Array& rest, const Array& offsets, const ScatterSplit& split, const Array& values) {
  const Loop<2> block = block_loop(values, rest, 1);
  const std::int64_t threads = split.outer * split.inner * block.chunks;
  launch<scatter_in_order<T, adds>>({dim3(static_cast<unsigned>((threads + kThreads - 1) / kThreads)), kThreads}, block,
                                    values.stride(0), split, offsets.data<std::int64_t>(), values.data<T>(),
                                    rest.data<T>());
}

void scatter(Array& rest, const Array& offsets, bool distinct, const Array& values) {
  // Distinct positions cannot meet: each is a lane of its own.
  const ScatterSplit split = distinct ? ScatterSplit{offsets.size(), 1, 1} : ScatterSplit{1, offsets.size(), 1};
  switch (itemsize(rest.dtype())) {
    case 1:
      return run_scatter<std::uint8_t, false>(rest, offsets, split, values);
    case 2:
      return run_scatter<std::uint16_t, false>(rest, offsets, split, values);
    case 4:
      return run_scatter<std::uint32_t, false>(rest, offsets, split, values);
    default:
      return run_scatter<std::uint64_t, false>(rest, offsets, split, values);
  }
}

void scatter_add(Array& rest, const Array& offsets, const ScatterSplit& given, const Array& values) {
  const ScatterSplit split = given.length ? given : ScatterSplit{1, offsets.size(), 1};
  dispatch(Concat<Ints, WideFloats>::type{}, rest.dtype(),
           [&]<class T>() { run_scatter<T, true>(rest, offsets, split, values); });
}

TC_PROVIDE_CUDA(offsets_registered, kernels::index_offsets, &index_offsets);
TC_PROVIDE_CUDA(mask_registered, kernels::mask_positions, &mask_positions);
TC_PROVIDE_CUDA(gather_registered, kernels::gather, &gather);
TC_PROVIDE_CUDA(scatter_registered, kernels::scatter, &scatter);
TC_PROVIDE_CUDA(scatter_add_registered, kernels::scatter_add, &scatter_add);

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
