#include "ops/linalg.h"

#include "bindings/bind.h"
#include "cuda/gemm_plan.h"

namespace tc::python {
namespace {

// The planner of CUDA's products, for tests. Sides: (outer stride, stride along k, alignment), C: (row stride, column
// stride, alignment).
std::tuple<std::string, Dims, std::vector<std::int64_t>, std::vector<std::int64_t>> plan_gemm(
    const Dims& extents, DType dtype, const Dims& a, const Dims& b, const Dims& c, const std::string& precision,
    std::int64_t multiprocessors) {
  const auto side = [](const Dims& x) { return cuda::GemmSide{x[0], x[1], static_cast<int>(x[2])}; };
  const cuda::GemmPlan p =
      cuda::plan_gemm({extents[0], extents[1], extents[2], extents[3], dtype, side(a), side(b), c[0], c[1],
                       static_cast<int>(c[2]), matmul_precision_named(precision), static_cast<int>(multiprocessors)});
  return {cuda::name_of(p.kernel),
          Dims{p.tile.m, p.tile.n, p.tile.k, p.tile.stages, p.tile.threads},
          {p.tiles_m, p.tiles_n, p.split_k, p.k_per_split, static_cast<std::int64_t>(p.shared),
           static_cast<std::int64_t>(p.workspace)},
          {p.a.k_major, p.a.width, p.b.k_major, p.b.width, p.c_width}};
}

void force_gemm_tile(int index) {
  check_value(index >= -1 && index < cuda::kGemmTiles, "force_gemm_tile: index must lie in [-1, ", cuda::kGemmTiles,
              "), got ", index);
  cuda::force_gemm_tile(index);
}

const Binder binder{[](PyObject* module) {
  bind<"matmul", &ops::matmul>(module);
  bind<"linear", &ops::linear>(module);
  bind<"linear_weight_gradient", &ops::linear_weight_gradient>(module);
  bind<"force_gemm_tile", &force_gemm_tile>(module);
  bind<"plan_gemm", &plan_gemm>(module);
  bind<"product", &ops::product>(module);
  bind<"set_matmul_precision", &ops::set_matmul_precision>(module);
  bind<"get_matmul_precision", &ops::get_matmul_precision>(module);
}};
}  // namespace
}  // namespace tc::python
