// Evenly spaced arrays and triangles of matrices. Each element follows from its index alone, never from its neighbour.
#include "ops/creation.h"

#include <cmath>
#include <cstring>

#include "cpu/parallel.h"

namespace tc::cpu {
namespace {

constexpr std::int64_t kGrain = 1 << 14;  // elements per task

template <class T>
void write_exact(const Spacing& s, T* out, std::int64_t begin, std::int64_t end) {
  if (s.parts == 1) {  // unsigned products wrap, and the true result fits
    const auto step = static_cast<std::uint64_t>(s.range_int);
    for (std::int64_t i = begin; i < end; ++i)
      out[i] = convert<T>(
          static_cast<std::int64_t>(static_cast<std::uint64_t>(s.start_int) + static_cast<std::uint64_t>(i) * step));
    return;
  }
  for (std::int64_t i = begin; i < end; ++i) {
    const __int128 product = s.range_int * i;
    const __int128 quotient = product / s.parts - (product % s.parts < 0);
    out[i] = convert<T>(static_cast<std::int64_t>(s.start_int + quotient));
  }
}

template <class T>
void write_spaced(const Spacing& s, T* out, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) {
    // One rounding, the same on every instruction set.
    const double value = i == s.last ? s.stop : std::fma(static_cast<double>(i), s.step, s.start);
    out[i] = convert<T>(s.floors ? std::floor(value) : value);
  }
}

void spaced(const Spacing& spacing, Array& out) {
  dispatch(All{}, out.dtype(), [&]<class T>() {
    parallel_for(out.size(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      if (spacing.exact)
        write_exact(spacing, out.data<T>(), begin, end);
      else
        write_spaced(spacing, out.data<T>(), begin, end);
    });
  });
}

void clear_triangle(Array& matrices, std::int64_t k, bool upper) {
  const std::int64_t rows = matrices.shape(-2), columns = matrices.shape(-1);
  const auto item = static_cast<std::int64_t>(itemsize(matrices.dtype()));
  const std::int64_t clamped = std::max(-rows, std::min(k, columns));
  parallel_for(matrices.size() / columns, std::max<std::int64_t>(1, kGrain / columns),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t row = begin; row < end; ++row) {
                   // Columns [0, cut) lie below the diagonal's element in this row.
                   const std::int64_t edge = row % rows + clamped + (upper ? 0 : 1);
                   const std::int64_t cut = std::max<std::int64_t>(0, std::min(edge, columns));
                   std::byte* const first = matrices.raw() + row * columns * item;
                   if (upper)
                     std::memset(first, 0, static_cast<std::size_t>(cut * item));
                   else
                     std::memset(first + cut * item, 0, static_cast<std::size_t>((columns - cut) * item));
                 }
               });
}

const Provide spaced_registered{kernels::spaced, DeviceType::cpu, &spaced};
const Provide triangle_registered{kernels::clear_triangle, DeviceType::cpu, &clear_triangle};

}  // namespace
}  // namespace tc::cpu
