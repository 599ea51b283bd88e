// ldmatrix, stmatrix and mma.sync.
#include <bit>

#include "cuda/device/wgmma.h"
#include "golden.h"

namespace golden {
namespace {

using namespace tc::cuda;
using tc::bfloat16;
using tc::half;

// ---- ldmatrix and stmatrix: `count` matrices, rows 144 bytes apart --------------------------------------------------

constexpr int kPitch = 72;  // elements

template <int count, bool transposed>
__global__ void load(const unsigned* matrices, unsigned* out) {
  TC_SHARED(uint4, tile, [32 * kPitch / 8]);
  auto* words = reinterpret_cast<unsigned*>(tile);
  const int lane = lane_id();
  for (int i = lane; i < 32 * kPitch / 2; i += 32) words[i] = matrices[i];
  __syncthreads();
  unsigned fragment[count];
  load_matrices<count, transposed>(fragment, reinterpret_cast<unsigned short*>(tile) + lane * kPitch);
  for (int m = 0; m < count; ++m) out[lane * count + m] = fragment[m];
}

template <int count, bool transposed>
__global__ void store(const unsigned* fragments, unsigned* out) {
  TC_SHARED(uint4, tile, [32 * kPitch / 8]);
  auto* words = reinterpret_cast<unsigned*>(tile);
  const int lane = lane_id();
  for (int i = lane; i < 32 * kPitch / 2; i += 32) words[i] = 0;
  __syncthreads();
  unsigned fragment[count];
  for (int m = 0; m < count; ++m) fragment[m] = fragments[lane * count + m];
  store_matrices<count, transposed>(reinterpret_cast<unsigned short*>(tile) + lane * kPitch, fragment);
  __syncthreads();
  for (int i = lane; i < 32 * kPitch / 2; i += 32) out[i] = words[i];
}

// Element of matrix m that lane, half `upper` of its register, holds.
int place(int m, int lane, int upper, bool transposed) {
  const int g = lane / 4, c = lane % 4 * 2 + upper;
  return transposed ? (8 * m + c) * kPitch + g : (8 * m + g) * kPitch + c;
}

template <int count, bool transposed>
Outcome run_load(std::uint64_t seed) {
  Random random(seed);
  std::vector<unsigned> matrices(32 * kPitch / 2), want(32 * count);
  for (unsigned& word : matrices) word = static_cast<unsigned>(random.bits());
  const auto* elements = reinterpret_cast<const unsigned short*>(matrices.data());
  for (int lane = 0; lane < 32; ++lane)
    for (int m = 0; m < count; ++m)
      want[lane * count + m] = elements[place(m, lane, 0, transposed)] | elements[place(m, lane, 1, transposed)] << 16;
  const Device<unsigned> in(matrices), out(std::vector<unsigned>(32 * count));
  launch<load<count, transposed>>({1, 32}, in.data(), out.data());
  return compare(out, want);
}

template <int count, bool transposed>
Outcome run_store(std::uint64_t seed) {
  Random random(seed);
  std::vector<unsigned> fragments(32 * count), want(32 * kPitch / 2);
  for (unsigned& word : fragments) word = static_cast<unsigned>(random.bits());
  auto* elements = reinterpret_cast<unsigned short*>(want.data());
  for (int lane = 0; lane < 32; ++lane)
    for (int m = 0; m < count; ++m)
      for (int upper = 0; upper < 2; ++upper)
        elements[place(m, lane, upper, transposed)] =
            static_cast<unsigned short>(fragments[lane * count + m] >> 16 * upper);
  const Device<unsigned> in(fragments), out(std::vector<unsigned>(want.size()));
  launch<store<count, transposed>>({1, 32}, in.data(), out.data());
  return compare(out, want);
}

// ---- mma ------------------------------------------------------------------------------------------------------------

template <class T>  // float: tf32
__global__ void product(const unsigned* a, const unsigned* b, const float* c, float* d) {
  const int lane = lane_id();
  unsigned fragment_a[4], fragment_b[2];
  float sum[4];
  for (int i = 0; i < 4; ++i) fragment_a[i] = a[lane * 4 + i];
  for (int i = 0; i < 2; ++i) fragment_b[i] = b[lane * 2 + i];
  for (int i = 0; i < 4; ++i) sum[i] = c[lane * 4 + i];
  if constexpr (std::is_same_v<T, float>)
    mma_16x8x8_tf32(sum, fragment_a, fragment_b);
  else
    mma_16x8x16<T>(sum, fragment_a, fragment_b);
  for (int i = 0; i < 4; ++i) d[lane * 4 + i] = sum[i];
}

// `noise`: set the bits of tf32 operands that the hardware ignores.
template <class T, bool noise = false>
Outcome run_product(std::uint64_t seed) {
  constexpr bool wide = std::is_same_v<T, float>;
  constexpr int depth = wide ? 8 : 16;
  Random random(seed);
  float a[16][16], b[16][8], c[16][8];
  for (auto& row : a)
    for (float& x : row) x = static_cast<float>(random.small());
  for (auto& row : b)
    for (float& x : row) x = static_cast<float>(random.small());
  for (auto& row : c)
    for (float& x : row) x = static_cast<float>(random.small());
  const auto bits = [&](float x) -> unsigned {
    if constexpr (wide)
      return std::bit_cast<unsigned>(x) | (noise ? random.bits() & 0x1fffu : 0u);
    else
      return T(x).bits;
  };
  const auto pair = [&](float low, float high) { return bits(low) | bits(high) << 16; };
  std::vector<unsigned> fragment_a(128), fragment_b(64);
  std::vector<float> fragment_c(128), want(128);
  for (int lane = 0; lane < 32; ++lane) {
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; ++i) {
      const int row = g + 8 * (i & 1), k = wide ? t + 4 * (i >> 1) : 2 * t + 8 * (i >> 1);
      if constexpr (wide)
        fragment_a[lane * 4 + i] = bits(a[row][k]);
      else
        fragment_a[lane * 4 + i] = pair(a[row][k], a[row][k + 1]);
    }
    for (int i = 0; i < 2; ++i) {
      const int k = wide ? t + 4 * i : 2 * t + 8 * i;
      if constexpr (wide)
        fragment_b[lane * 2 + i] = bits(b[k][g]);
      else
        fragment_b[lane * 2 + i] = pair(b[k][g], b[k + 1][g]);
    }
    for (int i = 0; i < 4; ++i) {
      const int row = g + 8 * (i >> 1), column = 2 * t + (i & 1);
      float sum = fragment_c[lane * 4 + i] = c[row][column];
      for (int k = 0; k < depth; ++k) sum += a[row][k] * b[k][column];
      want[lane * 4 + i] = sum;
    }
  }
  const Device<unsigned> in_a(fragment_a), in_b(fragment_b);
  const Device<float> in_c(fragment_c), out(std::vector<float>(128));
  launch<product<T>>({1, 32}, in_a.data(), in_b.data(), in_c.data(), out.data());
  return compare(out, want);
}

}  // namespace

void add_matrix_cases(std::vector<Case>& cases) {
  cases.insert(cases.end(), {
                                {"ldmatrix_x1", &run_load<1, false>},
                                {"ldmatrix_x2", &run_load<2, false>},
                                {"ldmatrix_x4", &run_load<4, false>},
                                {"ldmatrix_x1_trans", &run_load<1, true>},
                                {"ldmatrix_x2_trans", &run_load<2, true>},
                                {"ldmatrix_x4_trans", &run_load<4, true>},
                                {"stmatrix_x1", &run_store<1, false>},
                                {"stmatrix_x2", &run_store<2, false>},
                                {"stmatrix_x4", &run_store<4, false>},
                                {"stmatrix_x1_trans", &run_store<1, true>},
                                {"stmatrix_x2_trans", &run_store<2, true>},
                                {"stmatrix_x4_trans", &run_store<4, true>},
                                {"mma_f16", &run_product<half>},
                                {"mma_bf16", &run_product<bfloat16>},
                                {"mma_tf32", &run_product<float>},
                                {"mma_tf32_low_bits", &run_product<float, true>},
                            });
}

}  // namespace golden
