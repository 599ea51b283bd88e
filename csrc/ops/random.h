// Random arrays from a stream (seed, offset): element i depends on nothing but these and i. The caller moves the offset
// on by blocks_32 or blocks_64 of the number of elements.
#pragma once
#include "core/array.h"
#include "core/kernel_table.h"
#include "core/random.h"

namespace tc {

namespace kernels {
using random::Stream;
// All outputs are contiguous. Uniform in [low, high), for every floating dtype.
constinit inline Kernel<void(Stream stream, double low, double high, Array& out)> uniform{"uniform"};
constinit inline Kernel<void(Stream stream, double mean, double std, Array& out)> normal{"normal"};
// Uniform in [low, low + span), span 0 standing for 2^64; integer dtypes.
constinit inline Kernel<void(Stream stream, std::int64_t low, std::uint64_t span, Array& out)> integers{"randint"};
constinit inline Kernel<void(Stream stream, double p, Array& out)> bernoulli{"bernoulli"};  // 1 with probability p
constinit inline Kernel<void(Stream stream, Array& out)> permutation{"randperm"};           // int64
// y = x / (1 - p) where the stream keeps the element (with probability 1 - p), else 0. One floating dtype, contiguous.
constinit inline Kernel<void(Stream stream, double p, const Array& x, Array& y)> dropout{"dropout"};
}  // namespace kernels

namespace ops {
Array uniform(const Dims& shape, double low, double high, std::uint64_t seed, std::uint64_t offset, DType dtype,
              Device device);
Array normal(const Dims& shape, double mean, double std, std::uint64_t seed, std::uint64_t offset, DType dtype,
             Device device);
Array randint(const Dims& shape, std::int64_t low, std::uint64_t span, std::uint64_t seed, std::uint64_t offset,
              DType dtype, Device device);
Array bernoulli(const Dims& shape, double p, std::uint64_t seed, std::uint64_t offset, DType dtype, Device device);
Array randperm(std::int64_t n, std::uint64_t seed, std::uint64_t offset, Device device);
Array dropout(const Array& x, double p, std::uint64_t seed, std::uint64_t offset);
std::uint64_t random_blocks(const Dims& shape,
                            bool wide);  // how far drawing 32-bit or 64-bit elements moves the offset
}  // namespace ops

}  // namespace tc
