// Pooling over windows of up to three spatial axes. A plan lists the windows of each axis, so that pooling with a
// kernel and adaptive pooling are one kernel.
#pragma once
#include <string>
#include <tuple>
#include <vector>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

struct PoolWindow {  // positions begin, begin + step, ... < end of one axis; `divisor`: what a mean divides by
  std::int64_t begin, end, divisor;
};
struct PoolAxis {
  std::int64_t extent, step;
  std::vector<PoolWindow> windows;
  // Equally spaced windows of one size, before clipping: position of the first, distance, positions; kernel 0 if not.
  std::int64_t origin, stride, kernel;
};
struct PoolPlan {
  std::int64_t planes;  // batch times channels
  PoolAxis axes[3];     // depth, height, width
  std::int64_t input_size() const { return axes[0].extent * axes[1].extent * axes[2].extent; }
  std::int64_t output_size() const {
    std::int64_t n = 1;
    for (const PoolAxis& axis : axes) n *= static_cast<std::int64_t>(axis.windows.size());
    return n;
  }
};

namespace kernels {
constinit inline Kernel<void(const PoolPlan&, const Array& x, Array& y, Array& indices)> max_pool{"max_pool"};
constinit inline Kernel<void(const PoolPlan&, const Array& x, Array& y)> mean_pool{"mean_pool"};
constinit inline Kernel<void(const PoolPlan&, const Array& g, Array& dx)> mean_pool_backward{"mean_pool_backward"};
// Plane by plane: y[indices[i]] += x[i] over zeros, and y[i] = x[indices[i]]. x, indices and y are (planes, n).
constinit inline Kernel<void(const Array& x, const Array& indices, Array& y)> plane_scatter{"plane_scatter"};
constinit inline Kernel<void(const Array& x, const Array& indices, Array& y)> plane_gather{"plane_gather"};
}  // namespace kernels

namespace ops {
// The last kernel.size() axes of x are pooled. Returns the maxima and their positions in the row-major plane.
std::tuple<Array, Array> max_pool(const std::string& op, const Array& x, const Dims& kernel, const Dims& stride,
                                  const Dims& padding, const Dims& dilation, bool ceil_mode);
Array mean_pool(const std::string& op, const Array& x, const Dims& kernel, const Dims& stride, const Dims& padding,
                bool ceil_mode, bool count_include_pad);
Array mean_pool_backward(const std::string& op, const Array& g, const Dims& space, const Dims& kernel,
                         const Dims& stride, const Dims& padding, bool ceil_mode, bool count_include_pad);
std::tuple<Array, Array> adaptive_max_pool(const std::string& op, const Array& x, const Dims& output);
Array adaptive_mean_pool(const std::string& op, const Array& x, const Dims& output);
Array adaptive_mean_pool_backward(const std::string& op, const Array& g, const Dims& space);
// x and indices have equal shapes; the last space.size() axes are replaced by `space`.
Array plane_scatter(const Array& x, const Array& indices, const Dims& space);
Array plane_gather(const Array& x, const Array& indices, std::int64_t spatial_axes);
}  // namespace ops

}  // namespace tc
