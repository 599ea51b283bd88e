#include "ops/attention.h"

#include "ops/copy.h"

namespace tc::ops {
namespace {

constexpr const char* kOp = "scaled_dot_product_attention";

struct Broadcast {
  Array q, k, v;
  std::optional<Array> mask;
  Dims stack;
};

Dims leading(const Array& x) { return Dims(std::span(x.shape().begin(), static_cast<std::size_t>(x.ndim() - 2))); }

Dims with(const Dims& stack, std::int64_t rows, std::int64_t cols) {
  Dims shape = stack;
  shape.push_back(rows);
  shape.push_back(cols);
  return shape;
}

Broadcast check_inputs(const Array& q, const Array& k, const Array& v, const std::optional<Array>& mask) {
  for (const Array* x : {&q, &k, &v}) {
    check_type(x->dtype() == q.dtype() && (q.dtype() == DType::float32 || q.dtype() == DType::float64), kOp,
               ": query, key and value must have one dtype, float32 or float64, got ", name_of(q.dtype()), ", ",
               name_of(k.dtype()), " and ", name_of(v.dtype()));
    check_value(x->ndim() >= 2, kOp, ": query, key and value must have at least two axes, got ", q.shape(), ", ",
                k.shape(), " and ", v.shape());
    check_same_device(q, *x, kOp);
  }
  check_value(q.shape(-1) == k.shape(-1), kOp, ": query and key must have one last extent, got ", q.shape(), " and ",
              k.shape());
  check_value(k.shape(-2) == v.shape(-2), kOp, ": key and value must have one length, got ", k.shape(), " and ",
              v.shape());
  Broadcast b;
  b.stack = broadcast_shapes(leading(q), broadcast_shapes(leading(k), leading(v), kOp), kOp);
  b.q = q.broadcast_to(with(b.stack, q.shape(-2), q.shape(-1)), kOp);
  b.k = k.broadcast_to(with(b.stack, k.shape(-2), k.shape(-1)), kOp);
  b.v = v.broadcast_to(with(b.stack, v.shape(-2), v.shape(-1)), kOp);
  if (mask) {
    check_type(mask->dtype() == q.dtype(), kOp, ": the mask must have the query's dtype, got ", name_of(mask->dtype()));
    b.mask = mask->broadcast_to(with(b.stack, q.shape(-2), k.shape(-2)), kOp);
  }
  return b;
}

}  // namespace

std::tuple<Array, Array> attention(const Array& q, const Array& k, const Array& v, const std::optional<Array>& mask,
                                   double scale, bool causal) {
  const Broadcast b = check_inputs(q, k, v, mask);
  Array y = Array::empty(with(b.stack, q.shape(-2), v.shape(-1)), q.dtype());
  Dims rows = b.stack;
  rows.push_back(q.shape(-2));
  Array lse = Array::empty(rows, q.dtype());
  if (lse.size())
    kernels::attention(q.device(), {&b.q, &b.k, &b.v, b.mask ? &*b.mask : nullptr, scale, causal}, y, lse);
  return {y, lse};
}

std::tuple<Array, Array, Array> attention_backward(const Array& q, const Array& k, const Array& v,
                                                   const std::optional<Array>& mask, double scale, bool causal,
                                                   const Array& y, const Array& lse, const Array& g) {
  const Broadcast b = check_inputs(q, k, v, mask);
  const Dims shape = with(b.stack, q.shape(-2), v.shape(-1));
  Dims rows = b.stack;
  rows.push_back(q.shape(-2));
  check_value(y.shape() == shape && g.shape() == shape, kOp, ": gradient and output must have shape ", shape, ", got ",
              g.shape(), " and ", y.shape());
  check_value(lse.shape() == rows, kOp, ": log-sum-exp must have shape ", rows, ", got ", lse.shape());
  check_type(y.dtype() == q.dtype() && g.dtype() == q.dtype() && lse.dtype() == q.dtype(), kOp,
             ": gradient and output must have the query's dtype");
  Array gq = Array::empty(b.q.shape(), q.dtype()), gk = Array::empty(b.k.shape(), q.dtype()),
        gv = Array::empty(b.v.shape(), q.dtype());
  kernels::attention_backward(q.device(), {&b.q, &b.k, &b.v, b.mask ? &*b.mask : nullptr, scale, causal},
                              y.contiguous(), lse.contiguous(), g.contiguous(), gq, gk, gv);
  return {gq, gk, gv};
}

}  // namespace tc::ops
