// Copies between any two layouts and dtypes. Contiguous ones go through the driver's copy; transposes through tiles of
// shared memory, so that both sides use whole 128-byte lines; the rest chunk by chunk.
#include "cuda/loop.h"
#include "ops/copy.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

// Elements pass through a type that holds all values of one kind: int64 for integers and bool, float, double.
template <class C>
struct Kind;
template <>
struct Kind<std::int64_t> {
  using types = Concat<Bool, Ints>::type;
};
template <>
struct Kind<float> {
  using types = Types<float, half, bfloat16>;
};
template <>
struct Kind<double> {
  using types = Types<double>;
};

constexpr int kChunk = 4;

template <class C>
__global__ void __launch_bounds__(kThreads) convert_elements(Loop<2> loop, Operand to, Operand from, C immediate) {
  const std::int64_t chunk = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (chunk >= loop.chunks) return;
  std::int64_t at[2];
  const int count = loop.template locate<kChunk>(chunk, at);
  C values[kChunk] = {};
  if (from.immediate) {
#pragma unroll
    for (int i = 0; i < kChunk; ++i) values[i] = immediate;
  } else {
    dispatch_stored(typename Kind<C>::types{}, from.dtype, [&]<class T>() {
      if (from.chunked && count == kChunk)
        load_chunk<T>(values, from.data, at[1]);
      else
        load_some<T>(values, from.data, at[1], loop.step[1], count);
    });
  }
  store_operand(All{}, values, to, at[0], loop.step[0], count);
}

// V words of one chunk.
template <class Word, int V>
__global__ void __launch_bounds__(kThreads) move_elements(Loop<2> loop, Operand to, Operand from) {
  const std::int64_t chunk = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (chunk >= loop.chunks) return;
  std::int64_t at[2];
  const int count = loop.template locate<V>(chunk, at);
  Word values[V] = {};
  if (from.chunked && count == V)
    load_chunk<Word>(values, from.data, at[1]);
  else
    load_some<Word>(values, from.data, at[1], loop.step[1], count);
  if (to.chunked && count == V)
    store_chunk<Word>(values, to.data, at[0]);
  else
    store_some<Word>(values, to.data, at[0], loop.step[0], count);
}

// A stack of transposes: axis `near` is contiguous in the source, `inner` in the destination. Tiles of 32 x 32, padded
// by one column against bank conflicts; each warp moves rows of 32.
constexpr int kTile = 32, kRows = 8;

struct TransposeShape {
  std::int64_t near, inner;                               // extents
  std::int64_t from_near, from_inner, to_near, to_inner;  // strides
  Loop<2> batch;                                          // the other axes, one chunk per matrix
};

template <class Word>
__global__ void __launch_bounds__(kTile* kRows) transpose(TransposeShape s, Word* to, const Word* from) {
  TC_SHARED(Word, tile, [kTile][kTile + 1]);
  std::int64_t at[2];
  s.batch.template locate<1>(blockIdx.z, at);
  const std::int64_t near0 = static_cast<std::int64_t>(blockIdx.y) * kTile;
  const std::int64_t inner0 = static_cast<std::int64_t>(blockIdx.x) * kTile;
  const int x = threadIdx.x % kTile, y = threadIdx.x / kTile;
#pragma unroll
  for (int r = y; r < kTile; r += kRows)
    if (near0 + x < s.near && inner0 + r < s.inner)
      tile[r][x] = from[at[1] + (near0 + x) * s.from_near + (inner0 + r) * s.from_inner];
  __syncthreads();
#pragma unroll
  for (int r = y; r < kTile; r += kRows)
    if (near0 + r < s.near && inner0 + x < s.inner)
      to[at[0] + (near0 + r) * s.to_near + (inner0 + x) * s.to_inner] = tile[x][r];
}

dim3 blocks_for(std::int64_t chunks) { return dim3(static_cast<unsigned>((chunks + kThreads - 1) / kThreads)); }

// A transpose that is worth tiles? Then launches it.
template <class Word>
bool transposed(const LoopPlan<2>& plan, Array& to, const Array& from) {
  if (plan.ndim < 2) return false;
  const int inner = plan.ndim - 1;
  int near = inner;
  for (int i = 0; i < inner; ++i)
    if (plan.strides[1][i] == 1) near = i;
  if (near == inner || plan.shape[near] < 8 || plan.shape[inner] < 8) return false;
  LoopPlan<2> rest = plan;  // without the two axes; one element at least
  rest.ndim = 0;
  std::int64_t matrices = 1;
  for (int i = 0; i < inner; ++i) {
    if (i == near) continue;
    rest.shape[rest.ndim] = plan.shape[i];
    for (int k = 0; k < 2; ++k) rest.strides[k][rest.ndim] = plan.strides[k][i];
    matrices *= plan.shape[i];
    ++rest.ndim;
  }
  const std::int64_t tiles_near = (plan.shape[near] + kTile - 1) / kTile;
  const std::int64_t tiles_inner = (plan.shape[inner] + kTile - 1) / kTile;
  if (matrices > 65535 || tiles_near > 65535 || tiles_inner > INT32_MAX) return false;
  const TransposeShape shape{plan.shape[near],       plan.shape[inner],     plan.strides[1][near],
                             plan.strides[1][inner], plan.strides[0][near], plan.strides[0][inner],
                             Loop<2>(rest, 1)};
  launch<transpose<Word>>(
      {dim3(static_cast<unsigned>(tiles_inner), static_cast<unsigned>(tiles_near), static_cast<unsigned>(matrices)),
       kTile * kRows},
      shape, to.data<Word>(), from.data<Word>());
  return true;
}

template <class Word>
void move(const LoopPlan<2>& plan, Array& to, const Array& from) {
  if (transposed<Word>(plan, to, from)) return;
  constexpr int V = 16 / sizeof(Word);
  const Loop<2> loop(plan, V);
  const Operand target{to.raw(), to.dtype(), loop.moves_chunks(0, to.raw(), sizeof(Word), V), false};
  const Operand source{from.raw(), from.dtype(), loop.moves_chunks(1, from.raw(), sizeof(Word), V), false};
  launch<move_elements<Word, V>>({blocks_for(loop.chunks), kThreads}, loop, target, source);
}

template <class C>
void convert_all(const LoopPlan<2>& plan, Array& to, const Array& from, bool immediate) {
  const Loop<2> loop(plan, kChunk);
  const Operand target{to.raw(), to.dtype(), loop.moves_chunks(0, to.raw(), itemsize(to.dtype()), kChunk), false};
  Operand source{from.raw(), from.dtype(), false, immediate};
  if (!immediate) source.chunked = loop.moves_chunks(1, from.raw(), itemsize(from.dtype()), kChunk);
  launch<convert_elements<C>>({blocks_for(loop.chunks), kThreads}, loop, target, source,
                              immediate ? host_element<C>(from) : C{});
}

// A source on the CPU is a single number, broadcast.
void copy(const Array& source, Array& destination) {
  const bool immediate = source.device().type == DeviceType::cpu;
  const LoopPlan<2> plan({&destination, &source});
  const bool flat = plan.ndim == 0 || (plan.ndim == 1 && plan.strides[0][0] == 1 && plan.strides[1][0] == 1);
  if (!immediate && source.dtype() == destination.dtype()) {
    if (flat) return copy_bytes(destination.raw(), source.raw(), destination.nbytes());
    switch (itemsize(source.dtype())) {
      case 1:
        return move<std::uint8_t>(plan, destination, source);
      case 2:
        return move<std::uint16_t>(plan, destination, source);
      case 4:
        return move<std::uint32_t>(plan, destination, source);
      default:
        return move<std::uint64_t>(plan, destination, source);
    }
  }
  if (!is_float(source.dtype()))
    convert_all<std::int64_t>(plan, destination, source, immediate);
  else if (source.dtype() == DType::float64)
    convert_all<double>(plan, destination, source, immediate);
  else
    convert_all<float>(plan, destination, source, immediate);
}

TC_PROVIDE_CUDA(registered, kernels::copy, &copy);

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
