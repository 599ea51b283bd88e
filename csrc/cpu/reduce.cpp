#include "ops/reduce.h"

namespace tc::cpu {
namespace {

void sum(const Array& x, Array& y) {
  dispatch(Reals{}, y.dtype(), [&]<class T>() {
    const T* in = x.data<T>();
    T* out = y.data<T>();
    for (std::int64_t i = 0; i < x.size(); ++i) {
      std::int64_t rest = i, from = 0, to = 0;
      for (int axis = x.ndim() - 1; axis >= 0; --axis) {
        const std::int64_t at = rest % x.shape(axis);
        rest /= x.shape(axis);
        from += at * x.stride(axis);
        to += at * y.stride(axis);
      }
      out[to] = convert<T>(convert<Acc<T>>(out[to]) + convert<Acc<T>>(in[from]));
    }
  });
}

const Provide registered{kernels::sum, DeviceType::cpu, &sum};

}  // namespace
}  // namespace tc::cpu
