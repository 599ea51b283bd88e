#include "cuda/tensor_map.h"

#include "core/check.h"
#include "cuda/simt/tma.h"

namespace tc::cuda {

void check_tiled(const TiledArray& a) {
  const auto multiple = [](std::uint64_t value, std::uint64_t of) { return value % of == 0; };
  check_value(a.rank >= 1 && a.rank <= 5, "tensor map: 1 to 5 dimensions, got ", a.rank);
  check_value(a.data != nullptr && multiple(reinterpret_cast<std::uintptr_t>(a.data), 16),
              "tensor map: the array's address must be a multiple of 16 bytes, got ", a.data);
  check_value(a.dtype != DType::boolean && a.dtype != DType::int8 && a.dtype != DType::int16,
              "tensor map: no copies of ", name_of(a.dtype), "; use uint8 or a 16-bit float");
  const std::uint64_t item = itemsize(a.dtype);
  for (int d = 0; d < a.rank; ++d) {
    check_value(a.extent[d] >= 1 && a.extent[d] <= std::uint64_t{1} << 32, "tensor map: extent of dimension ", d,
                " must be 1 to 2^32, got ", a.extent[d]);
    check_value(a.box[d] >= 1 && a.box[d] <= 256, "tensor map: box extent of dimension ", d, " must be 1 to 256, got ",
                a.box[d]);
    if (d == 0) continue;
    check_value(multiple(a.stride_bytes[d], 16) && a.stride_bytes[d] < std::uint64_t{1} << 40,
                "tensor map: stride of dimension ", d, " must be a multiple of 16 bytes below 2^40, got ",
                a.stride_bytes[d]);
  }
  const std::uint64_t inner = a.box[0] * item;
  check_value(multiple(inner, 16), "tensor map: a box row must be a multiple of 16 bytes, got ", a.box[0],
              " elements of ", item, " bytes");
  if (a.swizzle == Swizzle::none) return;
  const auto span = static_cast<std::uint64_t>(span_of(a.swizzle));
  check_value(inner <= span, "tensor map: a box row of ", inner, " bytes is longer than the swizzle's ", span);
  check_value(inner == span, "tensor map: a box row of ", inner, " bytes must fill the swizzle's ", span);
}

TensorMap encode_tiled_simt(const TiledArray& array) {
  check_tiled(array);
  simt::TiledMap map;
  map.data = static_cast<const std::byte*>(array.data);
  map.rank = static_cast<std::uint8_t>(array.rank);
  map.item = static_cast<std::uint8_t>(itemsize(array.dtype));
  map.swizzle = static_cast<std::uint8_t>(array.swizzle);
  for (int d = 0; d < 5; ++d) {
    const bool used = d < array.rank;
    map.extent[d] = used ? array.extent[d] : 1;
    map.stride[d] = d > 0 && used ? array.stride_bytes[d] : 0;
    map.box[d] = used ? static_cast<std::uint16_t>(array.box[d]) : 1;
  }
  map.stride[0] = map.item;
  TensorMap encoded = {};
  std::memcpy(encoded.bytes, &map, sizeof map);
  return encoded;
}

}  // namespace tc::cuda
