// ldmatrix, stmatrix and mma.sync: every lane brings pointers to its registers, the last one to arrive does the work of
// the warp. Products of 16-bit and tf32 numbers are exact in float; sums are rounded to float after each product, in
// order of k. Hardware adds several products at once with a few bits more and cuts off the rest, so results agree to
// rounding only; they agree exactly where every sum is representable, as with small integers.
#include "cuda/simt/tensor_core.h"

#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "cuda/simt/arithmetic.h"

namespace tc::simt {
namespace {

typedef float Row __attribute__((vector_size(32)));  // of C: 8 columns

constexpr std::uint32_t kWholeWarp = 0xffffffffu;

void require_whole_warp(const char* what, std::uint32_t arrived, Where where) {
  if (arrived == kWholeWarp) return;
  char text[160];
  std::snprintf(text, sizeof text, "%s needs all 32 lanes of the warp; lanes 0x%08x are there, the others have exited",
                what, arrived);
  fault(text, where);
}

// ---- ldmatrix -------------------------------------------------------------------------------------------------------

struct MatrixLoad {
  unsigned* out;
  const unsigned char* row;
  int count;
  bool transposed;
  Where where;
};

void execute_load(void* const* operands, std::uint32_t arrived) {
  const auto of = [&](int lane) -> const MatrixLoad& { return *static_cast<const MatrixLoad*>(operands[lane]); };
  const MatrixLoad& any = of(std::countr_zero(arrived));
  require_whole_warp("ldmatrix", arrived, any.where);
  for (int m = 0; m < any.count; ++m) {
    std::uint16_t matrix[8][8];
    for (int r = 0; r < 8; ++r) std::memcpy(matrix[r], of(8 * m + r).row, 16);
    for (int lane = 0; lane < 32; ++lane) {
      const int g = lane / 4, t = lane % 4;
      const unsigned low = any.transposed ? matrix[2 * t][g] : matrix[g][2 * t];
      const unsigned high = any.transposed ? matrix[2 * t + 1][g] : matrix[g][2 * t + 1];
      of(lane).out[m] = low | high << 16;
    }
  }
}

// ---- stmatrix -------------------------------------------------------------------------------------------------------

struct MatrixStore {
  const unsigned* in;
  unsigned char* row;
  int count;
  bool transposed;
  Where where;
};

void execute_store(void* const* operands, std::uint32_t arrived) {
  const auto of = [&](int lane) -> const MatrixStore& { return *static_cast<const MatrixStore*>(operands[lane]); };
  const MatrixStore& any = of(std::countr_zero(arrived));
  require_whole_warp("stmatrix", arrived, any.where);
  for (int m = 0; m < any.count; ++m) {
    std::uint16_t matrix[8][8];
    for (int lane = 0; lane < 32; ++lane) {
      const int g = lane / 4, t = lane % 4;
      const unsigned pair = of(lane).in[m];
      (any.transposed ? matrix[2 * t][g] : matrix[g][2 * t]) = static_cast<std::uint16_t>(pair);
      (any.transposed ? matrix[2 * t + 1][g] : matrix[g][2 * t + 1]) = static_cast<std::uint16_t>(pair >> 16);
    }
    for (int r = 0; r < 8; ++r) std::memcpy(of(8 * m + r).row, matrix[r], 16);
  }
}

// The row a lane gives the address of is checked as its own access, so that reports name it.
void check_row(const char* name, int count, const void* row, bool writes, Where where) {
  if (lane_number() >= 8 * count) return;
  const std::uint32_t address = shared_address(row, where);
  if (address % 16 != 0) {
    char text[128];
    std::snprintf(text, sizeof text, "%s: row at shared address 0x%x is not aligned to 16 bytes", name, address);
    fault(text, where);
  }
  check_access(row, 16, writes, where);
}

// ---- mma ------------------------------------------------------------------------------------------------------------

struct Product {
  float* c;
  const unsigned* a;
  const unsigned* b;
  Where where;
};

// C as a matrix, out of and back into the lanes' registers.
[[gnu::always_inline]] inline void gather(const Product* const* lanes, Row (&c)[16]) {
  for (int g = 0; g < 8; ++g)
    for (int t = 0; t < 4; ++t) {
      const float* from = lanes[4 * g + t]->c;
      std::memcpy(reinterpret_cast<float*>(&c[g]) + 2 * t, from, 8);
      std::memcpy(reinterpret_cast<float*>(&c[g + 8]) + 2 * t, from + 2, 8);
    }
}
[[gnu::always_inline]] inline void scatter(const Row (&c)[16], const Product* const* lanes) {
  for (int g = 0; g < 8; ++g)
    for (int t = 0; t < 4; ++t) {
      float* to = lanes[4 * g + t]->c;
      std::memcpy(to, reinterpret_cast<const float*>(&c[g]) + 2 * t, 8);
      std::memcpy(to + 2, reinterpret_cast<const float*>(&c[g + 8]) + 2 * t, 8);
    }
}

// A register of A or B holds two neighbours in k: the even ones and the odd ones make a matrix each.
template <bool is_half>
[[gnu::always_inline]] inline void product_16(const Product* const* lanes) {
  std::uint32_t a_bits[16][8], b_bits[8][8];
  for (int g = 0; g < 8; ++g)
    for (int t = 0; t < 4; ++t) {
      const Product& lane = *lanes[4 * g + t];
      a_bits[g][t] = lane.a[0];
      a_bits[g + 8][t] = lane.a[1];
      a_bits[g][t + 4] = lane.a[2];
      a_bits[g + 8][t + 4] = lane.a[3];
      b_bits[t][g] = lane.b[0];
      b_bits[t + 4][g] = lane.b[1];
    }
  float even_a[16][8], odd_a[16][8];
  alignas(32) float even_b[8][8], odd_b[8][8];
  for (int i = 0; i < 128; ++i) {
    (&even_a[0][0])[i] = widen<is_half>((&a_bits[0][0])[i] & 0xffffu);
    (&odd_a[0][0])[i] = widen<is_half>((&a_bits[0][0])[i] >> 16);
  }
  for (int i = 0; i < 64; ++i) {
    (&even_b[0][0])[i] = widen<is_half>((&b_bits[0][0])[i] & 0xffffu);
    (&odd_b[0][0])[i] = widen<is_half>((&b_bits[0][0])[i] >> 16);
  }
  Row c[16];
  gather(lanes, c);
  for (int i = 0; i < 16; ++i) {
    Row sum = c[i];
    for (int k = 0; k < 8; ++k) {
      sum += even_a[i][k] * *reinterpret_cast<const Row*>(even_b[k]);
      sum += odd_a[i][k] * *reinterpret_cast<const Row*>(odd_b[k]);
    }
    c[i] = sum;
  }
  scatter(c, lanes);
}

[[gnu::always_inline]] inline float tf32(unsigned bits) { return std::bit_cast<float>(bits & 0xffffe000u); }

[[gnu::always_inline]] inline void product_tf32(const Product* const* lanes) {
  float a[16][8];
  alignas(32) float b[8][8];
  for (int g = 0; g < 8; ++g)
    for (int t = 0; t < 4; ++t) {
      const Product& lane = *lanes[4 * g + t];
      a[g][t] = tf32(lane.a[0]);
      a[g + 8][t] = tf32(lane.a[1]);
      a[g][t + 4] = tf32(lane.a[2]);
      a[g + 8][t + 4] = tf32(lane.a[3]);
      b[t][g] = tf32(lane.b[0]);
      b[t + 4][g] = tf32(lane.b[1]);
    }
  Row c[16];
  gather(lanes, c);
  for (int i = 0; i < 16; ++i)
    for (int k = 0; k < 8; ++k) c[i] += a[i][k] * *reinterpret_cast<const Row*>(b[k]);
  scatter(c, lanes);
}

TC_SIMT_FAST void product_half(const Product* const* lanes) { product_16<true>(lanes); }
TC_SIMT_FAST void product_bfloat16(const Product* const* lanes) { product_16<false>(lanes); }
TC_SIMT_FAST void product_float(const Product* const* lanes) { product_tf32(lanes); }

template <void (*product)(const Product* const*)>
void execute_product(void* const* operands, std::uint32_t arrived) {
  require_whole_warp("mma", arrived, static_cast<const Product*>(operands[std::countr_zero(arrived)])->where);
  const Product* lanes[32];
  for (int lane = 0; lane < 32; ++lane) lanes[lane] = static_cast<const Product*>(operands[lane]);
  product(lanes);
}

}  // namespace

void load_matrices(unsigned* out, int count, const void* row, bool transposed, Where where) {
  check_row("ldmatrix", count, row, false, where);
  MatrixLoad operand{out, static_cast<const unsigned char*>(row), count, transposed, where};
  warp_collective("ldmatrix", kWholeWarp, &operand, &execute_load, false, where);
}

void store_matrices(const unsigned* in, int count, void* row, bool transposed, Where where) {
  check_row("stmatrix", count, row, true, where);
  MatrixStore operand{in, static_cast<unsigned char*>(row), count, transposed, where};
  warp_collective("stmatrix", kWholeWarp, &operand, &execute_store, false, where);
}

void mma_16x8x16(bool is_half, float* c, const unsigned* a, const unsigned* b, Where where) {
  Product operand{c, a, b, where};
  const Execute execute = is_half ? &execute_product<product_half> : &execute_product<product_bfloat16>;
  warp_collective(is_half ? "mma.m16n8k16.f16" : "mma.m16n8k16.bf16", kWholeWarp, &operand, execute, false, where);
}

void mma_16x8x8_tf32(float* c, const unsigned* a, const unsigned* b, Where where) {
  Product operand{c, a, b, where};
  warp_collective("mma.m16n8k8.tf32", kWholeWarp, &operand, &execute_product<product_float>, false, where);
}

}  // namespace tc::simt
