// What the executor says about broken uses of the Hopper wrappers, each beside its sound twin: a kernel takes `wrong`,
// and must run without it and be stopped with it.
#include "check.h"
#include "core/check.h"
#include "cuda/device/tma.h"
#include "cuda/device/wgmma.h"
#include "golden.h"

namespace {

using namespace tc::cuda;
using golden::Device;
using tc::bfloat16;
using tc::DType;

template <class Run>
std::string report(Run&& run) {
  try {
    run();
  } catch (const tc::Error& error) {
    return error.message;
  }
  return "";
}
void expect_in(const std::string& text, std::initializer_list<const char*> parts, int line) {
  for (const char* part : parts) {
    if (text.find(part) != text.npos) continue;
    std::fprintf(stderr, "line %d: no \"%s\" in \"%s\"\n", line, part, text.c_str());
    std::_Exit(1);
  }
}
#define EXPECT_FAULT(run, ...) expect_in(report([&] { run; }), {__VA_ARGS__}, __LINE__)
#define EXPECT_SOUND(run)                                                 \
  do {                                                                    \
    const std::string text = report([&] { run; });                        \
    if (!text.empty()) std::fprintf(stderr, "fault: %s\n", text.c_str()); \
    EXPECT(text.empty());                                                 \
  } while (0)

void set_async(tc::simt::Async async) {
  tc::simt::Settings settings = tc::simt::settings();
  settings.async = async;
  tc::simt::set_settings(settings);
}
const tc::simt::Async kModes[] = {tc::simt::Async::eager, tc::simt::Async::late, tc::simt::Async::random};

TiledArray square(const void* data) {  // 64 x 64 floats, copied by 32 x 8 of them
  TiledArray array;
  array.data = data;
  array.extent[0] = array.extent[1] = 64;
  array.stride_bytes[1] = 256;
  array.box[0] = 32;
  array.box[1] = 8;
  return array;
}

// ---- mbarriers ------------------------------------------------------------------------------------------------------

enum class Barrier {
  sound,
  no_init,
  twice,
  no_count,
  overwritten,
  too_many,
  missing,
  missed,
  bad_parity,
  inval_waited
};

__global__ void use_barrier(Barrier wrong) {
  TC_SHARED(MBarrier, barriers, [2]);
  const int lane = lane_id();
  MBarrier* const first = &barriers[0];
  if (lane == 0 && wrong != Barrier::no_init) mbarrier_init(first, wrong == Barrier::no_count ? 0 : 32);
  if (lane == 0 && wrong == Barrier::twice) mbarrier_init(first, 32);
  __syncthreads();
  if (lane == 0 && wrong == Barrier::overwritten) first->bits = 0;
  __syncthreads();
  if (lane != 5 || wrong != Barrier::missing) mbarrier_arrive(first);
  if (lane == 0 && wrong == Barrier::too_many) {
    mbarrier_arrive(first, 32);
    mbarrier_arrive(first, 33);
  }
  mbarrier_wait(first, wrong == Barrier::bad_parity ? 2 : 0);
  if (wrong == Barrier::missed) {
    __syncwarp();
    if (lane == 0) mbarrier_wait(first, 1);
    if (lane == 1) {
      mbarrier_arrive(first, 32);
      mbarrier_arrive(first, 32);
    }
  }
  if (wrong == Barrier::inval_waited && lane == 0) mbarrier_wait(first, 1);
  if (wrong == Barrier::inval_waited && lane == 1) mbarrier_invalidate(first);
  __syncthreads();
  if (lane == 0) mbarrier_invalidate(first);
  if (lane == 0) mbarrier_init(first, 1);  // allowed again
}

void barriers() {
  const auto run = [](Barrier wrong) { launch<use_barrier>({1, 32}, wrong); };
  for (const auto mode : kModes) {
    set_async(mode);
    EXPECT_SOUND(run(Barrier::sound));
    EXPECT_FAULT(run(Barrier::no_init), "mbarrier.arrive: there is no initialised mbarrier at shared 0x",
                 "in kernel 'use_barrier'", "block (0, 0, 0), thread (", "test_simt_hopper.cpp:");
    EXPECT_FAULT(run(Barrier::twice), "mbarrier.init", "holds a live mbarrier", "invalidate it first");
    EXPECT_FAULT(run(Barrier::no_count), "count of arrivals must be 1 to 1048575, got 0");
    EXPECT_FAULT(run(Barrier::overwritten), "initialised at test_simt_hopper.cpp", "was overwritten");
    EXPECT_FAULT(run(Barrier::too_many), "arrivals are too many for the mbarrier");
    EXPECT_FAULT(run(Barrier::missing), "deadlock in kernel 'use_barrier'", "mbarrier at shared 0x",
                 ", phase 0 (parity 0): 1 of 32 arrivals pending, 0 expected bytes");
    EXPECT_FAULT(run(Barrier::missed), "phase 1 and the next one completed before this thread saw it");
    EXPECT_FAULT(run(Barrier::bad_parity), "parity must be 0 or 1, got 2");
    EXPECT_FAULT(run(Barrier::inval_waited), "mbarrier.inval: 1 threads wait for the mbarrier");
  }
}

// ---- tensor loads and stores ----------------------------------------------------------------------------------------

enum class Load { sound, few, many, polled, misaligned, past_end, rank, not_a_map, multicast, no_wait, early_read };

__global__ void load_tile(const __grid_constant__ TensorMap map, Load wrong, float* out) {
  auto* tile = dynamic_shared<float>();
  TC_SHARED(MBarrier, full, [1]);
  const int lane = lane_id();
  if (lane == 0) {
    mbarrier_init(full, 1);
    fence_mbarrier_init();
  }
  __syncthreads();
  if (lane == 0) {
    mbarrier_arrive_expect(full, wrong == Load::few ? 512 : wrong == Load::many || wrong == Load::polled ? 2048 : 1024);
    if (wrong == Load::misaligned)
      tensor_load(tile + 4, map, {0, 0}, full);
    else if (wrong == Load::past_end)
      tensor_load(tile + 227 * 256 - 128, map, {0, 0}, full);
    else if (wrong == Load::rank)
      tensor_load(tile, map, {0, 0, 0}, full);
    else if (wrong == Load::not_a_map)
      tensor_load(tile, TensorMap{}, {0, 0}, full);
    else if (wrong == Load::multicast)
      tensor_load_multicast(tile, map, {0, 0}, full, 3);
    else
      tensor_load(tile, map, {0, 0}, full);
  }
  if (wrong == Load::no_wait) return;
  if (wrong == Load::early_read) out[lane] = tile[lane];
  if (wrong == Load::polled)
    while (!mbarrier_try_wait(full, 0)) {
    }
  mbarrier_wait(full, 0);
  if (wrong != Load::early_read) out[lane] = tile[lane];
}

void loads() {
  const Device<float> in(std::vector<float>(64 * 64, 1.0f)), out(std::vector<float>(32));
  const TensorMap map = encode_tiled(square(in.data()));
  const auto run = [&](Load wrong) { launch<load_tile>({1, 32, 1024}, map, wrong, out.data()); };
  for (const auto mode : kModes) {
    set_async(mode);
    EXPECT_SOUND(run(Load::sound));
    EXPECT_FAULT(run(Load::few), "tensor load: transaction count underflow, more bytes arrived than were expected",
                 "mbarrier at shared 0x4", "512 bytes delivered that nothing expects");
    EXPECT_FAULT(run(Load::many), "deadlock", "mbarrier at shared 0x4", ", phase 0 (parity 0): 0 of 1 arrivals pending",
                 "1024 expected bytes not delivered");
    EXPECT_FAULT(run(Load::polled), "deadlock", "1024 expected bytes not delivered");
    EXPECT_FAULT(run(Load::misaligned), "tensor load: shared 0x10 is not a multiple of 128");
    EXPECT_FAULT(run(Load::past_end), "reach past the end of shared memory");
    EXPECT_FAULT(run(Load::rank), "3 coordinates for a tensor map of 2 dimensions");
    EXPECT_FAULT(run(Load::not_a_map), "the tensor map was not made by encode_tiled");
    EXPECT_FAULT(run(Load::multicast), "blocks that a cluster of 1 does not have");
  }
  set_async(tc::simt::Async::late);
  EXPECT_FAULT(run(Load::no_wait), "the block has ended while the tensor load issued at test_simt_hopper.cpp",
               "wait for it first");
  if (kChecked) {
    for (const auto mode : kModes) {
      set_async(mode);
      EXPECT_FAULT(run(Load::early_read), mode == tc::simt::Async::late ? "uninitialised read" : "in kernel");
    }
  } else {
    EXPECT_SOUND(run(Load::early_read));  // goes on, with poison
    EXPECT(std::isnan(out.read()[0]));
  }
}

enum class Store { sound, uncommitted, no_wait, reused, misaligned };

__global__ void store_tile(const __grid_constant__ TensorMap map, Store wrong) {
  auto* tile = dynamic_shared<float>();
  const int lane = lane_id();
  for (int i = lane; i < 256; i += 32) tile[i] = 2.0f;
  fence_proxy_async();
  __syncthreads();
  if (lane == 0) {
    tensor_store(map, {0, 0}, tile + (wrong == Store::misaligned ? 4 : 0));
    if (wrong != Store::uncommitted) commit_stores();
    if (wrong == Store::reused) tile[3] = 9.0f;
    if (wrong != Store::no_wait) wait_stores_read<0>();
    if (wrong == Store::sound) tile[3] = 9.0f;
    if (wrong != Store::no_wait) wait_stores<0>();
  }
}

void stores() {
  const Device<float> out(std::vector<float>(64 * 64, 1.0f));
  const TensorMap map = encode_tiled(square(out.data()));
  const auto run = [&](Store wrong) { launch<store_tile>({1, 32, 2048}, map, wrong); };
  for (const auto mode : kModes) {
    set_async(mode);
    EXPECT_SOUND(run(Store::sound));
    EXPECT(out.read()[3] == 2.0f && out.read()[31] == 2.0f && out.read()[32] == 1.0f);
    EXPECT_FAULT(run(Store::uncommitted), "the thread has ended without committing the tensor store issued at");
    EXPECT_FAULT(run(Store::no_wait), "the thread has ended without waiting for the tensor store issued at");
    EXPECT_FAULT(run(Store::misaligned), "tensor store: shared 0x10 is not a multiple of 128");
  }
  set_async(tc::simt::Async::late);
  EXPECT_SOUND(run(Store::reused));  // not a fault, but visibly wrong
  EXPECT(out.read()[3] == 9.0f);
}

void maps() {
  alignas(16) static const float data[4] = {};
  const auto with = [&](auto change) {
    TiledArray array = square(data);
    change(array);
    return report([&] { encode_tiled(array); });
  };
  EXPECT(with([](TiledArray&) {}).empty());
  const auto rejects = [&](auto change, const char* text) { expect_in(with(change), {"tensor map", text}, __LINE__); };
  rejects([](TiledArray& a) { a.rank = 6; }, "1 to 5 dimensions, got 6");
  rejects([](TiledArray& a) { a.data = data + 1; }, "address must be a multiple of 16 bytes");
  rejects([](TiledArray& a) { a.stride_bytes[1] = 260; }, "stride of dimension 1 must be a multiple of 16 bytes");
  rejects([](TiledArray& a) { a.box[1] = 257; }, "box extent of dimension 1 must be 1 to 256, got 257");
  rejects([](TiledArray& a) { a.box[0] = 30; }, "a box row must be a multiple of 16 bytes, got 30 elements of 4 bytes");
  rejects([](TiledArray& a) { a.swizzle = Swizzle::bytes64; }, "128 bytes is longer than the swizzle's 64");
  rejects([](TiledArray& a) { a.swizzle = Swizzle::bytes128, a.box[0] = 16; }, "64 bytes must fill the swizzle's 128");
  rejects([](TiledArray& a) { a.extent[0] = 0; }, "extent of dimension 0 must be 1 to 2^32, got 0");
  rejects([](TiledArray& a) { a.dtype = DType::int8; }, "no copies of int8");
}

// ---- wgmma ----------------------------------------------------------------------------------------------------------

enum class Multiply {
  sound,
  no_fence,
  no_wait,
  read_early,
  stage_reused,
  stride,
  leading,
  transposed_leading,
  base_offset,
  unused_bits,
  past_end,
  differ,
  short_group
};

__global__ void multiply(Multiply wrong, float* out) {
  auto* tile = dynamic_shared<unsigned short>();  // A and B: 64 rows of 64, 128-byte swizzle; all ones
  const auto thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < 8192; i += static_cast<int>(blockDim.x)) tile[i] = bfloat16::encode(1.0f);
  fence_proxy_async();
  __syncthreads();
  std::uint64_t a = matrix_descriptor(tile, 16, 1024, Swizzle::bytes128);
  std::uint64_t b = matrix_descriptor(tile + 4096, 16, 1024, Swizzle::bytes128);
  if (wrong == Multiply::stride) a = matrix_descriptor(tile, 16, 512, Swizzle::bytes128);
  if (wrong == Multiply::leading) b = matrix_descriptor(tile, 0, 128, Swizzle::none);
  if (wrong == Multiply::base_offset) b |= 1ull << 49;
  if (wrong == Multiply::unused_bits) b |= 1ull << 60;
  if (wrong == Multiply::past_end) b = matrix_descriptor(tile, 16, 131072, Swizzle::bytes128);
  if (wrong == Multiply::differ && thread == 77) b += 2;
  float d[32];
  for (float& x : d) x = 0.5f;
  if (wrong != Multiply::no_fence) wgmma_fence();
  if (wrong == Multiply::transposed_leading) {
    float wide[64] = {};
    wgmma<bfloat16, false, true>(wide, a, matrix_descriptor(tile, 16, 1024, Swizzle::bytes128), true);
  }
  for (unsigned k = 0; k < 4; ++k) wgmma<bfloat16>(d, advance(a, 32 * k), advance(b, 32 * k), true);
  wgmma_commit();
  if (wrong == Multiply::read_early) out[thread] = d[0];
  if (wrong == Multiply::stage_reused) {
    __syncthreads();
    tile[thread] = 0;
    fence_proxy_async();
    __syncthreads();
  }
  if (wrong == Multiply::no_wait) return;
  wgmma_wait<0>();
  if (wrong != Multiply::read_early) out[thread] = d[0];
}

void products() {
  const Device<float> out(std::vector<float>(160));
  const auto run = [&](Multiply wrong) {
    launch<multiply>({1, wrong == Multiply::short_group ? 96u : 128u, 16384}, wrong, out.data());
  };
  for (const auto mode : kModes) {
    set_async(mode);
    EXPECT_SOUND(run(Multiply::sound));
    EXPECT(out.read()[5] == 64.5f);
    EXPECT_FAULT(run(Multiply::no_fence), "no wgmma_fence() before the first product");
    EXPECT_FAULT(run(Multiply::stride), "descriptor of A: stride byte offset 512 is less than the 1024 bytes");
    EXPECT_FAULT(run(Multiply::leading), "descriptor of B: leading byte offset 0 is less than the 128 bytes");
    EXPECT_FAULT(run(Multiply::transposed_leading), "descriptor of B: leading byte offset 16 is less than the 1024");
    EXPECT_FAULT(run(Multiply::base_offset), "a base offset of 1 is not supported");
    EXPECT_FAULT(run(Multiply::unused_bits), "bits that mean nothing are set");
    EXPECT_FAULT(run(Multiply::past_end), kChecked ? "out-of-bounds read" : "past the end of shared memory");
    EXPECT_FAULT(run(Multiply::differ), "differ in descriptors or shape", "thread (77, 0, 0)");
    EXPECT_FAULT(run(Multiply::short_group), "a warpgroup is 4 whole warps, this one has 96 threads");
  }
  set_async(tc::simt::Async::late);
  EXPECT_FAULT(run(Multiply::no_wait), "the thread has ended while the wgmma issued at", "commit and wait first");
  EXPECT_SOUND(run(Multiply::read_early));
  EXPECT(std::isnan(out.read()[5]));
  EXPECT_SOUND(run(Multiply::stage_reused));  // not a fault, but visibly wrong
  EXPECT(out.read()[0] == 0.5f);
}

enum class Registers { sound, over, count, grows, shrinks };

template <int take, int give>
__global__ void __launch_bounds__(384) share_registers() {
  if (threadIdx.x < 256)
    take_registers<take>();
  else
    give_registers<give>();
}

void registers() {
  for (const auto mode : kModes) {
    set_async(mode);
    EXPECT_SOUND((launch<share_registers<240, 24>>({1, 384})));
    EXPECT_FAULT((launch<share_registers<240, 40>>({1, 384})), "deadlock",
                 "setmaxnreg.inc to 240: the warp needs 7680 registers, the block's 64512 have");
    EXPECT_FAULT((launch<share_registers<244, 24>>({1, 384})), "setmaxnreg.inc to 244",
                 "a multiple of 8 from 24 to 256");
    EXPECT_FAULT((launch<share_registers<160, 24>>({1, 384})), "setmaxnreg.inc to 160: the warp has 168 registers");
    EXPECT_FAULT((launch<share_registers<240, 176>>({1, 384})), "setmaxnreg.dec to 176: the warp has 168 registers");
  }
}

// ---- matrices -------------------------------------------------------------------------------------------------------

enum class Matrices { sound, load_misaligned, store_misaligned, load_half_warp, store_half_warp, product_half_warp };

__global__ void matrices(Matrices wrong) {
  TC_SHARED(uint4, tile, [32]);
  const int lane = lane_id();
  tile[lane] = {};
  __syncwarp();
  if ((wrong == Matrices::load_half_warp || wrong == Matrices::store_half_warp ||
       wrong == Matrices::product_half_warp) &&
      lane >= 16)
    return;
  auto* row = reinterpret_cast<unsigned short*>(&tile[lane]);
  unsigned fragment[4] = {};
  if (wrong == Matrices::product_half_warp) {
    float c[4] = {};
    mma_16x8x16<bfloat16>(c, fragment, {0, 0});
  }
  if (wrong != Matrices::store_half_warp)
    load_matrices<4>(fragment, row + (wrong == Matrices::load_misaligned && lane == 9 ? 2 : 0));
  __syncwarp();
  store_matrices<4>(row + (wrong == Matrices::store_misaligned && lane == 9 ? 4 : 0), fragment);
}

void warps() {
  const auto run = [](Matrices wrong) { launch<matrices>({1, 32}, wrong); };
  EXPECT_SOUND(run(Matrices::sound));
  EXPECT_FAULT(run(Matrices::load_misaligned), "ldmatrix: row at shared address 0x", "4 is not aligned",
               "thread (9, 0, 0)");
  EXPECT_FAULT(run(Matrices::store_misaligned), "stmatrix: row at shared address 0x", "8 is not aligned");
  EXPECT_FAULT(run(Matrices::load_half_warp), "ldmatrix needs all 32 lanes of the warp", "0x0000ffff");
  EXPECT_FAULT(run(Matrices::store_half_warp), "stmatrix needs all 32 lanes of the warp");
  EXPECT_FAULT(run(Matrices::product_half_warp), "mma needs all 32 lanes of the warp");
}

// ---- clusters -------------------------------------------------------------------------------------------------------

enum class Cluster { sound, rank, ended, misaligned, unordered };

__global__ void cluster(Cluster wrong, unsigned* out) {
  TC_SHARED(unsigned, mine, [32]);
  const int lane = lane_id();
  mine[lane] = cluster_rank();
  cluster_arrive();
  if (wrong != Cluster::unordered) cluster_wait();
  if (wrong == Cluster::ended && cluster_rank() == 0) return;
  const unsigned other = wrong == Cluster::rank ? 2 : 1 - cluster_rank();
  if (wrong == Cluster::ended)
    while (lane == 0 && load_acquire(&out[64]) == 0) {
      __syncwarp(1);
      store_release(&out[64], 1);
    }
  const unsigned address = map_shared(&mine[lane], other) + (wrong == Cluster::misaligned ? 2 : 0);
  out[blockIdx.x * 32 + static_cast<unsigned>(lane)] = load_cluster<unsigned>(address);
  if (wrong != Cluster::ended) cluster_sync();
}

void clusters() {
  const Device<unsigned> out(std::vector<unsigned>(65));
  const auto run = [&](Cluster wrong) { launch<cluster>({2, 32, 0, dim3(2)}, wrong, out.data()); };
  EXPECT_SOUND(run(Cluster::sound));
  EXPECT(out.read()[3] == 1 && out.read()[35] == 0);
  EXPECT_FAULT(run(Cluster::rank), "mapa: block rank 2 in a cluster of 2");
  EXPECT_FAULT(run(Cluster::ended), "has ended");
  EXPECT_FAULT(run(Cluster::misaligned), "is not a multiple of 4");
  if (kChecked) EXPECT_FAULT(run(Cluster::unordered), "in kernel 'cluster'");
}

const Case cases[] = {
    {"barriers", barriers}, {"loads", loads},         {"stores", stores}, {"maps", maps},
    {"products", products}, {"registers", registers}, {"warps", warps},   {"clusters", clusters},
};

}  // namespace

int main(int argc, char** argv) { return run_case(cases, argc, argv); }
