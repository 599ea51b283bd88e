#include "ops/elementwise.h"

#include "ops/copy.h"

namespace tc::ops {

Array result_array(const char* op, const Dims& shape, DType dtype, const Array& like, Array* out) {
  if (!out) return empty_for_elementwise(like, shape, dtype);
  check_writable(*out, op);
  check_value(out->shape() == shape, op, ": result of shape ", shape, " cannot be stored in place in shape ",
              out->shape());
  check_type(promote(out->dtype(), dtype) == out->dtype(), op, ": result of dtype ", name_of(dtype),
             " cannot be stored in place in dtype ", name_of(out->dtype()));
  return *out;
}

Array input_for(const Array& x, const Dims& shape, const Array& y, const Array* out, const char* op) {
  Array input = x.broadcast_to(shape, op);
  const bool is_output = input.raw() == y.raw() && input.strides() == y.strides() && input.dtype() == y.dtype();
  return out && !is_output && may_overlap(input, y) ? copy(input) : input;
}

Array where(const Array& condition, const Array& a, const Array& b) {
  check_type(is_bool(condition.dtype()), "where: condition must be bool, got ", name_of(condition.dtype()));
  Device device = common_device(a, b, "where");
  const Array& like = a.device() == device ? a : b;
  device = common_device(condition, like, "where");
  common_device(condition, a.device() == device ? a : b, "where");
  const Dims shape = broadcast_shapes(condition.shape(), broadcast_shapes(a.shape(), b.shape(), "where"), "where");
  const Array& laid_out = a.device() == device ? a : b.device() == device ? b : condition;
  Array y = empty_for_elementwise(laid_out, shape, promote(a.dtype(), b.dtype()));
  if (y.size())
    kernels::where(y.device(), condition.broadcast_to(shape, "where"), a.broadcast_to(shape, "where"),
                   b.broadcast_to(shape, "where"), y);
  return y;
}

}  // namespace tc::ops
