// mbarriers, bulk copies and clusters.
#include "cuda/device/tma.h"
#include "golden.h"

namespace golden {
namespace {

using namespace tc::cuda;
using tc::DType;

template <class T>
std::vector<T> numbers(std::uint64_t seed, std::size_t count) {
  Random random(seed);
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(random.bits());
  return values;
}

// ---- tensor loads: what shared memory holds afterwards --------------------------------------------------------------

template <int rank>
__global__ void load_box(const __grid_constant__ TensorMap map, int x, int y, int z, int bytes, unsigned* out) {
  auto* tile = dynamic_shared<unsigned>();
  TC_SHARED(MBarrier, full, [1]);
  const int lane = lane_id();
  if (lane == 0) {
    prefetch_tensor_map(map);
    mbarrier_init(full, 1);
    fence_mbarrier_init();
  }
  __syncthreads();
  if (lane == 0) {
    mbarrier_arrive_expect(full, bytes);
    if constexpr (rank == 1) tensor_load(tile, map, {x}, full);
    if constexpr (rank == 2) tensor_load(tile, map, {x, y}, full);
    if constexpr (rank == 3) tensor_load(tile, map, {x, y, z}, full);
    if constexpr (rank == 4) tensor_load(tile, map, {x, y, z, 1}, full);
    if constexpr (rank == 5) tensor_load(tile, map, {x, y, z, 1, 0}, full);
  }
  mbarrier_wait(full, 0);
  for (int i = lane; i < bytes / 4; i += 32) out[i] = tile[i];
  __syncthreads();
  if (lane == 0) mbarrier_invalidate(full);
}

// Where byte `offset` of a box lies: within groups of 8 rows, 16-byte pieces move by the number of the row's line of
// 128 bytes.
std::size_t swizzled(Swizzle swizzle, std::size_t offset) {
  if (swizzle == Swizzle::bytes128) return offset ^ (offset / 128 % 8) * 16;
  if (swizzle == Swizzle::bytes64) return offset ^ (offset / 128 % 4) * 16;
  if (swizzle == Swizzle::bytes32) return offset ^ (offset / 128 % 2) * 16;
  return offset;
}

struct Shape {
  DType dtype;
  std::vector<std::uint64_t> extent;
  std::vector<std::uint32_t> box;
  std::vector<int> at;
  Swizzle swizzle;
};

// The map of a packed array whose rows are padded to 16 bytes, its number of bytes, and each box element's place.
TiledArray describe(const Shape& shape, std::size_t& bytes) {
  TiledArray array;
  array.dtype = shape.dtype;
  array.rank = static_cast<int>(shape.extent.size());
  array.swizzle = shape.swizzle;
  bytes = tc::itemsize(shape.dtype);
  for (int d = 0; d < array.rank; ++d) {
    array.extent[d] = shape.extent[d];
    array.box[d] = shape.box[d];
    array.stride_bytes[d] = bytes;
    bytes = (bytes * shape.extent[d] + 15) / 16 * 16;
  }
  return array;
}
// visit(place in the swizzled box, place in the array or -1), for each element.
template <class Visit>
void for_each_element(const Shape& shape, const TiledArray& array, Visit&& visit) {
  const std::size_t item = tc::itemsize(shape.dtype);
  std::size_t count = 1;
  for (const std::uint32_t n : shape.box) count *= n;
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t rest = i;
    std::int64_t from = 0;
    bool inside = true;
    for (std::size_t d = 0; d < shape.box.size(); ++d) {
      const std::int64_t index = shape.at[d] + static_cast<std::int64_t>(rest % shape.box[d]);
      rest /= shape.box[d];
      inside = inside && index >= 0 && index < static_cast<std::int64_t>(shape.extent[d]);
      from += index * static_cast<std::int64_t>(array.stride_bytes[d]);
    }
    visit(swizzled(shape.swizzle, i * item), inside ? from : -1);
  }
}
std::size_t box_bytes(const Shape& shape) {
  std::size_t bytes = tc::itemsize(shape.dtype);
  for (const std::uint32_t n : shape.box) bytes *= n;
  return bytes;
}

template <int rank>
Outcome run_load(const Shape& shape, std::uint64_t seed) {
  std::size_t bytes = 0;
  TiledArray array = describe(shape, bytes);
  const auto values = numbers<unsigned char>(seed, bytes);
  const Device<unsigned char> in(values);
  array.data = in.data();
  const std::size_t box = box_bytes(shape), item = tc::itemsize(shape.dtype);
  Bytes want(box);
  for_each_element(shape, array, [&](std::size_t to, std::int64_t from) {
    for (std::size_t b = 0; b < item; ++b) want[to + b] = from < 0 ? 0 : values[static_cast<std::size_t>(from) + b];
  });
  const Device<unsigned> out(std::vector<unsigned>(box / 4));
  const auto at = [&](std::size_t d) { return d < shape.at.size() ? shape.at[d] : 0; };
  launch<load_box<rank>>({1, 32, box}, encode_tiled(array), at(0), at(1), at(2), static_cast<int>(box), out.data());
  return {bytes_of(out.read()), want};
}

// ---- tensor stores --------------------------------------------------------------------------------------------------

__global__ void store_box(const __grid_constant__ TensorMap map, const unsigned* in, int x, int y, int bytes) {
  auto* tile = dynamic_shared<unsigned>();
  const int lane = lane_id();
  for (int i = lane; i < bytes / 4; i += 32) tile[i] = in[i];
  fence_proxy_async();
  __syncthreads();
  if (lane != 0) return;
  tensor_store(map, {x, y}, tile);
  commit_stores();
  wait_stores<0>();
}

Outcome run_store(const Shape& shape, std::uint64_t seed) {
  std::size_t bytes = 0;
  TiledArray array = describe(shape, bytes);
  const std::size_t box = box_bytes(shape), item = tc::itemsize(shape.dtype);
  const auto values = numbers<unsigned>(seed, box / 4);
  const Bytes from = bytes_of(values);
  Bytes want(bytes, 0x5a);
  const Device<unsigned char> out(want);
  array.data = out.data();
  for_each_element(shape, array, [&](std::size_t place, std::int64_t to) {
    for (std::size_t b = 0; to >= 0 && b < item; ++b) want[static_cast<std::size_t>(to) + b] = from[place + b];
  });
  const Device<unsigned> in(values);
  launch<store_box>({1, 32, box}, encode_tiled(array), in.data(), shape.at[0], shape.at[1], static_cast<int>(box));
  return {out.read(), want};
}

// ---- plain bulk copies, in a ring of two buffers --------------------------------------------------------------------

constexpr int kChunk = 256;  // elements

__global__ void bulk_ring(const unsigned* in, unsigned* out, int chunks) {
  TC_SHARED(uint4, buffers, [2][kChunk / 4]);
  TC_SHARED(MBarrier, full, [2]);
  const int lane = lane_id();
  if (lane < 2) mbarrier_init(&full[lane], 1);
  if (lane == 0) fence_mbarrier_init();
  __syncthreads();
  const auto fetch = [&](int chunk) {
    mbarrier_arrive_expect(&full[chunk % 2], kChunk * 4);
    bulk_load(buffers[chunk % 2], in + chunk * kChunk, kChunk * 4, &full[chunk % 2]);
  };
  if (lane == 0) fetch(0);
  for (int chunk = 0; chunk < chunks; ++chunk) {
    if (lane == 0 && chunk + 1 < chunks) {
      wait_stores_read<0>();  // of the chunk before, out of the buffer that is to be filled
      fetch(chunk + 1);
    }
    while (!mbarrier_try_wait(&full[chunk % 2], static_cast<unsigned>(chunk / 2 % 2))) {
    }
    auto* words = reinterpret_cast<unsigned*>(buffers[chunk % 2]);
    for (int i = lane; i < kChunk; i += 32) words[i] = words[i] * 3 + 1;
    fence_proxy_async();
    __syncthreads();
    if (lane == 0) {
      bulk_store(out + chunk * kChunk, words, kChunk * 4);
      commit_stores();
    }
  }
  if (lane == 0) wait_stores_read<0>();
}

Outcome run_bulk(std::uint64_t seed) {
  constexpr int chunks = 7;
  const auto values = numbers<unsigned>(seed, chunks * kChunk);
  auto want = values;
  for (unsigned& value : want) value = value * 3 + 1;
  const Device<unsigned> in(values), out(std::vector<unsigned>(values.size()));
  launch<bulk_ring>({1, 32}, in.data(), out.data(), chunks);
  return compare(out, want);
}

// ---- mbarriers between warps: one hands numbers to the other, four at a time ----------------------------------------

__global__ void hand_over(const unsigned* in, unsigned* out, int rounds) {
  TC_SHARED(unsigned, slots, [4][32]);
  TC_SHARED(MBarrier, full, [4]);
  TC_SHARED(MBarrier, empty, [4]);
  if (threadIdx.x < 4) {
    mbarrier_init(&full[threadIdx.x], 32);
    mbarrier_init(&empty[threadIdx.x], 16);  // arrivals count for two
  }
  __syncthreads();
  const int lane = lane_id();
  for (int round = 0; round < rounds; ++round) {
    const int slot = round % 4;
    const unsigned parity = static_cast<unsigned>(round / 4 % 2);
    if (warp_id() == 0) {
      mbarrier_wait(&empty[slot], parity ^ 1);
      slots[slot][lane] = in[round * 32 + lane];
      mbarrier_arrive(&full[slot]);
    } else {
      mbarrier_wait(&full[slot], parity);
      out[round * 32 + lane] = slots[slot][31 - lane];
      __syncwarp();
      if (lane < 8) mbarrier_arrive(&empty[slot], 2);
    }
  }
}

Outcome run_hand_over(std::uint64_t seed) {
  constexpr int rounds = 19;
  const auto values = numbers<unsigned>(seed, rounds * 32);
  auto want = values;
  for (std::size_t i = 0; i < want.size(); ++i) want[i] = values[i / 32 * 32 + 31 - i % 32];
  const Device<unsigned> in(values), out(std::vector<unsigned>(values.size()));
  launch<hand_over>({1, 64}, in.data(), out.data(), rounds);
  return compare(out, want);
}

// ---- clusters -------------------------------------------------------------------------------------------------------

// Each block fetches its part of a tile for all blocks; a part of 8 rows of 64 bytes.
__global__ void multicast(const __grid_constant__ TensorMap map, unsigned* out) {
  auto* tile = dynamic_shared<unsigned>();
  TC_SHARED(MBarrier, full, [1]);
  const int lane = lane_id();
  const unsigned rank = cluster_rank(), size = cluster_size();
  if (lane == 0) {
    mbarrier_init(full, 1);
    fence_mbarrier_init();
  }
  cluster_sync();
  if (lane == 0) {
    mbarrier_arrive_expect(full, size * 512);
    tensor_load_multicast(tile + rank * 128, map, {0, static_cast<int>(8 * rank)}, full, (1u << size) - 1);
  }
  mbarrier_wait(full, 0);
  for (unsigned i = static_cast<unsigned>(lane); i < size * 128; i += 32) out[rank * size * 128 + i] = tile[i] + rank;
  cluster_sync();
}

Outcome run_multicast(unsigned size, std::uint64_t seed) {
  const auto values = numbers<unsigned>(seed, size * 128);
  const Device<unsigned> in(values), out(std::vector<unsigned>(size * size * 128));
  TiledArray array;
  array.data = in.data();
  array.dtype = DType::int32;
  array.extent[0] = 16;
  array.extent[1] = 8 * size;
  array.stride_bytes[1] = 64;
  array.box[0] = 16;
  array.box[1] = 8;
  std::vector<unsigned> want;
  for (unsigned rank = 0; rank < size; ++rank)
    for (const unsigned value : values) want.push_back(value + rank);
  launch<multicast>({size, 32, size * 512, dim3(size)}, encode_tiled(array), out.data());
  return compare(out, want);
}

// Each block writes to its right neighbour, reads from its left one, and says so to its mbarrier.
template <class T>
__global__ void neighbours(const T* in, T* out) {
  TC_SHARED(T, mine, [32]);
  TC_SHARED(T, given, [32]);
  TC_SHARED(MBarrier, ready, [1]);
  const int lane = lane_id();
  const unsigned rank = cluster_rank(), size = cluster_size(), right = (rank + 1) % size;
  const unsigned left = (rank + size - 1) % size, first = blockIdx.x * 32;
  launch_dependents();
  wait_for_previous_kernel();
  if (lane == 0) {
    mbarrier_init(ready, 32);
    fence_mbarrier_init();
  }
  mine[lane] = in[first + static_cast<unsigned>(lane)];
  cluster_arrive();
  cluster_wait();
  store_cluster(map_shared(&given[lane], right), mine[31 - lane]);
  mbarrier_arrive_remote(ready, right);
  mbarrier_wait(ready, 0);
  const T from_left = load_cluster<T>(map_shared(&mine[lane], left));
  out[2 * first + static_cast<unsigned>(lane)] = given[lane];
  out[2 * first + 32 + static_cast<unsigned>(lane)] = from_left;
  cluster_sync();
}

template <class T>
Outcome run_neighbours(std::uint64_t seed) {
  constexpr unsigned size = 4, blocks = 8;
  using Item = Pack<unsigned, sizeof(T) / 4>;
  std::vector<Item> values(blocks * 32), want;
  Random random(seed);
  for (Item& value : values)
    for (unsigned& word : value.at) word = static_cast<unsigned>(random.bits());
  for (unsigned b = 0; b < blocks; ++b) {
    const unsigned left = b / size * size + (b + size - 1) % size;
    for (unsigned i = 0; i < 32; ++i) want.push_back(values[left * 32 + 31 - i]);
    for (unsigned i = 0; i < 32; ++i) want.push_back(values[left * 32 + i]);
  }
  const Device<Item> in(values), out(std::vector<Item>(want.size()));
  launch<neighbours<Item>>({blocks, 32, 0, dim3(size)}, in.data(), out.data());
  return compare(out, want);
}

}  // namespace

void add_copy_cases(std::vector<Case>& cases) {
  const auto load2 = [&](const char* name, Shape shape) {
    cases.push_back({name, [=](std::uint64_t seed) { return run_load<2>(shape, seed); }});
  };
  using enum DType;
  load2("load_f32", {float32, {40, 20}, {16, 8}, {8, 4}, Swizzle::none});
  load2("load_swizzle32", {bfloat16, {100, 50}, {16, 32}, {16, 8}, Swizzle::bytes32});
  load2("load_swizzle64", {bfloat16, {100, 50}, {32, 32}, {32, 8}, Swizzle::bytes64});
  load2("load_swizzle128", {bfloat16, {200, 50}, {64, 32}, {64, 8}, Swizzle::bytes128});
  load2("load_outside_end", {bfloat16, {100, 50}, {64, 32}, {64, 40}, Swizzle::bytes128});
  load2("load_outside_begin", {float32, {37, 20}, {32, 16}, {-5, -3}, Swizzle::bytes128});
  load2("load_all_outside", {float32, {36, 20}, {32, 16}, {64, 0}, Swizzle::none});
  load2("load_bytes", {uint8, {300, 9}, {256, 4}, {16, 3}, Swizzle::none});
  load2("load_f64", {float64, {30, 9}, {16, 8}, {2, 1}, Swizzle::bytes128});
  cases.push_back(
      {"load_1d", [](std::uint64_t seed) { return run_load<1>({float32, {250}, {128}, {200}, Swizzle::none}, seed); }});
  cases.push_back({"load_3d", [](std::uint64_t seed) {
                     return run_load<3>({float16, {70, 6, 5}, {64, 4, 3}, {3, 1, 3}, Swizzle::bytes128}, seed);
                   }});
  cases.push_back({"load_4d", [](std::uint64_t seed) {
                     return run_load<4>({float32, {20, 6, 5, 3}, {16, 2, 3, 2}, {0, -1, 1, 1}, Swizzle::bytes64}, seed);
                   }});
  cases.push_back({"load_5d", [](std::uint64_t seed) {
                     return run_load<5>({float32, {20, 6, 5, 3, 2}, {8, 2, 3, 2, 2}, {4, 1, 1, 1, 0}, Swizzle::bytes32},
                                        seed);
                   }});
  const auto store2 = [&](const char* name, Shape shape) {
    cases.push_back({name, [=](std::uint64_t seed) { return run_store(shape, seed); }});
  };
  store2("store_f32", {float32, {40, 20}, {16, 8}, {8, 4}, Swizzle::none});
  store2("store_swizzle128", {bfloat16, {200, 50}, {64, 32}, {64, 8}, Swizzle::bytes128});
  store2("store_outside", {bfloat16, {100, 50}, {64, 32}, {64, 40}, Swizzle::bytes128});
  store2("store_outside_begin", {float32, {37, 20}, {16, 16}, {-5, -3}, Swizzle::bytes64});
  cases.push_back({"bulk_ring", &run_bulk});
  cases.push_back({"mbarrier_hand_over", &run_hand_over});
  for (const unsigned size : {2u, 4u})
    cases.push_back(
        {"multicast_" + std::to_string(size), [size](std::uint64_t seed) { return run_multicast(size, seed); }});
  cases.push_back({"cluster_4_bytes", &run_neighbours<unsigned>});
  cases.push_back({"cluster_8_bytes", &run_neighbours<uint2>});
  cases.push_back({"cluster_16_bytes", &run_neighbours<uint4>});
}

}  // namespace golden
