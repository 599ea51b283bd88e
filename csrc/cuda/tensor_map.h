// Tensor maps: what the hardware's bulk tensor copies (TMA) need to know about an array in global memory and the box
// that one copy moves. Made on the host, passed to kernels as `const __grid_constant__ TensorMap map`.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace tc::cuda {

// How a box lies in shared memory: in rows of 32, 64 or 128 bytes whose 16-byte pieces are permuted, so that a column
// of pieces has no bank conflicts. Bits 4-6 of the shared address are XORed with bits 7-9 (bytes128; fewer with 64,
// 32).
enum class Swizzle : std::uint8_t { none, bytes32, bytes64, bytes128 };
constexpr int span_of(Swizzle swizzle) { return swizzle == Swizzle::none ? 16 : 16 << static_cast<int>(swizzle); }

struct TiledArray {
  const void* data = nullptr;  // on the device
  DType dtype = DType::float32;
  int rank = 2;
  std::uint64_t extent[5] = {};        // the contiguous dimension first
  std::uint64_t stride_bytes[5] = {};  // [0] is ignored
  std::uint32_t box[5] = {};
  Swizzle swizzle = Swizzle::none;
};

struct alignas(128) TensorMap {
  unsigned char bytes[128];
};

// Raises a ValueError for an array or box that the hardware cannot copy.
void check_tiled(const TiledArray& array);
// The executor's own form of a tensor map; checks first.
TensorMap encode_tiled_simt(const TiledArray& array);

}  // namespace tc::cuda
