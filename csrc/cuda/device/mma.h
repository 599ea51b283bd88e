// Tensor-core products of one warp (sm_80): matrices from shared memory to registers, and D = A B + C on fragments.
// Fragments are spread over the lanes as the PTX manual draws them; with g = lane / 4 and t = lane % 4:
//   16-bit A (16x16): a[0] (g, 2t) a[1] (g + 8, 2t) a[2] (g, 2t + 8) a[3] (g + 8, 2t + 8), each with its right
//   neighbour 16-bit B (16x8):  b[0] (2t, g) b[1] (2t + 8, g), each with its lower neighbour tf32 A (16x8):    a[0] (g,
//   t) a[1] (g + 8, t) a[2] (g, t + 4) a[3] (g + 8, t + 4) tf32 B (8x8):     b[0] (t, g) b[1] (t + 4, g) fp32 C (16x8):
//   c[0] (g, 2t) c[1] (g, 2t + 1) c[2] (g + 8, 2t) c[3] (g + 8, 2t + 1)
#pragma once
#include "core/dtype.h"
#include "cuda/device/memory.h"
#if !TC_GPU
#include "cuda/simt/tensor_core.h"
#endif

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

// `count` 8x8 matrices of 16-bit elements. Lane 8 m + r gives the address of row r of matrix m (16-byte aligned); every
// lane gets (row g, columns 2t and 2t + 1) of each, or with `transposed` (rows 2t and 2t + 1, column g).
template <int count, bool transposed = false>
TC_DEVICE void load_matrices(unsigned (&out)[count], const void* row TC_AND_WHERE) {
  static_assert(count == 1 || count == 2 || count == 4);
#if TC_GPU
  const unsigned a = shared_address(row);
  if constexpr (count == 4 && !transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(a)
                 : "memory");
  else if constexpr (count == 4)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(a)
                 : "memory");
  else if constexpr (count == 2 && !transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(out[0]), "=r"(out[1])
                 : "r"(a)
                 : "memory");
  else if constexpr (count == 2)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(out[0]), "=r"(out[1])
                 : "r"(a)
                 : "memory");
  else if constexpr (!transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(out[0]) : "r"(a) : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];" : "=r"(out[0]) : "r"(a) : "memory");
#else
  ::tc::simt::load_matrices(out, count, row, transposed, where);
#endif
}

// c += a b for T half or bfloat16: 16 x 8 x 16.
template <class T>
TC_DEVICE void mma_16x8x16(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2] TC_AND_WHERE) {
#if TC_GPU
  if constexpr (std::is_same_v<T, half>)
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  else
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  ::tc::simt::mma_16x8x16(std::is_same_v<T, half>, c, a, b, where);
#endif
}

// c += a b in tf32: 16 x 8 x 8. The hardware ignores the low 13 bits of each operand: round them with to_tf32 first.
TC_DEVICE void mma_16x8x8_tf32(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2] TC_AND_WHERE) {
#if TC_GPU
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  ::tc::simt::mma_16x8x8_tf32(c, a, b, where);
#endif
}

// The nearest number with tf32's 10 bits of mantissa, halves away from zero.
TC_DEVICE unsigned to_tf32(float x) {
#if TC_GPU
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
#else
  const unsigned bits = __float_as_uint(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) return bits;  // infinity and NaN stay
  return (bits + 0x1000u) & 0xffffe000u;
#endif
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
