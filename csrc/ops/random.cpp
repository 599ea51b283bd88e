#include "ops/random.h"

#include <cmath>

namespace tc::ops {
namespace {

Array make(const char* op, const Dims& shape, DType dtype, Device device) {
  checked_size(shape, dtype, op);
  return Array::empty(shape, dtype, device);
}

}  // namespace

Array uniform(const Dims& shape, double low, double high, std::uint64_t seed, std::uint64_t offset, DType dtype,
              Device device) {
  check_type(is_float(dtype), "uniform: dtype must be floating-point, got ", name_of(dtype));
  check_value(std::isfinite(high - low) && low <= high, "uniform: needs finite low <= high, got ", low, " and ", high);
  Array out = make("uniform", shape, dtype, device);
  if (out.size()) kernels::uniform(device, {seed, offset}, low, high, out);
  return out;
}

Array normal(const Dims& shape, double mean, double std, std::uint64_t seed, std::uint64_t offset, DType dtype,
             Device device) {
  check_type(is_float(dtype), "normal: dtype must be floating-point, got ", name_of(dtype));
  check_value(std::isfinite(mean) && std::isfinite(std) && std >= 0, "normal: needs a finite mean and std >= 0, got ",
              mean, " and ", std);
  Array out = make("normal", shape, dtype, device);
  if (out.size()) kernels::normal(device, {seed, offset}, mean, std, out);
  return out;
}

Array randint(const Dims& shape, std::int64_t low, std::uint64_t span, std::uint64_t seed, std::uint64_t offset,
              DType dtype, Device device) {
  check_type(is_int(dtype), "randint: dtype must be an integer dtype, got ", name_of(dtype));
  Array out = make("randint", shape, dtype, device);
  if (out.size()) kernels::integers(device, {seed, offset}, low, span, out);
  return out;
}

Array bernoulli(const Dims& shape, double p, std::uint64_t seed, std::uint64_t offset, DType dtype, Device device) {
  check_value(p >= 0 && p <= 1, "bernoulli: p must be in [0, 1], got ", p);
  Array out = make("bernoulli", shape, dtype, device);
  if (out.size()) kernels::bernoulli(device, {seed, offset}, p, out);
  return out;
}

Array randperm(std::int64_t n, std::uint64_t seed, std::uint64_t offset, Device device) {
  check_value(n >= 0, "randperm: n must not be negative, got ", n);
  Array out = make("randperm", Dims{n}, DType::int64, device);
  if (n) kernels::permutation(device, {seed, offset}, out);
  return out;
}

Array dropout(const Array& x, double p, std::uint64_t seed, std::uint64_t offset) {
  check_type(is_float(x.dtype()), "dropout: dtype must be floating-point, got ", name_of(x.dtype()));
  check_value(p >= 0 && p <= 1, "dropout: p must be in [0, 1], got ", p);
  const Array from = x.contiguous();
  Array y = Array::empty(x.shape(), x.dtype(), x.device());
  if (y.size()) kernels::dropout(y.device(), {seed, offset}, p, from, y);
  return y;
}

std::uint64_t random_blocks(const Dims& shape, bool wide) {
  const auto n = static_cast<std::uint64_t>(checked_size(shape, DType::int64, "random"));
  return wide ? random::blocks_64(n) : random::blocks_32(n);
}

}  // namespace tc::ops
