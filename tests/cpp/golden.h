// Kernels of a warp or a warpgroup each, one per device wrapper, with integer inputs for which every sum is exact: the
// executor and the hardware must give the same bytes. golden.cu runs them and prints their digests, which
// tests/cuda/golden.json records.
#pragma once
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda/device/launch.h"
#if !TC_GPU
#include "cuda/simt/checker.h"
#endif

namespace golden {

using Bytes = std::vector<unsigned char>;
struct Outcome {
  Bytes got, want;
};
struct Case {
  std::string name;
  std::function<Outcome(std::uint64_t seed)> run;
};
void add_matrix_cases(std::vector<Case>& cases);   // ldmatrix, stmatrix, mma
void add_copy_cases(std::vector<Case>& cases);     // mbarriers, bulk copies, clusters
void add_product_cases(std::vector<Case>& cases);  // wgmma, setmaxnreg, and a whole matrix product

class Random {  // splitmix64
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
  }
  int small() { return static_cast<int>(bits() % 9) - 4; }  // -4 to 4

 private:
  std::uint64_t state_;
};

// Elements on the device.
template <class T>
class Device {
 public:
  explicit Device(const std::vector<T>& values) : count_(values.size()) {
    const std::size_t bytes = (count_ * sizeof(T) + 255) / 256 * 256;
#if TC_GPU
    require(cudaMalloc(&data_, bytes));
    require(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice));
#else
    data_ = std::aligned_alloc(256, bytes);
    std::memcpy(data_, values.data(), count_ * sizeof(T));
    tc::simt::checker::allocated(data_, count_ * sizeof(T));
    tc::simt::checker::written_by_host(data_, count_ * sizeof(T));
#endif
  }
  Device(const Device&) = delete;
  ~Device() {
#if TC_GPU
    cudaFree(data_);
#else
    tc::simt::checker::released(data_);
    std::free(data_);
#endif
  }
  T* data() const { return static_cast<T*>(data_); }
  std::vector<T> read() const {
    std::vector<T> values(count_);
#if TC_GPU
    require(cudaDeviceSynchronize());
    require(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost));
#else
    std::memcpy(static_cast<void*>(values.data()), data_, count_ * sizeof(T));
#endif
    return values;
  }

 private:
#if TC_GPU
  static void require(cudaError_t error) {
    if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
  }
#endif
  void* data_ = nullptr;
  std::size_t count_;
};

template <class T>
Bytes bytes_of(const std::vector<T>& values) {
  const auto* first = reinterpret_cast<const unsigned char*>(values.data());
  return Bytes(first, first + values.size() * sizeof(T));
}
template <class T>
Outcome compare(const Device<T>& got, const std::vector<T>& want) {
  return {bytes_of(got.read()), bytes_of(want)};
}

}  // namespace golden
