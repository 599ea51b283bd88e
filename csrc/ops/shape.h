// Views: the same elements under another shape. No kernel is involved unless a copy is needed.
#pragma once
#include <optional>

#include "core/array.h"

namespace tc::ops {

// One extent may be -1. A view where the strides allow it, else a copy; `copy` true forces a copy, false forbids it.
Array reshape(const Array& x, const Dims& shape, std::optional<bool> copy);
Array permute_dims(const Array& x, const Dims& axes);
Array expand_dims(const Array& x, const Dims& axes);
Array squeeze(const Array& x, const Dims& axes);
Array broadcast_to(const Array& x, const Dims& shape);

}  // namespace tc::ops
