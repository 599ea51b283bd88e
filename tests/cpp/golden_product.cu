// wgmma in every layout of its operands, setmaxnreg, and a matrix product that uses everything together.
#include "cuda/device/tma.h"
#include "cuda/device/wgmma.h"
#include "golden.h"

namespace golden {
namespace {

using namespace tc::cuda;
using tc::bfloat16;
using tc::DType;
using tc::half;

// ---- one matrix -----------------------------------------------------------------------------------------------------

struct Operand {                   // as the kernel needs it
  unsigned leading, stride, step;  // bytes; step: from 16 of k to the next
  Swizzle swizzle;
};

// A matrix of `rows` by `depth` as wgmma can have it in shared memory, tiles laid one after the other.
struct Image {
  Operand operand;
  Bytes bytes;
};
template <class T>
Image lay_out(const std::vector<float>& values, unsigned rows, unsigned depth, bool transposed, Swizzle swizzle) {
  Image image;
  const unsigned span = static_cast<unsigned>(span_of(swizzle)), wide = span / 2, atom = 8 * span;
  const bool plain = swizzle == Swizzle::none;
  image.bytes.resize(rows * depth * 2);
  Operand& o = image.operand;
  o.swizzle = swizzle;
  if (!transposed) {  // atoms of 8 rows by `wide` of k: down the rows first
    o.stride = atom;
    o.leading = plain ? rows / 8 * atom : 16;
    o.step = plain ? 2 * o.leading : 32;
  } else if (plain) {  // atoms of 8 of k by 8 rows: along the rows first
    o.stride = atom;
    o.leading = rows / 8 * atom;
    o.step = 2 * o.leading;
  } else {  // atoms of 8 of k by `wide` rows: along k first
    o.stride = atom;
    o.leading = depth / 8 * atom;
    o.step = 2 * o.stride;
  }
  for (unsigned r = 0; r < rows; ++r)
    for (unsigned k = 0; k < depth; ++k) {
      unsigned at;
      if (!transposed)
        at = k / wide * (rows / 8 * atom) + r / 8 * atom + r % 8 * span + k % wide * 2;
      else if (plain)
        at = k / 8 * o.leading + r / 8 * atom + k % 8 * 16 + r % 8 * 2;
      else
        at = r / wide * o.leading + k / 8 * atom + k % 8 * span + r % wide * 2;
      const unsigned lines = at / 128 % 8;
      if (swizzle == Swizzle::bytes128) at ^= lines * 16;
      if (swizzle == Swizzle::bytes64) at ^= lines % 4 * 16;
      if (swizzle == Swizzle::bytes32) at ^= lines % 2 * 16;
      const unsigned short bits = T(values[r * depth + k]).bits;
      image.bytes[at] = static_cast<unsigned char>(bits);
      image.bytes[at + 1] = static_cast<unsigned char>(bits >> 8);
    }
  return image;
}

template <class T, int n, bool transposed_a, bool transposed_b>
__global__ void __launch_bounds__(128)
    product(const uint4* a, const uint4* b, Operand how_a, Operand how_b, int steps, bool accumulate, float* out) {
  auto* tile_a = dynamic_shared<uint4>();
  uint4* tile_b = tile_a + 64 * 16 * steps / 8;
  const auto thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < 64 * 16 * steps / 8; i += 128) tile_a[i] = a[i];
  for (int i = thread; i < n * 16 * steps / 8; i += 128) tile_b[i] = b[i];
  fence_proxy_async();
  __syncthreads();
  float d[n / 2];
  for (int i = 0; i < n / 2; ++i) d[i] = static_cast<float>((thread + 3 * i) % 16);
  const std::uint64_t first_a = matrix_descriptor(tile_a, how_a.leading, how_a.stride, how_a.swizzle);
  const std::uint64_t first_b = matrix_descriptor(tile_b, how_b.leading, how_b.stride, how_b.swizzle);
  keep_in_registers(d);
  wgmma_fence();
  for (int step = 0; step < steps; ++step)
    wgmma<T, transposed_a, transposed_b>(d, advance(first_a, step * how_a.step), advance(first_b, step * how_b.step),
                                         accumulate || step > 0);
  wgmma_commit();
  wgmma_wait<0>();
  keep_in_registers(d);
  for (int i = 0; i < n / 2; ++i) out[thread * (n / 2) + i] = d[i];
}

template <class T, int n, bool transposed_a = false, bool transposed_b = false>
Outcome run_product(Swizzle swizzle_a, Swizzle swizzle_b, bool accumulate, std::uint64_t seed) {
  // As many steps as both layouts can take by adding to the address.
  const auto steps_of = [](Swizzle swizzle, bool transposed) {
    return transposed || swizzle == Swizzle::none ? 4u : static_cast<unsigned>(span_of(swizzle)) / 32;
  };
  const unsigned steps = std::min(steps_of(swizzle_a, transposed_a), steps_of(swizzle_b, transposed_b));
  const unsigned depth = 16 * steps;
  Random random(seed);
  std::vector<float> a(64 * depth), b(n * depth);
  for (float& x : a) x = static_cast<float>(random.small());
  for (float& x : b) x = static_cast<float>(random.small());
  const Image image_a = lay_out<T>(a, 64, depth, transposed_a, swizzle_a);
  const Image image_b = lay_out<T>(b, n, depth, transposed_b, swizzle_b);
  std::vector<float> want(64 * n);
  for (int thread = 0; thread < 128; ++thread)
    for (int i = 0; i < n / 2; ++i) {
      const int row = thread / 32 * 16 + thread % 32 / 4 + i % 4 / 2 * 8;
      const int column = i / 4 * 8 + thread % 4 * 2 + i % 2;
      float sum = accumulate ? static_cast<float>((thread + 3 * i) % 16) : 0.0f;
      for (unsigned k = 0; k < depth; ++k)
        sum += a[static_cast<unsigned>(row) * depth + k] * b[static_cast<unsigned>(column) * depth + k];
      want[static_cast<std::size_t>(thread * (n / 2) + i)] = sum;
    }
  const Device<unsigned char> in_a(image_a.bytes), in_b(image_b.bytes);
  const Device<float> out(std::vector<float>(64 * n));
  launch<product<T, n, transposed_a, transposed_b>>({1, 128, image_a.bytes.size() + image_b.bytes.size()},
                                                    reinterpret_cast<const uint4*>(in_a.data()),
                                                    reinterpret_cast<const uint4*>(in_b.data()), image_a.operand,
                                                    image_b.operand, static_cast<int>(steps), accumulate, out.data());
  return compare(out, want);
}

// ---- setmaxnreg: one warpgroup of three gives, the others take ------------------------------------------------------

__global__ void __launch_bounds__(384, 1) registers(int* out) {
  const auto thread = static_cast<int>(threadIdx.x);
  if (thread < 256) {
    take_registers<240>();
    out[thread] = thread + 1;
  } else {
    give_registers<24>();
    out[thread] = -thread;
  }
}

Outcome run_registers(std::uint64_t) {
  std::vector<int> want(384);
  for (int i = 0; i < 384; ++i) want[static_cast<std::size_t>(i)] = i < 256 ? i + 1 : -i;
  const Device<int> out(std::vector<int>(384));
  launch<registers>({1, 384}, out.data());
  return compare(out, want);
}

// ---- C = A B with a warp that loads and a warpgroup that multiplies -------------------------------------------------

constexpr int kStages = 3, kTile = 64;
constexpr unsigned kTileBytes = kTile * kTile * 2;

// A is [m, k], B [n, k], C [m, n], all with rows of 64-element boxes; a block makes a tile of 64 x 64.
__global__ void __launch_bounds__(160)
    whole(const __grid_constant__ TensorMap map_a, const __grid_constant__ TensorMap map_b,
          const __grid_constant__ TensorMap map_c, int steps) {
  auto* tiles = dynamic_shared<unsigned char>();  // kStages times A and B, then C
  TC_SHARED(MBarrier, full, [kStages]);
  TC_SHARED(MBarrier, empty, [kStages]);
  const int row = static_cast<int>(blockIdx.y) * kTile, column = static_cast<int>(blockIdx.x) * kTile;
  if (threadIdx.x == 0) {
    for (int s = 0; s < kStages; ++s) {
      mbarrier_init(&full[s], 1);
      mbarrier_init(&empty[s], 4);  // warps
    }
    fence_mbarrier_init();
  }
  __syncthreads();
  if (threadIdx.x >= 128) {
    if (threadIdx.x != 128) return;
    for (int step = 0; step < steps; ++step) {
      const int s = step % kStages;
      mbarrier_wait(&empty[s], (step / kStages & 1) ^ 1);
      mbarrier_arrive_expect(&full[s], 2 * kTileBytes);
      tensor_load(tiles + 2 * s * kTileBytes, map_a, {step * kTile, row}, &full[s]);
      tensor_load(tiles + (2 * s + 1) * kTileBytes, map_b, {step * kTile, column}, &full[s]);
    }
    return;
  }
  float d[kTile / 2];
  for (float& x : d) x = 0.0f;
  for (int step = 0; step < steps; ++step) {
    const int s = step % kStages;
    mbarrier_wait(&full[s], step / kStages & 1);
    const std::uint64_t a = matrix_descriptor(tiles + 2 * s * kTileBytes, 16, 1024, Swizzle::bytes128);
    const std::uint64_t b = matrix_descriptor(tiles + (2 * s + 1) * kTileBytes, 16, 1024, Swizzle::bytes128);
    keep_in_registers(d);
    wgmma_fence();
    for (unsigned k = 0; k < 4; ++k) wgmma<bfloat16>(d, advance(a, 32 * k), advance(b, 32 * k), true);
    wgmma_commit();
    keep_in_registers(d);
    wgmma_wait<1>();  // the step before: its tiles are free
    if (step > 0 && lane_id() == 0) mbarrier_arrive(&empty[(step - 1) % kStages]);
  }
  wgmma_wait<0>();
  keep_in_registers(d);
  auto* tile_c = tiles + 2 * kStages * kTileBytes;
  // Matrices of stmatrix: rows 0-7 and 8-15 of the warp's, of two neighbouring 8 columns; pieces as swizzled as the
  // map.
  const int lane = lane_id(), line = warp_id() * 16 + lane % 16;
  for (int j = 0; j < kTile / 16; ++j) {
    unsigned pairs[4];
    for (int i = 0; i < 4; ++i)
      pairs[i] = bfloat16::encode(d[8 * j + 2 * i]) | static_cast<unsigned>(bfloat16::encode(d[8 * j + 2 * i + 1]))
                                                          << 16;
    const int piece = 2 * j + lane / 16;
    store_matrices<4>(tile_c + line * 128 + (piece ^ line % 8) * 16, pairs);
  }
  fence_proxy_async();
  barrier_sync(1, 128);
  if (threadIdx.x != 0) return;
  tensor_store(map_c, {column, row}, tile_c);
  commit_stores();
  wait_stores_read<0>();
}

Outcome run_whole(std::uint64_t seed) {
  constexpr int m = 100, n = 136, k = 328;
  Random random(seed);
  std::vector<unsigned short> a(m * k), b(n * k), c(m * n, 0x7777), want(m * n);
  for (auto& x : a) x = bfloat16(static_cast<float>(random.small())).bits;
  for (auto& x : b) x = bfloat16(static_cast<float>(random.small())).bits;
  const auto value = [](unsigned short bits) { return std::bit_cast<float>(static_cast<unsigned>(bits) << 16); };
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      float sum = 0;
      for (int l = 0; l < k; ++l) sum += value(a[i * k + l]) * value(b[j * k + l]);
      want[i * n + j] = bfloat16(sum).bits;
    }
  const Device<unsigned short> in_a(a), in_b(b), out(c);
  const auto map = [](const Device<unsigned short>& data, int rows, int columns) {
    TiledArray array;
    array.data = data.data();
    array.dtype = DType::bfloat16;
    array.extent[0] = static_cast<std::uint64_t>(columns);
    array.extent[1] = static_cast<std::uint64_t>(rows);
    array.stride_bytes[1] = static_cast<std::uint64_t>(columns) * 2;
    array.box[0] = array.box[1] = kTile;
    array.swizzle = Swizzle::bytes128;
    return encode_tiled(array);
  };
  launch<whole>({dim3((n + kTile - 1) / kTile, (m + kTile - 1) / kTile), 160, (2 * kStages + 1) * kTileBytes},
                map(in_a, m, k), map(in_b, n, k), map(out, m, n), (k + kTile - 1) / kTile);
  return compare(out, want);
}

template <class T, int n, bool transposed_a = false, bool transposed_b = false>
void add(std::vector<Case>& cases, const char* name, Swizzle swizzle_a, Swizzle swizzle_b, bool accumulate = true) {
  cases.push_back({name, [=](std::uint64_t seed) {
                     return run_product<T, n, transposed_a, transposed_b>(swizzle_a, swizzle_b, accumulate, seed);
                   }});
}

}  // namespace

void add_product_cases(std::vector<Case>& cases) {
  using enum Swizzle;
  add<bfloat16, 8>(cases, "wgmma_bf16_8", bytes128, bytes128);
  add<bfloat16, 16>(cases, "wgmma_bf16_16", bytes128, bytes128);
  add<bfloat16, 32>(cases, "wgmma_bf16_32", bytes128, bytes128);
  add<bfloat16, 64>(cases, "wgmma_bf16_64", bytes128, bytes128);
  add<bfloat16, 64>(cases, "wgmma_bf16_64_first", bytes128, bytes128, false);
  add<bfloat16, 64>(cases, "wgmma_bf16_64_swizzle64", bytes64, bytes64);
  add<bfloat16, 64>(cases, "wgmma_bf16_64_swizzle32", bytes32, bytes32);
  add<bfloat16, 64>(cases, "wgmma_bf16_64_plain", none, none);
  add<bfloat16, 96>(cases, "wgmma_bf16_96", bytes128, bytes128);
  add<bfloat16, 128>(cases, "wgmma_bf16_128", bytes128, bytes128);
  add<bfloat16, 160>(cases, "wgmma_bf16_160", bytes128, bytes128);
  add<bfloat16, 192>(cases, "wgmma_bf16_192", bytes128, bytes128);
  add<bfloat16, 224>(cases, "wgmma_bf16_224", bytes128, bytes128);
  add<bfloat16, 256>(cases, "wgmma_bf16_256", bytes128, bytes128);
  add<half, 64>(cases, "wgmma_f16_64", bytes128, bytes128);
  add<half, 256>(cases, "wgmma_f16_256", bytes128, bytes128);
  add<bfloat16, 64, true, false>(cases, "wgmma_bf16_64_ta", bytes128, bytes128);
  add<bfloat16, 128, false, true>(cases, "wgmma_bf16_128_tb", bytes128, bytes128);
  add<bfloat16, 128, false, true>(cases, "wgmma_bf16_128_tb_swizzle64", bytes128, bytes64);
  add<bfloat16, 128, true, true>(cases, "wgmma_bf16_128_tt", bytes128, bytes128);
  add<bfloat16, 128, true, true>(cases, "wgmma_bf16_128_tt_swizzle32", bytes32, bytes32);
  add<bfloat16, 128, true, true>(cases, "wgmma_bf16_128_tt_plain", none, none);
  cases.push_back({"setmaxnreg", &run_registers});
  cases.push_back({"whole_product", &run_whole});
}

}  // namespace golden
