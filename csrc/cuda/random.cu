// Random arrays with the CPU's bits. A thread computes one Philox block, four words; sixteen neighbouring threads share
// a tile and write runs of sixteen neighbouring elements (core/random.h draws the layout).
#include "cuda/loop.h"
#include "ops/random.h"

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {
namespace {

using random::Bounded32;
using random::Bounded64;
using random::Interval;
using random::kTileBlocks;
using random::Stream;

template <class T>
using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
template <class T>
using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;

// The thread's Philox block and the element its first word belongs to. Words of 32 bits (or pairs of them) belong to
// elements 16 apart.
template <int per_tile>
struct Words {
  PhiloxBlock block;
  std::int64_t first;
  TC_DEVICE explicit Words(Stream stream) {
    const std::int64_t n = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
    block = random::block(stream, static_cast<std::uint64_t>(n));
    first = n / kTileBlocks * per_tile + n % kTileBlocks;
  }
  TC_DEVICE std::uint32_t word_32(int i) const { return block.word[i]; }
  TC_DEVICE std::uint64_t word_64(int i) const {
    return block.word[2 * i] | static_cast<std::uint64_t>(block.word[2 * i + 1]) << 32;
  }
};
template <class W>
constexpr int kPerTile = sizeof(W) == 8 ? random::kTile64 : random::kTile32;
template <class W>
constexpr int kPerThread = sizeof(W) == 8 ? 2 : 4;

template <class W>
dim3 blocks_for(std::int64_t elements) {
  const std::int64_t threads = (elements + kPerTile<W> - 1) / kPerTile<W> * kTileBlocks;
  return dim3(static_cast<unsigned>((threads + kThreads - 1) / kThreads));
}

template <class W>
TC_DEVICE Bits<W> bits_of(const Words<kPerTile<W>>& words, int i) {
  if constexpr (sizeof(W) == 8)
    return words.word_64(i);
  else
    return words.word_32(i);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    uniform_elements(Stream stream, Interval<Wide<T>> interval, Wide<T> last, T* out, std::int64_t n) {
  using W = Wide<T>;
  const Words<kPerTile<W>> words(stream);
#pragma unroll
  for (int i = 0; i < kPerThread<W>; ++i) {
    const std::int64_t at = words.first + i * kTileBlocks;
    if (at >= n) break;
    const W value = interval(random::uniform(bits_of<W>(words, i)));
    out[at] = static_cast<T>(value < last ? value : last);
  }
}

void uniform(Stream stream, double low, double high, Array& out) {
  dispatch(Floats{}, out.dtype(), [&]<class T>() {
    using W = Wide<T>;
    launch<uniform_elements<T>>({blocks_for<W>(out.size()), kThreads}, stream,
                                Interval<W>(static_cast<W>(low), static_cast<W>(high)),
                                static_cast<Wide<T>>(random::last_below<T>(low, high)), out.data<T>(), out.size());
  });
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    normal_elements(Stream stream, Wide<T> mean, Wide<T> std, T* out, std::int64_t n) {
  using W = Wide<T>;
  const Words<kPerTile<W>> words(stream);
#pragma unroll
  for (int pair = 0; pair < kPerThread<W>; pair += 2) {
    W z[2];
    random::normal_pair<W>(bits_of<W>(words, pair), bits_of<W>(words, pair + 1), z[0], z[1]);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const std::int64_t at = words.first + (pair + i) * kTileBlocks;
      if (at < n) out[at] = static_cast<T>(random::shift_normal(z[i], mean, std));
    }
  }
}

void normal(Stream stream, double mean, double std, Array& out) {
  dispatch(Floats{}, out.dtype(), [&]<class T>() {
    using W = Wide<T>;
    launch<normal_elements<T>>({blocks_for<W>(out.size()), kThreads}, stream, static_cast<W>(mean), static_cast<W>(std),
                               out.data<T>(), out.size());
  });
}

template <class Bounded, class Word>
__global__ void __launch_bounds__(kThreads)
    bounded_integers(Stream stream, Bounded bounded, std::int64_t low, Operand out, std::int64_t n) {
  const Words<kPerTile<Word>> words(stream);
#pragma unroll
  for (int i = 0; i < kPerThread<Word>; ++i) {
    const std::int64_t at = words.first + i * kTileBlocks;
    if (at >= n) break;
    const Word bits = bits_of<Word>(words, i);
    const Word drawn = bounded.accept(bits) ? bounded.map(bits) : bounded(stream, static_cast<std::uint64_t>(at), 1);
    const std::int64_t value[1] = {static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + drawn)};
    store_operand(Ints{}, value, out, at, 1, 1);
  }
}

void integers(Stream stream, std::int64_t low, std::uint64_t span, Array& out) {
  const Operand to{out.raw(), out.dtype(), false, false};
  if (span != 0 && span <= (std::uint64_t{1} << 32))
    launch<bounded_integers<Bounded32, std::uint32_t>>({blocks_for<std::uint32_t>(out.size()), kThreads}, stream,
                                                       Bounded32(static_cast<std::uint32_t>(span)), low, to,
                                                       out.size());
  else
    launch<bounded_integers<Bounded64, std::uint64_t>>({blocks_for<std::uint64_t>(out.size()), kThreads}, stream,
                                                       Bounded64(span), low, to, out.size());
}

// Words below the threshold are chosen; 2^32 chooses all.
std::uint64_t threshold_of(double p) { return static_cast<std::uint64_t>(p * 0x1p32 + 0.5); }

__global__ void __launch_bounds__(kThreads)
    bernoulli_elements(Stream stream, std::uint64_t threshold, Operand out, std::int64_t n) {
  const Words<random::kTile32> words(stream);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const std::int64_t at = words.first + i * kTileBlocks;
    if (at >= n) break;
    const std::int64_t chosen[1] = {words.word_32(i) < threshold};
    store_operand(All{}, chosen, out, at, 1, 1);
  }
}

void bernoulli(Stream stream, double p, Array& out) {
  launch<bernoulli_elements>({blocks_for<float>(out.size()), kThreads}, stream, threshold_of(p),
                             Operand{out.raw(), out.dtype(), false, false}, out.size());
}

// Every swap of the shuffle depends on the ones before it, so that the host draws the permutation and sends it over.
void permutation(Stream stream, Array& out) {
  Array drawn = Array::empty(out.shape(), out.dtype());
  kernels::permutation(Device{}, stream, drawn);
  copy_bytes(out.raw(), drawn.raw(), out.nbytes());
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    dropout_elements(Stream stream, std::uint64_t dropped, Wide<T> scale, const T* x, T* y, std::int64_t n) {
  using W = Wide<T>;
  const Words<random::kTile32> words(stream);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const std::int64_t at = words.first + i * kTileBlocks;
    if (at < n) y[at] = static_cast<T>(words.word_32(i) < dropped ? W(0) : static_cast<W>(x[at]) * scale);
  }
}

void dropout(Stream stream, double p, const Array& x, Array& y) {
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    using W = Wide<T>;
    launch<dropout_elements<T>>({blocks_for<float>(x.size()), kThreads}, stream, threshold_of(p),
                                p < 1 ? static_cast<W>(1 / (1 - p)) : W(0), x.data<T>(), y.data<T>(), x.size());
  });
}

TC_PROVIDE_CUDA(uniform_registered, kernels::uniform, &uniform);
TC_PROVIDE_CUDA(normal_registered, kernels::normal, &normal);
TC_PROVIDE_CUDA(integers_registered, kernels::integers, &integers);
TC_PROVIDE_CUDA(bernoulli_registered, kernels::bernoulli, &bernoulli);
TC_PROVIDE_CUDA(permutation_registered, kernels::permutation, &permutation);
TC_PROVIDE_CUDA(dropout_registered, kernels::dropout, &dropout);

}  // namespace
}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
