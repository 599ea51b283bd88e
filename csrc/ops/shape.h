// Views: the same elements under another shape. No kernel is involved unless a copy is needed. Then the
// rearrangements that copy: they join, roll and pad by copying whole regions.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/array.h"

namespace tc::ops {

// One extent may be -1. A view where the strides allow it, else a copy; `copy` true forces a copy, false forbids it.
Array reshape(const Array& x, const Dims& shape, std::optional<bool> copy);
Array permute_dims(const Array& x, const Dims& axes);
Array expand_dims(const Array& x, const Dims& axes);
Array squeeze(const Array& x, const Dims& axes);
Array broadcast_to(const Array& x, const Dims& shape);
Dims broadcast_shape(const std::vector<Array>& arrays);  // that all of them broadcast to
Array flip(const Array& x, const std::optional<Dims>& axes);

// New arrays, of the dtype all inputs promote to.
Array concat(const std::vector<Array>& arrays,
             std::optional<std::int64_t> axis);  // no axis: of all elements, flattened
Array stack(const std::vector<Array>& arrays, std::int64_t axis);
// Element i moves to (i + shift) modulo the extent, along each of `axes`.
Array roll(const Array& x, const Dims& shifts, const Dims& axes);
// `value`, 0-d, around x: before[i] and after[i] times along axis i.
Array pad(const Array& x, const Dims& before, const Dims& after, const Array& value);
// Which of n elements stand along an axis padded by "edge", "reflect", "symmetric" or "wrap".
Array pad_indices(std::int64_t n, std::int64_t before, std::int64_t after, const std::string& mode);

}  // namespace tc::ops
