// General matrix product on raw pointers: C = activation(alpha * A B + beta * C + bias), A is m x k, B is k x n.
// Any strides, also 0 and negative. half and bfloat16 are summed in float and rounded once, integers wrap around.
// The order of every sum depends on shape, strides and form of the operands, never on the number of threads.
// Compiled once per instruction set: a kernel file calls the copy of its own set through the inline namespace TC_ISA.
#pragma once
#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "core/allocator.h"
#include "core/dtype.h"

#ifndef TC_ISA
#define TC_ISA baseline
#endif

namespace tc::cpu {
inline namespace TC_ISA {

// Element (i, j) is data[i * row_stride + j * col_stride]; strides in elements.
template <class T>
struct Matrix {
  const T* data;
  std::int64_t row_stride, col_stride;
  Matrix transposed() const { return {data, col_stride, row_stride}; }
};

enum class Activation : std::uint8_t { none, relu, gelu, tanh, sigmoid, silu };  // gelu: the exact one, with erf

template <class T>
struct Epilogue {
  Acc<T> alpha = Acc<T>(1);
  Acc<T> beta = Acc<T>(0);         // 0: C is never read, so it may hold anything
  const T* column_bias = nullptr;  // n elements: element j is added to column j
  std::int64_t column_bias_stride = 1;
  const T* row_bias = nullptr;  // m elements: element i is added to row i
  std::int64_t row_bias_stride = 1;
  Activation activation = Activation::none;  // after the bias; integer types have none and relu
};

// The type a product is computed in, and the element type of packed operands.
template <class T>
using Packed =
    std::conditional_t<std::is_integral_v<T>, std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>, Acc<T>>;

// An operand laid out once for the kernels, for use in many products. Read-only, so threads may share it.
template <class T>
class PackedMatrix {
 public:
  PackedMatrix() = default;
  PackedMatrix(std::int64_t rows, std::int64_t cols, std::int64_t elements)
      : rows_(rows),
        cols_(cols),
        bytes_(static_cast<std::size_t>(elements) * sizeof(Packed<T>)),
        data_(static_cast<Packed<T>*>(allocate_cpu(bytes_))) {}
  PackedMatrix(PackedMatrix&& other) noexcept { swap(other); }
  PackedMatrix& operator=(PackedMatrix&& other) noexcept {
    swap(other);
    return *this;
  }
  ~PackedMatrix() {
    if (data_) free_cpu(data_, bytes_);
  }
  std::int64_t rows() const { return rows_; }
  std::int64_t cols() const { return cols_; }
  Packed<T>* data() const { return data_; }

 private:
  void swap(PackedMatrix& other) noexcept {
    std::swap(rows_, other.rows_);
    std::swap(cols_, other.cols_);
    std::swap(bytes_, other.bytes_);
    std::swap(data_, other.data_);
  }
  std::int64_t rows_ = 0, cols_ = 0;
  std::size_t bytes_ = 0;
  Packed<T>* data_ = nullptr;
};

// A or B of a product: a strided matrix, a packed matrix (of the right side), or a function that produces elements,
//     fill(Packed<T>* out, int64_t ld, int64_t row0, int64_t row1, int64_t col0, int64_t col1)
// which writes element (i, j) of the operand, row0 <= i < row1, col0 <= j < col1, to out[(i - row0) * ld + j - col0].
// It is called from several threads at once, on panels of some 250 steps of k; each element of B is asked for once per
// product when it is shared by threads, of A a few times when n is large. Operands refer, they do not own.
template <class T>
class Operand {
 public:
  using Fill = void (*)(const void* context, Packed<T>* out, std::int64_t ld, std::int64_t row0, std::int64_t row1,
                        std::int64_t col0, std::int64_t col1);
  Operand(const Matrix<T>& matrix) : matrix(matrix) {}
  Operand(const PackedMatrix<T>& packed) : packed(packed.data()) {}
  template <class F>
    requires std::invocable<const F&, Packed<T>*, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t>
  Operand(const F& function)
      : fill([](const void* context, Packed<T>* out, std::int64_t ld, std::int64_t row0, std::int64_t row1,
                std::int64_t col0,
                std::int64_t col1) { (*static_cast<const F*>(context))(out, ld, row0, row1, col0, col1); }),
        context(&function) {}

  Matrix<T> matrix{nullptr, 0, 0};
  const Packed<T>* packed = nullptr;
  Fill fill = nullptr;
  const void* context = nullptr;
};

// C(i, j) is c[i * c_row_stride + j * c_col_stride]; it must not overlap A, B or a bias, and its elements are distinct.
// Fastest with c_col_stride == 1 (or c_row_stride == 1, which is computed as C^T = B^T A^T). m, n, k >= 0; k == 0 is an
// empty sum. Instances: float, double, half, bfloat16, uint8, int8, int16, int32, int64.
template <class T>
void gemm(std::int64_t m, std::int64_t n, std::int64_t k, const Operand<T>& a, const Operand<T>& b, T* c,
          std::int64_t c_row_stride, std::int64_t c_col_stride = 1, const Epilogue<T>& epilogue = {});

// The same on the calling thread alone, for kernels that are parallel outside. Gives the same bits as gemm.
template <class T>
void gemm_serial(std::int64_t m, std::int64_t n, std::int64_t k, const Operand<T>& a, const Operand<T>& b, T* c,
                 std::int64_t c_row_stride, std::int64_t c_col_stride = 1, const Epilogue<T>& epilogue = {});

// One operand laid out for many products, in parallel. The result fits products with the same extents of this operand.
template <class T>
PackedMatrix<T> pack_a(std::int64_t m, std::int64_t k, const Operand<T>& a);
template <class T>
PackedMatrix<T> pack_b(std::int64_t k, std::int64_t n, const Operand<T>& b);

// `batch` products of one shape; product t has its operands and C at the offsets `offsets(context, t)`, in elements,
// from the given pointers. Parallel over products, or inside them where they are few and large.
struct BatchOffsets {
  std::int64_t a, b, c;
};
template <class T>
void gemm_batched(std::int64_t batch, BatchOffsets (*offsets)(const void* context, std::int64_t index),
                  const void* context, std::int64_t m, std::int64_t n, std::int64_t k, const Matrix<T>& a,
                  const Matrix<T>& b, T* c, std::int64_t c_row_stride, std::int64_t c_col_stride = 1,
                  const Epilogue<T>& epilogue = {});
// With one stride per operand from product to product.
template <class T>
void gemm_batched(std::int64_t batch, const BatchOffsets& strides, std::int64_t m, std::int64_t n, std::int64_t k,
                  const Matrix<T>& a, const Matrix<T>& b, T* c, std::int64_t c_row_stride,
                  std::int64_t c_col_stride = 1, const Epilogue<T>& epilogue = {});

}  // namespace TC_ISA
}  // namespace tc::cpu
