// Pooling kernels, plane by plane. A maximum is searched tap by tap over a whole output row where windows are equally
// spaced, so that the inner loop has no branches; means add up rows first, then along the row.
#include "ops/pool.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "cpu/parallel.h"

namespace tc::cpu {
namespace {

constexpr std::int64_t kGrain = 1 << 14;  // elements per task

std::int64_t planes_per_task(std::int64_t size) {
  return std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, size));
}

// Taps of one input row, at plane position `base`, for a whole output row: the first maximum in row-major order wins, a
// NaN always. `stride` may be a constant.
template <class T, class Stride>
void max_row(const PoolAxis& axis, const T* row, std::int64_t base, Stride stride, T* value, std::int64_t* index) {
  const auto count = static_cast<std::int64_t>(axis.windows.size());
  for (std::int64_t k = 0; k < axis.kernel; ++k) {
    const std::int64_t shift = axis.origin + k * axis.step;
    std::int64_t o0 = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
    std::int64_t o1 = shift >= axis.extent ? 0 : std::min(count, (axis.extent - 1 - shift) / stride + 1);
    for (std::int64_t o = o0; o < o1; ++o) {
      const std::int64_t at = o * stride + shift;
      const T v = row[at];
      const bool better = (v > value[o]) | (v != v);
      value[o] = better ? v : value[o];
      index[o] = better ? base + at : index[o];
    }
  }
}

template <class T>
void max_plane(const PoolPlan& plan, const T* x, T* y, std::int64_t* indices) {
  const PoolAxis &depth = plan.axes[0], &height = plan.axes[1], &width = plan.axes[2];
  const auto count = static_cast<std::int64_t>(width.windows.size());
  for (const PoolWindow& d : depth.windows)
    for (const PoolWindow& h : height.windows) {
      // A window that dilation leads past the input altogether gives -inf, at a position inside it all the same.
      const auto inside = [](const PoolAxis& axis, const PoolWindow& w) { return std::min(w.begin, axis.extent - 1); };
      const std::int64_t corner = (inside(depth, d) * height.extent + inside(height, h)) * width.extent;
      for (std::int64_t o = 0; o < count; ++o) {
        y[o] = -std::numeric_limits<T>::infinity();
        indices[o] = corner + inside(width, width.windows[static_cast<std::size_t>(o)]);
      }
      for (std::int64_t i = d.begin; i < d.end; i += depth.step)
        for (std::int64_t j = h.begin; j < h.end; j += height.step) {
          const std::int64_t base = (i * height.extent + j) * width.extent;
          const T* row = x + base;
          if (width.kernel && width.stride == 2) {
            max_row(width, row, base, std::integral_constant<std::int64_t, 2>{}, y, indices);
          } else if (width.kernel && width.stride == 1) {
            max_row(width, row, base, std::integral_constant<std::int64_t, 1>{}, y, indices);
          } else if (width.kernel) {
            max_row(width, row, base, width.stride, y, indices);
          } else {
            for (std::int64_t o = 0; o < count; ++o) {
              const PoolWindow& w = width.windows[static_cast<std::size_t>(o)];
              for (std::int64_t k = w.begin; k < w.end; ++k)
                if (row[k] > y[o] || row[k] != row[k]) y[o] = row[k], indices[o] = base + k;
            }
          }
        }
      y += count, indices += count;
    }
}

// The 2 x 2 windows of stride 2 that most networks use: four candidates compared in registers.
template <class T>
void max_plane_2x2(const PoolPlan& plan, const T* x, T* y, std::int64_t* indices) {
  const auto rows = static_cast<std::int64_t>(plan.axes[1].windows.size());
  const auto cols = static_cast<std::int64_t>(plan.axes[2].windows.size());
  const std::int64_t width = plan.axes[2].extent;
  for (std::int64_t i = 0; i < rows; ++i) {
    const T *top = x + 2 * i * width, *bottom = top + width;
    for (std::int64_t o = 0; o < cols; ++o) {
      const T a = top[2 * o], b = top[2 * o + 1], c = bottom[2 * o], d = bottom[2 * o + 1];
      T best = a;
      std::int64_t at = 0;
      const bool second = (b > best) | (b != b);
      best = second ? b : best, at = second ? 1 : at;
      const bool third = (c > best) | (c != c);
      best = third ? c : best, at = third ? width : at;
      const bool fourth = (d > best) | (d != d);
      best = fourth ? d : best, at = fourth ? width + 1 : at;
      y[i * cols + o] = best;
      indices[i * cols + o] = 2 * i * width + 2 * o + at;
    }
  }
}

bool is_2x2(const PoolPlan& plan) {
  const auto plain = [](const PoolAxis& a) {
    return a.kernel == 2 && a.stride == 2 && a.step == 1 && a.origin == 0 &&
           2 * static_cast<std::int64_t>(a.windows.size()) <= a.extent;
  };
  return plan.axes[0].extent == 1 && plan.axes[0].windows.size() == 1 && plain(plan.axes[1]) && plain(plan.axes[2]);
}

void max_pool(const PoolPlan& plan, const Array& x, Array& y, Array& indices) {
  const std::int64_t in = plan.input_size(), out = plan.output_size();
  dispatch(WideFloats{}, x.dtype(), [&]<class T>() {
    const auto run = is_2x2(plan) ? &max_plane_2x2<T> : &max_plane<T>;
    parallel_for(plan.planes, planes_per_task(in + out), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p)
        run(plan, x.data<T>() + p * in, y.data<T>() + p * out, indices.data<std::int64_t>() + p * out);
    });
  });
}

template <class T>
T window_size(const PoolWindow& d, const PoolWindow& h, const PoolWindow& w) {
  const auto size = static_cast<double>(d.divisor) * static_cast<double>(h.divisor) * static_cast<double>(w.divisor);
  return static_cast<T>(size);
}

template <class T>
void mean_plane(const PoolPlan& plan, const T* x, T* y, T* sums) {
  const PoolAxis &depth = plan.axes[0], &height = plan.axes[1], &width = plan.axes[2];
  for (const PoolWindow& d : depth.windows)
    for (const PoolWindow& h : height.windows) {
      std::fill_n(sums, width.extent, T(0));
      for (std::int64_t i = d.begin; i < d.end; ++i)
        for (std::int64_t j = h.begin; j < h.end; ++j) {
          const T* row = x + (i * height.extent + j) * width.extent;
          for (std::int64_t k = 0; k < width.extent; ++k) sums[k] += row[k];
        }
      for (const PoolWindow& w : width.windows) {
        T sum = 0;
        for (std::int64_t k = w.begin; k < w.end; ++k) sum += sums[k];
        *y++ = sum / window_size<T>(d, h, w);
      }
    }
}

template <class T>
void mean_plane_backward(const PoolPlan& plan, const T* g, T* dx, T* spread) {
  const PoolAxis &depth = plan.axes[0], &height = plan.axes[1], &width = plan.axes[2];
  std::fill_n(dx, plan.input_size(), T(0));
  for (const PoolWindow& d : depth.windows)
    for (const PoolWindow& h : height.windows) {
      std::fill_n(spread, width.extent, T(0));
      for (const PoolWindow& w : width.windows) {
        const T share = *g++ / window_size<T>(d, h, w);
        for (std::int64_t k = w.begin; k < w.end; ++k) spread[k] += share;
      }
      for (std::int64_t i = d.begin; i < d.end; ++i)
        for (std::int64_t j = h.begin; j < h.end; ++j) {
          T* row = dx + (i * height.extent + j) * width.extent;
          for (std::int64_t k = 0; k < width.extent; ++k) row[k] += spread[k];
        }
    }
}

void mean_pool(const PoolPlan& plan, const Array& x, Array& y) {
  const std::int64_t in = plan.input_size(), out = plan.output_size();
  dispatch(WideFloats{}, x.dtype(), [&]<class T>() {
    parallel_for(plan.planes, planes_per_task(in + out), [&](std::int64_t begin, std::int64_t end) {
      std::vector<T> sums(static_cast<std::size_t>(plan.axes[2].extent));
      for (std::int64_t p = begin; p < end; ++p)
        mean_plane(plan, x.data<T>() + p * in, y.data<T>() + p * out, sums.data());
    });
  });
}

void mean_pool_backward(const PoolPlan& plan, const Array& g, Array& dx) {
  const std::int64_t in = plan.input_size(), out = plan.output_size();
  dispatch(WideFloats{}, g.dtype(), [&]<class T>() {
    parallel_for(plan.planes, planes_per_task(in + out), [&](std::int64_t begin, std::int64_t end) {
      std::vector<T> spread(static_cast<std::size_t>(plan.axes[2].extent));
      for (std::int64_t p = begin; p < end; ++p)
        mean_plane_backward(plan, g.data<T>() + p * out, dx.data<T>() + p * in, spread.data());
    });
  });
}

// Runs body(plane, x's plane, indices, y's plane) and reports an index outside `limit` once all planes are done.
template <class T, class Body>
void for_planes(const Array& x, const Array& indices, Array& y, std::int64_t limit, Body&& body) {
  const std::int64_t n = indices.shape(1), in = x.shape(1), out = y.shape(1);
  std::atomic<bool> outside{false};
  std::atomic<std::int64_t> example{0};
  parallel_for(x.shape(0), planes_per_task(in + out), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      const std::int64_t* at = indices.data<std::int64_t>() + p * n;
      bool bad = false;
      for (std::int64_t i = 0; i < n; ++i) bad |= at[i] < 0 || at[i] >= limit;
      if (!bad) {
        body(x.data<T>() + p * in, at, y.data<T>() + p * out);
        continue;
      }
      outside = true;
      for (std::int64_t i = 0; i < n; ++i)
        if (at[i] < 0 || at[i] >= limit) example = at[i];
    }
  });
  check_index(!outside, "pool: indices must lie in [0, ", limit, "), got ", example.load());
}

void plane_scatter(const Array& x, const Array& indices, Array& y) {
  const std::int64_t n = x.shape(1), out = y.shape(1);
  dispatch(WideFloats{}, x.dtype(), [&]<class T>() {
    for_planes<T>(x, indices, y, out, [&](const T* from, const std::int64_t* at, T* to) {
      std::fill_n(to, out, T(0));
      for (std::int64_t i = 0; i < n; ++i) to[at[i]] += from[i];
    });
  });
}

void plane_gather(const Array& x, const Array& indices, Array& y) {
  const std::int64_t n = y.shape(1);
  dispatch(WideFloats{}, x.dtype(), [&]<class T>() {
    for_planes<T>(x, indices, y, x.shape(1), [&](const T* from, const std::int64_t* at, T* to) {
      for (std::int64_t i = 0; i < n; ++i) to[i] = from[at[i]];
    });
  });
}

const Provide maxima{kernels::max_pool, DeviceType::cpu, &max_pool};
const Provide means{kernels::mean_pool, DeviceType::cpu, &mean_pool};
const Provide means_backward{kernels::mean_pool_backward, DeviceType::cpu, &mean_pool_backward};
const Provide scatter{kernels::plane_scatter, DeviceType::cpu, &plane_scatter};
const Provide gather{kernels::plane_gather, DeviceType::cpu, &plane_gather};

}  // namespace
}  // namespace tc::cpu
