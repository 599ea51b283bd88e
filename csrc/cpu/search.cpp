// Positions of nonzero elements in row-major order, and counting by value.
#include "ops/search.h"

#include <cstring>

#include "cpu/parallel.h"

namespace tc::cpu {
namespace {

constexpr std::int64_t kSearchChunk = 1 << 16;

// Chunks are counted first, so that each knows where its coordinates go.
void nonzero(const Array& x, std::vector<Array>& coordinates) {
  const auto* const truth = reinterpret_cast<const std::uint8_t*>(x.raw());
  const std::int64_t size = x.size(), chunks = (size + kSearchChunk - 1) / kSearchChunk;
  std::vector<std::int64_t> starts(static_cast<std::size_t>(chunks) + 1, 0);
  parallel_tasks(chunks, [&](std::int64_t c) {
    std::uint32_t count = 0;
    const std::int64_t end = std::min(size, (c + 1) * kSearchChunk);
    for (std::int64_t i = c * kSearchChunk; i < end; ++i) count += truth[i] != 0;
    starts[static_cast<std::size_t>(c) + 1] = count;
  });
  for (std::size_t c = 1; c < starts.size(); ++c) starts[c] += starts[c - 1];
  const int ndim = x.ndim();
  parallel_tasks(chunks, [&](std::int64_t c) {
    std::int64_t to = starts[static_cast<std::size_t>(c)];
    const std::int64_t end = std::min(size, (c + 1) * kSearchChunk);
    for (std::int64_t i = c * kSearchChunk; i < end; ++i) {
      if (!truth[i]) continue;
      std::int64_t rest = i;
      for (int axis = ndim - 1; axis > 0; --axis) {
        coordinates[static_cast<std::size_t>(axis)].data<std::int64_t>()[to] = rest % x.shape(axis);
        rest /= x.shape(axis);
      }
      coordinates[0].data<std::int64_t>()[to++] = rest;
    }
  });
}

void bincount(const Array& x, const Array* weights, Array& y) {
  const std::int64_t* const at = x.data<std::int64_t>();
  std::memset(y.raw(), 0, y.nbytes());
  dispatch(Types<std::int64_t, float, double>{}, y.dtype(), [&]<class T>() {
    T* const bins = y.data<T>();
    if (!weights) {
      for (std::int64_t i = 0; i < x.size(); ++i) bins[at[i]] += T(1);
    } else {
      const T* const w = weights->data<T>();
      for (std::int64_t i = 0; i < x.size(); ++i) {
        if constexpr (std::is_integral_v<T>)  // wraps around on overflow
          bins[at[i]] = static_cast<T>(static_cast<std::uint64_t>(bins[at[i]]) + static_cast<std::uint64_t>(w[i]));
        else
          bins[at[i]] += w[i];
      }
    }
  });
}

const Provide nonzero_registered{kernels::nonzero, DeviceType::cpu, &nonzero};
const Provide bincount_registered{kernels::bincount, DeviceType::cpu, &bincount};

}  // namespace
}  // namespace tc::cpu
