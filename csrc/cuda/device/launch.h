// launch<kernel>(shape, arguments…): runs a kernel on the current stream of the current device.
//     launch<softmax_rows<float>>({rows, 256}, x, y, n);
// Raises a RuntimeError that names the kernel when it cannot be started; under the executor also with any fault found.
#pragma once
#include <string>
#include <string_view>
#include <tuple>

#include "core/check.h"
#include "cuda/device/cuda.h"
#include "cuda/runtime/runtime.h"
#if TC_GPU
#include <cuda_runtime.h>
#else
#include "cuda/simt/launch.h"
#endif

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

struct LaunchShape {
  dim3 grid, block;
  std::size_t shared = 0;    // bytes of dynamic shared memory
  dim3 cluster = dim3(1);    // blocks per cluster (sm_90)
  bool cooperative = false;  // blocks wait for each other: all must fit on the device at once
};

// "softmax_rows<float>" out of the compiler's description of a function with the kernel as its template argument.
constexpr std::string_view kernel_name_in(std::string_view text) {
  const std::size_t start = text.find("Kernel = ");
  if (start == text.npos) return text;
  text.remove_prefix(start + 9);
  text = text.substr(0, text.rfind(']'));
  if (text.starts_with("&")) text.remove_prefix(1);
  std::size_t depth = 0, name = 0;  // drop the namespaces before the name
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '<') ++depth;
    if (text[i] == '>') --depth;
    if (depth == 0 && i >= 1 && text[i] == ':' && text[i - 1] == ':') name = i + 1;
  }
  return text.substr(name);
}
template <auto Kernel>
constexpr const char* described() {
  return __PRETTY_FUNCTION__;
}
template <auto Kernel>
std::string_view kernel_name() {
  return kernel_name_in(described<Kernel>());
}

template <auto Kernel, class... Parameters, class... Arguments>
void launch_as(void (*)(Parameters...), const LaunchShape& shape, const Arguments&... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments), "launch: wrong number of arguments");
  std::tuple<std::remove_const_t<Parameters>...> values{static_cast<Parameters>(arguments)...};
#if TC_GPU
  cudaLaunchConfig_t config = {};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared;
  config.stream = static_cast<cudaStream_t>(current_stream_handle());
  cudaLaunchAttribute attributes[2];
  if (shape.cluster.x * shape.cluster.y * shape.cluster.z > 1) {
    attributes[config.numAttrs].id = cudaLaunchAttributeClusterDimension;
    attributes[config.numAttrs++].val.clusterDim = {shape.cluster.x, shape.cluster.y, shape.cluster.z};
  }
  if (shape.cooperative) {
    attributes[config.numAttrs].id = cudaLaunchAttributeCooperative;
    attributes[config.numAttrs++].val.cooperative = 1;
  }
  config.attrs = attributes;
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {static_cast<void*>(&value)..., nullptr};
        const auto function = reinterpret_cast<const void*>(Kernel);
        cudaError_t error = cudaSuccess;
        if (shape.shared > 48 * 1024)
          error = cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                       static_cast<int>(shape.shared));
        if (error == cudaSuccess) error = cudaLaunchKernelExC(&config, function, pointers);
        if (error != cudaSuccess) launch_failed(kernel_name<Kernel>(), static_cast<int>(error));
      },
      values);
#else
  const auto body = [](void* packed) __attribute__((no_sanitize("thread"))) {
    std::apply([](auto&... value) __attribute__((no_sanitize("thread"))) { Kernel(value...); },
               *static_cast<decltype(values)*>(packed));
  };
  static const std::string name(kernel_name<Kernel>());
  ::tc::simt::run(name.c_str(), {shape.grid, shape.block, shape.shared, shape.cluster, shape.cooperative}, body,
                  &values, sizeof values, kChecked);
#endif
}

template <auto Kernel, class... Arguments>
void launch(const LaunchShape& shape, const Arguments&... arguments) {
  launch_as<Kernel>(Kernel, shape, arguments...);
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
