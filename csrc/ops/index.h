// Indexing by integer arrays and masks. A key becomes a plan: the axes that no array indexes, and for each position
// of the broadcast index arrays the offset of the element or block it names. All bounds are checked while planning.
#pragma once
#include <optional>
#include <vector>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

struct IndexPlan {
  Array rest;             // the axes no array indexes, at index 0 of the others
  Array offsets;          // int64, row-major, of the index arrays' broadcast shape: elements from `rest` to each block
  int position = 0;       // where the index arrays' axes stand among those of `rest` in the result
  bool distinct = false;  // no two offsets are equal
};

// One indexed axis: its extent and stride in the array, the axis number for messages, and the index array.
struct IndexedAxis {
  std::int64_t extent, stride;
  int axis;
  Array index;
};

// How scatter_add may be split: offsets are [outer, length, inner] and only equal (outer, inner) can meet.
struct ScatterSplit {
  std::int64_t outer = 1, length = 0, inner = 1;
};

inline constexpr std::int64_t kSkipped = INT64_MIN;  // an offset that scatter_add leaves out

namespace kernels {
// offsets[p] (+)= wrap(index[p]) * stride, and while not `adds` + coordinate_i(p) * steps[i] over the axes of `index`.
// `bad` becomes the first p whose index lies outside [-extent, extent), or stays -1.
constinit inline Kernel<void(const Array& index, std::int64_t extent, std::int64_t stride, const Dims& steps, bool adds,
                             Array& offsets, std::int64_t* bad)>
    index_offsets{"index_offsets"};
// Row-major positions of the true elements of a contiguous mask, in a new int64 array.
constinit inline Kernel<void(const Array& mask, Array* positions)> mask_positions{"mask_positions"};
// out[p, …] = element … of the block at offsets[p]. `out` has one axis for all positions, then those of `rest`.
constinit inline Kernel<void(const Array& rest, const Array& offsets, Array& out)> gather{"gather"};
// The block at offsets[p] becomes values[p, …]; the last of equal offsets wins.
constinit inline Kernel<void(Array& rest, const Array& offsets, bool distinct, const Array& values)> scatter{"scatter"};
// Adds values[p, …] to the block at offsets[p], in order of p. Not for half types or bool.
constinit inline Kernel<void(Array& rest, const Array& offsets, const ScatterSplit& split, const Array& values)>
    scatter_add{"scatter_add"};
}  // namespace kernels

namespace ops {

IndexPlan plan_index(const char* op, const Array& rest, const std::vector<IndexedAxis>& axes, int position);
Array index_get(const IndexPlan& plan);
void index_set(const IndexPlan& plan, const Array& value);
void index_add(const IndexPlan& plan, const Array& value);  // `plan.rest` of a dtype the kernel takes

// int64 positions of true elements, counted row-major.
Array mask_positions(const Array& mask);

Array take(const Array& x, const Array& indices, std::int64_t axis);
// out[i, j, k] = x[i, index[i, j, k], k] (axis 1); other extents of `index` may be smaller than those of x.
Array gather(const Array& x, std::int64_t axis, const Array& index);
Array scatter_add(const Array& x, std::int64_t axis, const Array& index, const Array& src);
// Zeros of `shape` with g added along `axis` at `indices`: the gradient of take.
Array take_gradient(const Array& g, const Array& indices, std::int64_t axis, const Dims& shape);
Array one_hot(const Array& indices, std::int64_t num_classes);
Array embedding(const Array& indices, const Array& weight);
Array embedding_gradient(const Array& g, const Array& indices, std::int64_t rows, std::optional<std::int64_t> padding);
Array repeat_indices(const Array& repeats);

}  // namespace ops
}  // namespace tc
