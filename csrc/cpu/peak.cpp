// Small loops that reach the processor's limits: independent fused multiply-adds in registers, and streams over arrays
// far larger than the caches (McCalpin's STREAM, with compulsory traffic counted).
#include "ops/peak.h"

#include <chrono>

#include "core/allocator.h"
#include "cpu/parallel.h"

namespace tc::cpu {
namespace {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

constexpr int kChains = 10;  // more than latency times throughput of the FMA units

template <class T>
[[gnu::noinline]] T fma_loop(std::int64_t rounds) {
  typedef T V __attribute__((vector_size(kBytes)));
  V sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = V{} + static_cast<T>(i);
  V a = V{} + static_cast<T>(0.999999), b = V{} + static_cast<T>(1e-6);
  for (std::int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 10
    for (int i = 0; i < kChains; ++i) sums[i] = sums[i] * a + b;
  }
  V total = V{};
  for (int i = 0; i < kChains; ++i) total += sums[i];
  return total[0];
}

template <class T>
double fma_peak(double seconds) {
  constexpr std::int64_t kRounds = 1 << 16;
  const int threads = num_threads();
  const double flops = 2.0 * kRounds * kChains * (kBytes / sizeof(T)) * threads;
  double best = 0;
  volatile T sink = 0;
  for (const double end = now() + seconds; now() < end;) {
    const double start = now();
    parallel_tasks(threads, [&](std::int64_t) { sink = fma_loop<T>(kRounds); });
    best = std::max(best, flops / (now() - start) * 1e-9);
  }
  (void)sink;
  return best;
}

// Streams: chunks of 1 MiB so that threads share the work evenly.
double stream_peak(const std::string& what, double seconds) {
  constexpr std::int64_t kCount = 1 << 24;  // floats: 64 MiB per array
  constexpr std::int64_t kGrain = 1 << 18;
  struct Buffer {
    float* data = static_cast<float*>(allocate_cpu(kCount * sizeof(float)));
    ~Buffer() { free_cpu(data, kCount * sizeof(float)); }
  } x, y;
  parallel_for(kCount, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::fill(x.data + begin, x.data + end, 1.0f);
    std::fill(y.data + begin, y.data + end, 0.0f);
  });
  const double bytes = (what == "read" ? 4.0 : 8.0) * kCount;
  double best = 0;
  volatile float sink = 0;
  for (const double stop = now() + seconds; now() < stop;) {
    const double start = now();
    parallel_for(kCount, kGrain, [&](std::int64_t begin, std::int64_t end) {
      if (what == "read") {
        typedef float V __attribute__((vector_size(kBytes), aligned(4)));
        constexpr int kLanes = kBytes / 4;
        V sums[4] = {};
        for (std::int64_t i = begin; i < end; i += 4 * kLanes)
          for (int k = 0; k < 4; ++k) sums[k] += *reinterpret_cast<const V*>(x.data + i + k * kLanes);
        const V total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
        sink = total[0];
      } else if (what == "copy") {
        std::copy(x.data + begin, x.data + end, y.data + begin);
      } else {
        for (std::int64_t i = begin; i < end; ++i) x.data[i] = x.data[i] * 0.5f + 0.5f;
      }
    });
    best = std::max(best, bytes / (now() - start) * 1e-9);
  }
  (void)sink;
  return best;
}

void peak(const std::string& what, double seconds, double* result) {
  *result = what == "fma32"   ? fma_peak<float>(seconds)
            : what == "fma64" ? fma_peak<double>(seconds)
                              : stream_peak(what, seconds);
}

const Provide registered{kernels::peak, DeviceType::cpu, &peak};

}  // namespace
}  // namespace tc::cpu
