// From a functor to its CUDA kernels: one per type it computes in, which reads and writes every layout and the dtypes
// that type stands for. Bytes bound all of them: one read per input and one write, in 16-byte accesses where operands
// are contiguous.
#pragma once
#include "cuda/loop.h"
#include "ops/elementwise.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

template <class Op, class C>
using Result = std::conditional_t<ops::kReturnsBool<Op>, bool, C>;

// Elements per chunk: 16 bytes of the compute type, or of half types where all operands are.
template <class C>
constexpr int kChunk = sizeof(C) == 8   ? 2
                       : sizeof(C) == 4 ? 4
                                        : 16;
constexpr int kChunksPerThread = 2;  // loads of both are under way before the first result
// Blocks a multiprocessor must hold: enough to hide latency, few enough that no register is spilled.
template <class C>
constexpr int kBlocks = sizeof(C) == 4 ? 4 : 3;

template <class C, int N>
struct Operands {
  Operand at[N + 1];  // output first
  C immediate[N + 1];
};

template <class Op, class C, int N, int V>
__global__ void __launch_bounds__(kThreads, kBlocks<C>)
    elementwise(Loop<N + 1> loop, Operands<C, N> operands, Params params) {
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * (kThreads * kChunksPerThread) + threadIdx.x;
  C in[kChunksPerThread][N][V] = {};
  std::int64_t at[kChunksPerThread][N + 1];
  int count[kChunksPerThread];
#pragma unroll
  for (int u = 0; u < kChunksPerThread; ++u) {
    const std::int64_t chunk = first + u * kThreads;
    count[u] = 0;
    if (chunk >= loop.chunks) continue;
    count[u] = loop.template locate<V>(chunk, at[u]);
#pragma unroll
    for (int k = 0; k < N; ++k)
      load_operand<C>(in[u][k], operands.at[k + 1], operands.immediate[k + 1], at[u][k + 1], loop.step[k + 1],
                      count[u]);
  }
#pragma unroll
  for (int u = 0; u < kChunksPerThread; ++u) {
    if (count[u] == 0) continue;
    using R = Result<Op, C>;
    R out[V];
#pragma unroll
    for (int i = 0; i < V; ++i) {
      if constexpr (N == 1 && requires { Op::params; })
        out[i] = Op::apply(in[u][0][i], params);
      else if constexpr (N == 1)
        out[i] = Op::apply(in[u][0][i]);
      else if constexpr (requires { Op::params; })
        out[i] = Op::apply(in[u][0][i], in[u][1][i], params);
      else
        out[i] = Op::apply(in[u][0][i], in[u][1][i]);
    }
    store_operand(typename Stored<R>::types{}, out, operands.at[0], at[u][0], loop.step[0], count[u]);
  }
}

template <class Op, class C, int N, int V>
void launch_elementwise(const LoopPlan<N + 1>& plan, Operands<C, N> operands, const Params& params) {
  Loop<N + 1> loop(plan, V);
  for (int k = 0; k <= N; ++k)
    operands.at[k].chunked = loop.moves_chunks(k, operands.at[k].data, itemsize(operands.at[k].dtype), V);
  const std::int64_t per_block = kThreads * kChunksPerThread;
  launch<elementwise<Op, C, N, V>>({dim3(static_cast<unsigned>((loop.chunks + per_block - 1) / per_block)), kThreads},
                                   loop, operands, params);
}

// Runs Op in the type C on inputs of any dtype and device rules: a CPU array here is a single number.
template <class Op, class C, int N>
void run_elementwise(const Array* const (&inputs)[N], Array& y, const Params& params) {
  using R = Result<Op, C>;
  Array kept[N], target = y;
  const bool converts = !contains(typename Stored<R>::types{}, y.dtype());
  if (converts) target = Array::empty(y.shape(), dtype_of<R>(), y.device());
  Operands<C, N> operands = {};
  operands.at[0] = {target.raw(), target.dtype(), false, false};
  const Array* walked[N + 1] = {&target};
  bool all_half = is_half(target.dtype());
  for (int k = 0; k < N; ++k) {
    const Array& x = *inputs[k];
    Operand& operand = operands.at[k + 1];
    kept[k] = x;
    if (x.device().type == DeviceType::cpu) {
      operand.immediate = true;
      operands.immediate[k + 1] = host_element<C>(x);
      kept[k] = Array(target.storage(), target.raw(), target.dtype(), x.shape(), Dims::filled(x.ndim(), 0));
    } else if (!contains(typename Stored<C>::types{}, x.dtype())) {
      kept[k] = ops::astype(without_repeats(x), dtype_of<C>(), false).broadcast_to(y.shape(), Op::name);
    }
    operand.data = kept[k].raw();
    operand.dtype = kept[k].dtype();
    all_half = all_half && (operand.immediate || is_half(operand.dtype));
    walked[k + 1] = &kept[k];
  }
  const LoopPlan<N + 1> plan = [&] {
    if constexpr (N == 1)
      return LoopPlan<2>({walked[0], walked[1]});
    else
      return LoopPlan<3>({walked[0], walked[1], walked[2]});
  }();
  if constexpr (std::is_same_v<C, float>) {
    if (all_half)
      launch_elementwise<Op, C, N, 8>(plan, operands, params);
    else
      launch_elementwise<Op, C, N, 4>(plan, operands, params);
  } else {
    launch_elementwise<Op, C, N, kChunk<C>>(plan, operands, params);
  }
  if (converts) kernels::copy(y.device(), target, y);
}

// The type an op computes in for a dtype: all integers in int64, whose low bits are those of narrower arithmetic.
template <class Op, int N>
void elementwise_of(DType dtype, const Array* const (&inputs)[N], Array& y, const Params& params) {
  using Dtypes = typename Op::dtypes;
  if (is_half(dtype) || dtype == DType::float32) {
    if constexpr (contains(Dtypes{}, DType::float32)) return run_elementwise<Op, float, N>(inputs, y, params);
  } else if (dtype == DType::float64) {
    if constexpr (contains(Dtypes{}, DType::float64)) return run_elementwise<Op, double, N>(inputs, y, params);
  } else if (is_bool(dtype)) {
    if constexpr (contains(Dtypes{}, DType::boolean)) return run_elementwise<Op, bool, N>(inputs, y, params);
  } else {
    if constexpr (contains(Dtypes{}, DType::int64)) return run_elementwise<Op, std::int64_t, N>(inputs, y, params);
  }
}

template <class Op>
void unary(const Array& x, Array& y, const Params& params) {
  elementwise_of<Op, 1>(ops::compute_dtype<Op>(x.dtype()), {&x}, y, params);
}
template <class Op>
void binary(const Array& a, const Array& b, Array& y, const Params& params) {
  elementwise_of<Op, 2>(ops::compute_dtype<Op>(promote(a.dtype(), b.dtype())), {&a, &b}, y, params);
}

template <class... Ops>
struct ProvideUnary {
  explicit ProvideUnary(functors::List<Ops...>) {
    (Provide{kernels::unary<Ops>, &unary<Ops>, Backend::TC_CUDA_BACKEND}, ...);
  }
};
template <class... Ops>
struct ProvideBinary {
  explicit ProvideBinary(functors::List<Ops...>) {
    (Provide{kernels::binary<Ops>, &binary<Ops>, Backend::TC_CUDA_BACKEND}, ...);
  }
};

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
