// Bulk copies between global and shared memory by the copy engine (sm_90). One thread issues a copy. Loads deliver
// their bytes to an mbarrier; stores are committed in groups that the same thread waits for. A tensor map describes the
// array (encode_tiled, on the host); it comes as a parameter `const __grid_constant__ TensorMap map`.
#pragma once
#include "core/check.h"
#include "cuda/device/mbarrier.h"
#include "cuda/tensor_map.h"
#if TC_GPU
#include <cuda.h>
#include <cuda_runtime.h>
#else
#include "cuda/simt/tma.h"
#endif

namespace tc::cuda {
inline namespace TC_CUDA_BACKEND {

// Host: the tensor map of an array on the current device. ValueError for what the hardware cannot copy.
inline TensorMap encode_tiled(const TiledArray& array) {
#if TC_GPU
  check_tiled(array);
  static void* const entry = [] {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
    const cudaError_t error =
        cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000, cudaEnableDefault, &result);
    return error == cudaSuccess && result == cudaDriverEntryPointSuccess ? found : nullptr;
  }();
  check(entry != nullptr, ErrorKind::runtime, "tensor map: the driver has no cuTensorMapEncodeTiled");
  constexpr CUtensorMapDataType types[kDTypes] = {CU_TENSOR_MAP_DATA_TYPE_UINT8,   CU_TENSOR_MAP_DATA_TYPE_UINT8,
                                                  CU_TENSOR_MAP_DATA_TYPE_UINT8,   CU_TENSOR_MAP_DATA_TYPE_UINT16,
                                                  CU_TENSOR_MAP_DATA_TYPE_INT32,   CU_TENSOR_MAP_DATA_TYPE_INT64,
                                                  CU_TENSOR_MAP_DATA_TYPE_FLOAT16, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
                                                  CU_TENSOR_MAP_DATA_TYPE_FLOAT32, CU_TENSOR_MAP_DATA_TYPE_FLOAT64};
  constexpr cuuint32_t steps[5] = {1, 1, 1, 1, 1};
  static_assert(sizeof(TensorMap) == sizeof(CUtensorMap) && alignof(TensorMap) >= alignof(CUtensorMap));
  cuuint64_t extent[5], stride[5];
  cuuint32_t box[5];
  for (int d = 0; d < array.rank; ++d) {
    extent[d] = array.extent[d];
    box[d] = array.box[d];
    if (d > 0) stride[d - 1] = array.stride_bytes[d];
  }
  TensorMap map;
  const auto encode = reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(entry);
  const CUresult result =
      encode(reinterpret_cast<CUtensorMap*>(&map), types[static_cast<int>(array.dtype)],
             static_cast<cuuint32_t>(array.rank), const_cast<void*>(array.data), extent, stride, box, steps,
             CU_TENSOR_MAP_INTERLEAVE_NONE, static_cast<CUtensorMapSwizzle>(array.swizzle),
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  check(result == CUDA_SUCCESS, ErrorKind::runtime, "tensor map: cuTensorMapEncodeTiled says error ",
        static_cast<int>(result));
  return map;
#else
  return encode_tiled_simt(array);
#endif
}

// The forms of an instruction for 1 to 5 coordinates. PTX(rank, two, three, four): the coordinates' places behind two,
// three or four other operands.
#define TC_BY_RANK(PTX)                                                                                                \
  if constexpr (rank == 1)                                                                                             \
    PTX(1, "{%2}", "{%3}", "{%4}", "r"(at[0]));                                                                        \
  else if constexpr (rank == 2)                                                                                        \
    PTX(2, "{%2, %3}", "{%3, %4}", "{%4, %5}", "r"(at[0]), "r"(at[1]));                                                \
  else if constexpr (rank == 3)                                                                                        \
    PTX(3, "{%2, %3, %4}", "{%3, %4, %5}", "{%4, %5, %6}", "r"(at[0]), "r"(at[1]), "r"(at[2]));                        \
  else if constexpr (rank == 4)                                                                                        \
    PTX(4, "{%2, %3, %4, %5}", "{%3, %4, %5, %6}", "{%4, %5, %6, %7}", "r"(at[0]), "r"(at[1]), "r"(at[2]),             \
        "r"(at[3]));                                                                                                   \
  else                                                                                                                 \
    PTX(5, "{%2, %3, %4, %5, %6}", "{%3, %4, %5, %6, %7}", "{%4, %5, %6, %7, %8}", "r"(at[0]), "r"(at[1]), "r"(at[2]), \
        "r"(at[3]), "r"(at[4]))

// The box at `at` (the contiguous dimension first, in elements; zeros for what lies outside the array) to `shared`,
// aligned to 128 bytes, or with a swizzle to 8 of its rows. The barrier gets the bytes of the whole box.
//     tensor_load(tile, map, {column, row}, &full);
template <int rank>
TC_DEVICE void tensor_load(void* shared, const TensorMap& map, const int (&at)[rank], MBarrier* barrier TC_AND_WHERE) {
  static_assert(rank >= 1 && rank <= 5);
#if TC_GPU
#define TC_LOAD(d, two, three, four, ...)                                                      \
  TC_HOPPER_PTX("cp.async.bulk.tensor." #d                                                     \
                "d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, " three \
                "], [%2];" ::"r"(shared_address(shared)),                                      \
                "l"(&map), "r"(shared_address(barrier)), __VA_ARGS__ : "memory")
  TC_BY_RANK(TC_LOAD);
#undef TC_LOAD
#else
  ::tc::simt::tensor_load(shared, &map, rank, at, barrier, 0, where);
#endif
}
// The same to every block of the cluster whose bit is set in `blocks`, at the same offsets in their shared memory.
template <int rank>
TC_DEVICE void tensor_load_multicast(void* shared, const TensorMap& map, const int (&at)[rank], MBarrier* barrier,
                                     unsigned blocks TC_AND_WHERE) {
  static_assert(rank >= 1 && rank <= 5);
#if TC_GPU
#define TC_LOAD(d, two, three, four, ...)                                                                        \
  TC_HOPPER_PTX("cp.async.bulk.tensor." #d                                                                       \
                "d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1, " four \
                "], [%2], %3;" ::"r"(shared_address(shared)),                                                    \
                "l"(&map), "r"(shared_address(barrier)), "h"(static_cast<unsigned short>(blocks)),               \
                __VA_ARGS__ : "memory")
  TC_BY_RANK(TC_LOAD);
#undef TC_LOAD
#else
  ::tc::simt::tensor_load(shared, &map, rank, at, barrier, blocks, where);
#endif
}
// From shared memory to the box at `at`; what lies outside the array is left out.
template <int rank>
TC_DEVICE void tensor_store(const TensorMap& map, const int (&at)[rank], const void* shared TC_AND_WHERE) {
  static_assert(rank >= 1 && rank <= 5);
#if TC_GPU
#define TC_STORE(d, two, three, four, ...)                                                                          \
  TC_HOPPER_PTX("cp.async.bulk.tensor." #d "d.global.shared::cta.tile.bulk_group [%0, " two "], [%1];" ::"l"(&map), \
                "r"(shared_address(shared)), __VA_ARGS__ : "memory")
  TC_BY_RANK(TC_STORE);
#undef TC_STORE
#else
  ::tc::simt::tensor_store(&map, shared, rank, at, where);
#endif
}
#undef TC_BY_RANK

// Plain bytes: addresses and length are multiples of 16.
TC_DEVICE void bulk_load(void* shared, const void* global, unsigned bytes, MBarrier* barrier TC_AND_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                    shared_address(shared)),
                "l"(global), "r"(bytes), "r"(shared_address(barrier)) : "memory");
#else
  ::tc::simt::bulk_load(shared, global, bytes, barrier, where);
#endif
}
TC_DEVICE void bulk_store(void* global, const void* shared, unsigned bytes TC_AND_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(global),
                "r"(shared_address(shared)), "r"(bytes) : "memory");
#else
  ::tc::simt::bulk_store(global, shared, bytes, where);
#endif
}

// Closes the group of stores issued since the last commit.
TC_DEVICE void commit_stores() {
#if TC_GPU
  TC_HOPPER_PTX("cp.async.bulk.commit_group;" :: : "memory");
#else
  ::tc::simt::bulk_commit();
#endif
}
// Waits until all but the `newest` groups are complete.
template <int newest>
TC_DEVICE void wait_stores(TC_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("cp.async.bulk.wait_group %0;" ::"n"(newest) : "memory");
#else
  ::tc::simt::bulk_wait(newest, false, where);
#endif
}
// Waits until they have read shared memory, which can be written again or given up; a thread must before it ends.
template <int newest>
TC_DEVICE void wait_stores_read(TC_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("cp.async.bulk.wait_group.read %0;" ::"n"(newest) : "memory");
#else
  ::tc::simt::bulk_wait(newest, true, where);
#endif
}

TC_DEVICE void prefetch_tensor_map(const TensorMap& map TC_AND_WHERE) {
#if TC_GPU
  TC_HOPPER_PTX("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
#else
  ::tc::simt::prefetch_map(&map, where);
#endif
}

}  // namespace TC_CUDA_BACKEND
}  // namespace tc::cuda
