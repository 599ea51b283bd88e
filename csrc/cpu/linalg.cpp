// Matrix products on the GEMM core: a stack is folded into one tall product where the layout allows it, else batched.
#include "ops/linalg.h"

#include "cpu/gemm.h"
#include "ops/loop_plan.h"

namespace tc::cpu {
namespace {

// Leading axes merged where one stride walks them, for a, b and y together.
struct Stack {
  std::int64_t count = 1;
  int ndim = 0;
  std::int64_t shape[kMaxNdim], a[kMaxNdim], b[kMaxNdim], y[kMaxNdim];

  Stack(const Array& x1, const Array& x2, const Array& out) {
    for (int i = 0; i + 2 < out.ndim(); ++i) {
      const std::int64_t extent = out.shape(i);
      count *= extent;
      if (extent == 1) continue;
      const std::int64_t sa = x1.stride(i), sb = x2.stride(i), sy = out.stride(i);
      if (ndim && a[ndim - 1] == sa * extent && b[ndim - 1] == sb * extent && y[ndim - 1] == sy * extent) {
        shape[ndim - 1] *= extent;
        a[ndim - 1] = sa, b[ndim - 1] = sb, y[ndim - 1] = sy;
      } else {
        shape[ndim] = extent, a[ndim] = sa, b[ndim] = sb, y[ndim] = sy;
        ++ndim;
      }
    }
  }

  BatchOffsets offsets(std::int64_t index) const {
    BatchOffsets at{0, 0, 0};
    for (int i = ndim - 1; i >= 0; --i) {
      const std::int64_t k = index % shape[i];
      index /= shape[i];
      at.a += k * a[i], at.b += k * b[i], at.c += k * y[i];
    }
    return at;
  }
};

template <class T>
void product(const Array& a, const Array& b, Array& y) {
  const std::int64_t m = a.shape(-2), n = b.shape(-1), k = a.shape(-1);
  const Stack stack(a, b, y);
  const Matrix<T> left{a.data<T>(), a.stride(-2), a.stride(-1)}, right{b.data<T>(), b.stride(-2), b.stride(-1)};
  if (stack.ndim == 0) return gemm<T>(m, n, k, left, right, y.data<T>(), n);
  if (stack.ndim == 1 && stack.b[0] == 0) {  // one right side for all: the stack is more rows
    if (m == 1 || stack.a[0] == a.stride(-2) * m) {
      const std::int64_t step = m == 1 ? stack.a[0] : a.stride(-2);
      const Matrix<T> tall{left.data, step, left.col_stride};
      return gemm<T>(stack.count * m, n, k, tall, right, y.data<T>(), n);
    }
  }
  gemm_batched<T>(
      stack.count, [](const void* s, std::int64_t i) { return static_cast<const Stack*>(s)->offsets(i); }, &stack, m, n,
      k, left, right, y.data<T>(), n);
}

void matmul(const Array& a, const Array& b, Array& y) {
  dispatch(Reals{}, y.dtype(), [&]<class T>() { product<T>(a, b, y); });
}

Activation activation_named(const std::string& name) {
  if (name == "relu") return Activation::relu;
  if (name == "gelu") return Activation::gelu;
  if (name == "tanh") return Activation::tanh;
  if (name == "sigmoid") return Activation::sigmoid;
  if (name == "silu") return Activation::silu;
  return Activation::none;
}

void linear(const Array& x, const Array& w, const Array* bias, const std::string& activation, Array& y) {
  dispatch(Floats{}, y.dtype(), [&]<class T>() {
    Epilogue<T> epilogue;
    epilogue.activation = activation_named(activation);
    if (bias) {
      epilogue.column_bias = bias->data<T>();
      epilogue.column_bias_stride = bias->stride(0);
    }
    const Matrix<T> rows{x.data<T>(), x.stride(0), x.stride(1)}, weight{w.data<T>(), w.stride(0), w.stride(1)};
    gemm<T>(x.shape(0), w.shape(0), w.shape(1), rows, weight.transposed(), y.data<T>(), w.shape(0), 1, epilogue);
  });
}

const Provide registered{kernels::matmul, DeviceType::cpu, &matmul};
const Provide linear_registered{kernels::linear, DeviceType::cpu, &linear};

}  // namespace
}  // namespace tc::cpu
