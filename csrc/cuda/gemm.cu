// Matrix products on a GPU: gemm() plans, picks the kernel and launches it; matmul and linear are calls of it.
#include "cuda/device/launch.h"
#include "cuda/gemm.h"
#include "cuda/gemm_mma.h"
#include "cuda/gemm_simt.h"
#include "ops/linalg.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

constexpr std::int64_t kMaxGridZ = 16384;  // of matrices per launch; CUDA allows 65535, a test wants few

template <auto Kernel, class T>
void launch_product(const GemmPlan& plan, GemmArguments<T>& arguments) {
  const auto blocks = static_cast<unsigned>(plan.tiles_m * plan.tiles_n);
  for (std::int64_t first = 0; first < arguments.batch.count; first += kMaxGridZ) {
    arguments.first_batch = first;
    const auto matrices = static_cast<unsigned>(std::min(arguments.batch.count - first, kMaxGridZ));
    launch<Kernel>({dim3(blocks, static_cast<unsigned>(plan.split_k), matrices),
                    dim3(static_cast<unsigned>(plan.tile.threads)), plan.shared},
                   arguments);
  }
}

// The kernel of the plan's tile, among those of one family.
template <class T, GemmKernel kernel>
void launch_tile(const GemmPlan& plan, GemmArguments<T>& arguments) {
  const auto among = [&]<int... i>(std::integer_sequence<int, i...>) {
    const auto run = [&]<int index>() {
      if constexpr (kernel == GemmKernel::simt)
        launch_product<gemm_simt<T, index>>(plan, arguments);
      else
        launch_product<gemm_mma<T, kernel, index>>(plan, arguments);
    };
    (void)((plan.tile_index == i ? (run.template operator()<i>(), true) : false) || ...);
  };
  if constexpr (kernel == GemmKernel::simt && !std::is_same_v<T, float>)
    among(std::integer_sequence<int, kSmallSimtTile>{});
  else
    among(std::make_integer_sequence<int, kGemmTiles>{});
}

template <class T>
void launch_kernel(const GemmPlan& plan, GemmArguments<T>& arguments) {
  if constexpr (sizeof(T) == 2 && !std::is_integral_v<T>) {
    launch_tile<T, GemmKernel::mma>(plan, arguments);
  } else {
    if constexpr (std::is_same_v<T, float>) {
      if (plan.kernel == GemmKernel::tf32) return launch_tile<T, GemmKernel::tf32>(plan, arguments);
      if (plan.kernel == GemmKernel::tf32x3) return launch_tile<T, GemmKernel::tf32x3>(plan, arguments);
    }
    launch_tile<T, GemmKernel::simt>(plan, arguments);
  }
}

template <class T>
void reduce(GemmArguments<T> arguments, int split) {
  const std::int64_t elements = arguments.batch.count * arguments.m * arguments.n;
  launch<gemm_reduce<T>>({dim3(static_cast<unsigned>((elements + 31) / 32)), dim3(32, 8)}, arguments, split);
}

// The partial sums of the sides: as those of a product with one column.
template <class T>
void reduce_sums(const GemmArguments<T>& product, int split) {
  GemmArguments<T> arguments{};
  arguments.m = product.sums_of_b ? product.n : product.m;
  arguments.n = 1;
  arguments.c = product.sums;
  arguments.c_row_stride = arguments.c_col_stride = 1;
  arguments.alpha = 1;
  arguments.partial = product.partial_sums;
  reduce(arguments, split);
}

int alignment_of(const void* data, const GemmBatch& batch, const std::int64_t* strides, int bytes) {
  int alignment = common_alignment({static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(data))});
  for (int i = 0; i < batch.ndim; ++i) alignment = std::min(alignment, common_alignment({strides[i] * bytes}));
  return alignment;
}

template <class T>
void run(const Gemm& p, Device device) {
  using P = GemmSum<T>;
  constexpr int kBytes = sizeof(T);
  const GemmProblem problem{p.m,
                            p.n,
                            p.k,
                            p.batch.count,
                            p.dtype,
                            {p.a.row_stride, p.a.col_stride, alignment_of(p.a.data, p.batch, p.batch.a, kBytes)},
                            {p.b.col_stride, p.b.row_stride, alignment_of(p.b.data, p.batch, p.batch.b, kBytes)},
                            p.c.row_stride,
                            p.c.col_stride,
                            alignment_of(p.c.data, p.batch, p.batch.c, kBytes),
                            matmul_precision(),
                            properties().multiprocessors,
                            forced_gemm_tile()};
  const GemmPlan plan = plan_gemm(problem);

  GemmArguments<T> g{};
  g.a = static_cast<const T*>(p.a.data), g.b = static_cast<const T*>(p.b.data);
  g.a_side = plan.a, g.b_side = plan.b;
  g.m = p.m, g.n = p.n, g.k = p.k, g.k_per_split = plan.k_per_split;
  g.tiles_m = static_cast<int>(plan.tiles_m), g.tiles_n = static_cast<int>(plan.tiles_n);
  g.c = static_cast<T*>(p.c.data);
  g.c_row_stride = p.c.row_stride, g.c_col_stride = p.c.col_stride, g.c_width = plan.c_width;
  g.alpha = static_cast<P>(p.alpha), g.beta = static_cast<P>(p.beta);
  g.residual = p.beta != 0 ? static_cast<const T*>(p.residual.data) : nullptr;
  g.residual_row_stride = p.residual.row_stride, g.residual_col_stride = p.residual.col_stride;
  g.row_bias = static_cast<const T*>(p.row_bias.data), g.row_bias_stride = p.row_bias.stride;
  g.column_bias = static_cast<const T*>(p.column_bias.data), g.column_bias_stride = p.column_bias.stride;
  g.activation = p.activation;
  g.plain = p.alpha == 1 && !g.residual && !g.row_bias && !g.column_bias && p.activation == Activation::none;
  g.sums_of_b = p.column_sums != nullptr;
  g.sums = static_cast<T*>(g.sums_of_b ? p.column_sums : p.row_sums);
  g.batch = p.batch;

  Array partial, partial_sums;  // freed when the stream is done with them
  if (plan.split_k > 1) {
    partial = Array::empty({static_cast<std::int64_t>(plan.workspace)}, DType::uint8, device);
    g.partial = partial.data<P>();
    if (g.sums) {
      const auto bytes = static_cast<std::int64_t>(sizeof(P)) * plan.split_k * (g.sums_of_b ? p.n : p.m);
      partial_sums = Array::empty({bytes}, DType::uint8, device);
      g.partial_sums = partial_sums.data<P>();
    }
  }
  launch_kernel(plan, g);
  if (plan.split_k > 1) {
    reduce(g, plan.split_k);
    if (g.sums) reduce_sums(g, plan.split_k);
  }
}

}  // namespace

void gemm(Gemm p, Device device) {
  if (p.c.col_stride != 1 && p.c.row_stride == 1) {  // C^T = B^T A^T
    std::swap(p.m, p.n);
    std::swap(p.a, p.b);
    std::swap_ranges(p.batch.a, p.batch.a + p.batch.ndim, p.batch.b);
    for (GemmMatrix* matrix : {&p.a, &p.b, &p.c, &p.residual}) std::swap(matrix->row_stride, matrix->col_stride);
    std::swap(p.row_bias, p.column_bias);
    std::swap(p.row_sums, p.column_sums);
  }
  if (p.dtype == DType::int8) p.dtype = DType::uint8;  // the same bits
  if (p.dtype == DType::bfloat16) return run<bfloat16>(p, device);
  if (p.dtype == DType::float16) return run<half>(p, device);
  if (p.dtype == DType::float32) return run<float>(p, device);
  if (p.dtype == DType::float64) return run<double>(p, device);
  switch (itemsize(p.dtype)) {
    case 1:
      return run<std::uint8_t>(p, device);
    case 2:
      return run<std::uint16_t>(p, device);
    case 4:
      return run<std::uint32_t>(p, device);
    default:
      return run<std::uint64_t>(p, device);
  }
}

namespace {

GemmMatrix matrix_of(const Array& x) { return {x.raw(), x.stride(-2), x.stride(-1)}; }

void matmul(const Array& a, const Array& b, Array& y) {
  Gemm p;
  p.dtype = y.dtype();
  p.m = a.shape(-2), p.n = b.shape(-1), p.k = a.shape(-1);
  p.a = matrix_of(a), p.b = matrix_of(b), p.c = matrix_of(y);
  for (int i = 0; i + 2 < y.ndim(); ++i) p.batch.add(y.shape(i), a.stride(i), b.stride(i), y.stride(i));
  GemmBatch& batch = p.batch;
  if (batch.ndim == 1 && batch.b[0] == 0 && (p.m == 1 || batch.a[0] == p.a.row_stride * p.m)) {
    if (p.m == 1) p.a.row_stride = batch.a[0];  // one right side for all: the stack is more rows
    p.m *= batch.count;
    batch = {};
  }
  gemm(p, y.device());
}

void linear(const Array& x, const Array& w, const Array* bias, const std::string& activation, Array& y) {
  Gemm p;
  p.dtype = y.dtype();
  p.m = x.shape(0), p.n = w.shape(0), p.k = w.shape(1);
  p.a = matrix_of(x), p.b = {w.raw(), w.stride(1), w.stride(0)}, p.c = matrix_of(y);
  if (bias) p.column_bias = {bias->raw(), bias->stride(0)};
  p.activation = activation_named(activation);
  gemm(p, y.device());
}

void product(const Array& a, const Array& b, const ProductEpilogue& epilogue, Array& c) {
  Gemm p;
  p.dtype = c.dtype();
  p.m = a.shape(0), p.n = b.shape(1), p.k = a.shape(1);
  p.a = matrix_of(a), p.b = matrix_of(b), p.c = matrix_of(c);
  p.alpha = epilogue.alpha, p.beta = epilogue.beta;
  if (epilogue.residual) p.residual = matrix_of(*epilogue.residual);
  if (epilogue.row_bias) p.row_bias = {epilogue.row_bias->raw(), epilogue.row_bias->stride(0)};
  if (epilogue.column_bias) p.column_bias = {epilogue.column_bias->raw(), epilogue.column_bias->stride(0)};
  p.activation = activation_named(epilogue.activation);
  if (epilogue.row_sums) p.row_sums = epilogue.row_sums->raw();
  if (epilogue.column_sums) p.column_sums = epilogue.column_sums->raw();
  gemm(p, c.device());
}

TC_PROVIDE_CUDA(product_registered, kernels::product, &product);
TC_PROVIDE_CUDA(matmul_registered, kernels::matmul, &matmul);
TC_PROVIDE_CUDA(linear_registered, kernels::linear, &linear);

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
