// Convolutions read images through a padded copy in which every tap is a contiguous run along a row: zeros stand around
// the image, and where taps step over several elements each axis is split by residue. So all strides, dilations and
// paddings are one kernel: element (k, o) of the implicit matrix is image[offsets[k] + o0 * pitch0 + o1 * pitch1 + o2].
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/allocator.h"
#include "core/check.h"
#include "cpu/gemm.h"
#include "cpu/simd/vec.h"

namespace tc::cpu {
namespace {

template <class T>
class Scratch {
 public:
  explicit Scratch(std::int64_t count)
      : bytes_(static_cast<std::size_t>(std::max<std::int64_t>(count, 1)) * sizeof(T)) {
    data_ = static_cast<T*>(allocate_cpu(bytes_));
  }
  Scratch(const Scratch&) = delete;
  ~Scratch() { free_cpu(data_, bytes_); }
  T* data() { return data_; }

 private:
  std::size_t bytes_;
  T* data_;
};

// Position (s, q) of one axis of the copy, at s * length + q, holds source element q * stride + residues[s] - origin.
struct ImageAxis {
  std::int64_t extent, stride, origin, length;  // extent: of the source
  std::vector<std::int64_t> residues;
  std::int64_t size() const { return static_cast<std::int64_t>(residues.size()) * length; }
};

struct ImageLayout {
  ImageAxis axes[3];
  std::int64_t pitch0() const { return axes[1].size() * axes[2].size(); }
  std::int64_t pitch1() const { return axes[2].size(); }
  std::int64_t channel() const {  // elements per channel; MemoryError where they cannot be addressed
    std::int64_t n;
    const bool overflow =
        __builtin_mul_overflow(axes[0].size(), axes[1].size(), &n) || __builtin_mul_overflow(n, axes[2].size(), &n);
    check(!overflow && n < (std::int64_t(1) << 48), ErrorKind::memory, "conv: the padded input is too large");
    return n;
  }
};

template <class T>
inline constexpr std::int64_t kSlack = 2 * simd::kLanes<T>;  // elements that may be read past the copy

template <class T>
void copy_row(const ImageAxis& axis, const T* source, T* out) {
  for (const std::int64_t residue : axis.residues) {
    const std::int64_t first = residue - axis.origin;  // source index at q = 0
    std::int64_t q0 = first >= 0 ? 0 : (-first + axis.stride - 1) / axis.stride;
    std::int64_t q1 = first >= axis.extent ? 0 : (axis.extent - 1 - first) / axis.stride + 1;
    q0 = std::min(q0, axis.length), q1 = std::clamp(q1, q0, axis.length);
    std::fill(out, out + q0, T(0));
    if (axis.stride == 1)
      std::copy(source + first + q0, source + first + q1, out + q0);
    else
      for (std::int64_t q = q0; q < q1; ++q) out[q] = source[first + q * axis.stride];
    std::fill(out + q1, out + axis.length, T(0));
    out += axis.length;
  }
}

// The copy of one channel.
template <class T>
void copy_channel(const ImageLayout& layout, const T* source, T* out) {
  const auto &depth = layout.axes[0], &height = layout.axes[1], &width = layout.axes[2];
  const std::int64_t row = width.size();
  for (const std::int64_t r0 : depth.residues)
    for (std::int64_t q0 = 0; q0 < depth.length; ++q0) {
      const std::int64_t i0 = q0 * depth.stride + r0 - depth.origin;
      for (const std::int64_t r1 : height.residues)
        for (std::int64_t q1 = 0; q1 < height.length; ++q1) {
          const std::int64_t i1 = q1 * height.stride + r1 - height.origin;
          if (i0 < 0 || i0 >= depth.extent || i1 < 0 || i1 >= height.extent)
            std::fill(out, out + row, T(0));
          else
            copy_row(width, source + (i0 * height.extent + i1) * width.extent, out);
          out += row;
        }
    }
}

// A grid of positions in the copy, and what is added to them for each row k of the implicit matrix.
struct Window {
  std::vector<std::int64_t> offsets;
  std::int64_t grid[3], pitch0, pitch1;
  std::int64_t columns() const { return grid[0] * grid[1] * grid[2]; }
  std::int64_t taps() const { return static_cast<std::int64_t>(offsets.size()); }
};

// Columns that lie in one row of the grid: `count` of them from column `start`, at `base` in the copy.
struct Run {
  std::int64_t start, count, base;
};

// Calls body(run) for the pieces of columns [c0, c1), none longer than `longest`.
template <class Body>
void for_runs(const Window& w, std::int64_t c0, std::int64_t c1, std::int64_t longest, Body&& body) {
  std::int64_t o2 = c0 % w.grid[2], row = c0 / w.grid[2];
  for (std::int64_t c = c0; c < c1;) {
    const std::int64_t count = std::min({w.grid[2] - o2, c1 - c, longest});
    body(Run{c, count, row / w.grid[1] * w.pitch0 + row % w.grid[1] * w.pitch1 + o2});
    c += count, o2 += count;
    if (o2 == w.grid[2]) o2 = 0, ++row;
  }
}

// B of the product: taps down, columns across.
template <class T>
struct ColumnsOperand {
  const Window* window;
  const T* image;

  void operator()(T* out, std::int64_t ld, std::int64_t k0, std::int64_t k1, std::int64_t c0, std::int64_t c1) const {
    constexpr std::int64_t kCount = simd::kLanes<T>;
    for (std::int64_t c = c0; c < c1; c += kCount) {
      const std::int64_t count = std::min(kCount, c1 - c);
      Run runs[kCount];
      int pieces = 0;
      for_runs(*window, c, c + count, kCount, [&](const Run& r) { runs[pieces++] = r; });
      T* to = out + c - c0;
      const std::int64_t* offsets = window->offsets.data();
      if (pieces == 1 && count == kCount) {
        const T* from = image + runs[0].base;
        for (std::int64_t k = k0; k < k1; ++k, to += ld) simd::store(to, simd::load(from + offsets[k]));
      } else if (pieces == 2 && count == kCount) {
        const std::int64_t split = runs[0].count;
        const auto mask = simd::first_lanes<T>(split);
        const T *first = image + runs[0].base, *second = image + runs[1].base - split;
        for (std::int64_t k = k0; k < k1; ++k, to += ld)
          simd::store(to, simd::select(mask, simd::load(first + offsets[k]), simd::load(second + offsets[k])));
      } else {
        for (std::int64_t k = k0; k < k1; ++k, to += ld)
          for (int i = 0; i < pieces; ++i) {
            const T* from = image + offsets[k] + runs[i].base;
            T* at = to + runs[i].start - c;
            for (std::int64_t j = 0; j < runs[i].count; ++j) at[j] = from[j];
          }
      }
    }
  }
};

// A of the weight gradient's product: taps down, columns across, in long rows.
template <class T>
struct TapsOperand {
  const Window* window;
  const T* image;

  void operator()(T* out, std::int64_t ld, std::int64_t k0, std::int64_t k1, std::int64_t c0, std::int64_t c1) const {
    constexpr std::int64_t kCount = simd::kLanes<T>;
    for_runs(*window, c0, c1, c1 - c0, [&](const Run& run) {
      T* to = out + run.start - c0;
      const T* from = image + run.base;
      for (std::int64_t k = k0; k < k1; ++k, to += ld) {
        const T* row = from + window->offsets[static_cast<std::size_t>(k)];
        std::int64_t j = 0;
        for (; j + kCount <= run.count; j += kCount) simd::store(to + j, simd::load(row + j));
        if (j < run.count) simd::store_partial(to + j, run.count - j, simd::load_partial(row + j, run.count - j));
      }
    });
  }
};

}  // namespace
}  // namespace tc::cpu
