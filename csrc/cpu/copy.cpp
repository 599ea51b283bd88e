// Copies between any two layouts and dtypes. Transposes go tile by tile, so that both sides use whole cache lines.
#include "ops/copy.h"

#include "cpu/parallel.h"
#include "cpu/simd/vec.h"
#include "cpu/stage.h"
#include "ops/loop_plan.h"

namespace tc::cpu {
namespace {

template <class From, class To>
constexpr bool kHalfAndFloat = contains(HalfFloats{}, dtype_of<From>()) && std::is_same_v<To, float>;

template <class From, class To>
void move_row(const std::byte* source, std::int64_t source_stride, std::byte* destination,
              std::int64_t destination_stride, std::int64_t n) {
  const auto* __restrict from = reinterpret_cast<const From*>(source);
  auto* __restrict to = reinterpret_cast<To*>(destination);
  if (source_stride == 1 && destination_stride == 1) {
    if constexpr (std::is_same_v<From, To>) {
      std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(To));
    } else if constexpr (kHalfAndFloat<From, To> || kHalfAndFloat<To, From>) {
      constexpr std::int64_t lanes = simd::kLanes<float>;
      std::int64_t i = 0;
      for (; i + lanes <= n; i += lanes) simd::store(to + i, simd::load(from + i));
      if (i < n) simd::store_partial(to + i, n - i, simd::load_partial(from + i, n - i));
    } else {
      for (std::int64_t i = 0; i < n; ++i) to[i] = convert<To>(from[i]);
    }
  } else if (source_stride == 0 && destination_stride == 1) {
    const To value = convert<To>(from[0]);
    for (std::int64_t i = 0; i < n; ++i) to[i] = value;
  } else {
    for (std::int64_t i = 0; i < n; ++i) to[i * destination_stride] = convert<To>(from[i * source_stride]);
  }
}

void pick_row(DType from, DType to, StageRow** out) {
  dispatch(All{}, from, [&]<class From>() { dispatch(All{}, to, [&]<class To>() { *out = &move_row<From, To>; }); });
}

constexpr std::int64_t kTile = 32;            // a tile of a transpose: 32 x 32 elements
constexpr std::int64_t kCopyGrain = 1 << 16;  // elements per task

void copy(const Array& source, Array& destination) {
  const LoopPlan<2> plan({&destination, &source});
  StageRow* const move = row_mover(source.dtype(), destination.dtype());
  const auto from_size = static_cast<std::int64_t>(itemsize(source.dtype()));
  const auto to_size = static_cast<std::int64_t>(itemsize(destination.dtype()));
  const std::byte* const from = source.raw();
  std::byte* const to = destination.raw();
  const auto &ts = plan.strides[0], &fs = plan.strides[1];
  if (plan.ndim == 0) return move(from, 1, to, 1, 1);
  const int inner = plan.ndim - 1;
  if (plan.ndim == 1) {
    return parallel_for(plan.size, kCopyGrain, [&](std::int64_t begin, std::int64_t end) {
      move(from + begin * fs[0] * from_size, fs[0], to + begin * ts[0] * to_size, ts[0], end - begin);
    });
  }
  // The axis along which the source is nearest to contiguous; when it is not the innermost one this is a transpose.
  int near = inner;
  for (int i = 0; i < inner; ++i)
    if (fs[i] != 0 && std::abs(fs[i]) < std::abs(fs[near])) near = i;
  const bool transposes = near != inner && plan.shape[near] >= 8 && plan.shape[inner] >= 8;
  if (!transposes) {
    const std::int64_t length = plan.shape[inner], rows = plan.size / length;
    const std::int64_t grain = std::max<std::int64_t>(1, kCopyGrain / length);
    return parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        std::int64_t rest = row, f = 0, t = 0;
        for (int i = inner - 1; i >= 0; --i) {
          const std::int64_t at = rest % plan.shape[i];
          rest /= plan.shape[i];
          f += at * fs[i];
          t += at * ts[i];
        }
        move(from + f * from_size, fs[inner], to + t * to_size, ts[inner], length);
      }
    });
  }
  // Tiles over (near, inner), the other axes outside.
  const std::int64_t tiles_near = (plan.shape[near] + kTile - 1) / kTile;
  const std::int64_t outer = plan.size / (plan.shape[inner] * plan.shape[near]);
  const std::int64_t per_task = std::max<std::int64_t>(1, kCopyGrain / (kTile * plan.shape[inner]));
  parallel_for(outer * tiles_near, per_task, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      std::int64_t rest = task / tiles_near, f = 0, t = 0;
      for (int i = inner - 1; i >= 0; --i) {
        if (i == near) continue;
        const std::int64_t at = rest % plan.shape[i];
        rest /= plan.shape[i];
        f += at * fs[i];
        t += at * ts[i];
      }
      const std::int64_t row0 = task % tiles_near * kTile, row1 = std::min(plan.shape[near], row0 + kTile);
      for (std::int64_t column = 0; column < plan.shape[inner]; column += kTile) {
        const std::int64_t n = std::min(kTile, plan.shape[inner] - column);
        for (std::int64_t row = row0; row < row1; ++row)
          move(from + (f + row * fs[near] + column * fs[inner]) * from_size, fs[inner],
               to + (t + row * ts[near] + column * ts[inner]) * to_size, ts[inner], n);
      }
    }
  });
}

const Provide stage_registered{stage_row, DeviceType::cpu, &pick_row};
const Provide registered{kernels::copy, DeviceType::cpu, &copy};

}  // namespace
}  // namespace tc::cpu
