// wgmma: the threads of a warpgroup issue products without waiting for each other; one is performed when the last of
// the 128 has issued it, or later (see async.h). Until then the accumulators are held here, and the threads' registers
// are poisoned unless products are performed at once. As with mma.sync, sums agree with hardware's up to rounding.
#include "cuda/simt/wgmma.h"

#include <array>
#include <cstring>
#include <memory>
#include <unordered_map>

#include "cuda/simt/arithmetic.h"
#include "cuda/simt/async.h"

namespace tc::simt {

struct Product {
  WarpgroupProduct shape{};
  Where where;
  const std::byte* shared = nullptr;  // the block's
  std::array<float*, 128> d{};
  unsigned arrived = 0;
  Pending operation;
};
using SharedProduct = std::shared_ptr<Product>;

struct Held {  // accumulators of one thread that products in flight work on
  std::vector<float> values;
  int products = 0;
};

struct Warpgroup {
  struct Thread {
    std::size_t issued = 0;
    std::deque<std::size_t> committed;  // products issued before each commit that may still be in flight
    std::unordered_map<float*, Held> held;
    bool fenced = false;
    char text[160];
  };
  std::array<Thread, 128> threads;
  std::deque<SharedProduct> products;
  std::size_t first = 0;  // number of products.front()
  SharedProduct at(std::size_t number) { return products[number - first]; }
};

namespace {

// ---- matrices in shared memory --------------------------------------------------------------------------------------

// A matrix descriptor: how 16 columns of k, and m or n rows, lie in shared memory. All offsets in bytes.
struct Matrix {
  std::uint32_t start, leading, stride;
  unsigned base_offset, mode, swizzle;  // swizzle: bits of the address that are XORed
  bool k_contiguous;

  Matrix(std::uint64_t bits, bool transposed)
      : start(static_cast<std::uint32_t>(bits & 0x3fff) << 4),
        leading(static_cast<std::uint32_t>(bits >> 16 & 0x3fff) << 4),
        stride(static_cast<std::uint32_t>(bits >> 32 & 0x3fff) << 4),
        base_offset(static_cast<unsigned>(bits >> 49 & 7)),
        mode(static_cast<unsigned>(bits >> 62)),
        swizzle(mode == 0 ? 0 : 4 - mode),  // 1: 128 bytes, 2: 64, 3: 32
        k_contiguous(!transposed) {}

  std::uint32_t span() const { return 16u << swizzle; }  // bytes of a swizzled row
  // The address of 8 neighbouring elements. K contiguous: row `i`, k from 8 `j` on; else k = i, rows from 8 j on.
  std::uint32_t piece(std::uint32_t i, std::uint32_t j) const {
    std::uint32_t offset;
    if (k_contiguous)
      offset = i % 8 * span() + i / 8 * stride + j * (swizzle ? 16 : leading);
    else if (swizzle)
      offset = j % (span() / 16) * 16 + j / (span() / 16) * leading + i % 8 * span() + i / 8 * stride;
    else
      offset = j * stride + i % 8 * 16 + i / 8 * leading;
    const std::uint32_t address = start + offset;
    return address ^ (address >> 7 & ((1u << swizzle) - 1)) << 4;
  }
};

void check_matrix(const char* which, const Matrix& m, std::uint64_t bits, std::uint32_t rows, Where where) {
  const auto wrong = [&](const std::string& rule) {
    fault_text("wgmma: descriptor of " + std::string(which) + ": " + rule, describe_place(where));
  };
  constexpr std::uint64_t kUnused = 0x3ull << 14 | 0x3ull << 30 | 0x7ull << 46 | 0x3ffull << 52;
  if (bits & kUnused) wrong("bits that mean nothing are set; use matrix_descriptor()");
  if (m.base_offset != 0) wrong("a base offset of " + std::to_string(m.base_offset) + " is not supported, only 0");
  // Offsets that take part must leave room for what lies between.
  const auto at_least = [&](const char* name, std::uint32_t offset, std::uint32_t least) {
    if (offset < least)
      wrong(std::string(name) + " byte offset " + std::to_string(offset) + " is less than the " +
            std::to_string(least) + " bytes it steps over");
  };
  const std::uint32_t atom = 8 * m.span();  // 8 rows
  if (m.k_contiguous) {
    if (rows > 8) at_least("stride", m.stride, atom);
    if (!m.swizzle) at_least("leading", m.leading, atom);
  } else if (m.swizzle) {
    at_least("stride", m.stride, atom);
    if (rows * 2 > m.span()) at_least("leading", m.leading, atom);
  } else {
    at_least("leading", m.leading, atom);
    if (rows > 8) at_least("stride", m.stride, atom);
  }
  const Block& block = *this_scheduler().lane->block;
  const std::uint32_t pieces = m.k_contiguous ? 2 : rows / 8, lines = m.k_contiguous ? rows : 16;
  const bool checked = this_scheduler().launch().checked;
  for (std::uint32_t i = 0; i < lines; ++i)
    for (std::uint32_t j = 0; j < pieces; ++j) {
      const std::uint32_t address = m.piece(i, j);
      if (address + 16 > kSharedLimit)
        wrong("the matrix reaches address " + std::to_string(address) + ", past the end of shared memory");
      if (checked) check_access(block.shared + address, 16, false, where);
    }
}

// A matrix as numbers: by_k gives [16][rows], else [rows][16].
template <bool is_half>
[[gnu::always_inline]] inline void read_matrix(const Matrix& m, const std::byte* shared, int rows, bool by_k,
                                               float* out) {
  const int lines = m.k_contiguous ? rows : 16, pieces = m.k_contiguous ? 2 : rows / 8;
  const bool along = m.k_contiguous != by_k;  // the 8 elements stay neighbours
  for (int i = 0; i < lines; ++i)
    for (int j = 0; j < pieces; ++j) {
      std::uint16_t bits[8];
      std::memcpy(bits, shared + m.piece(static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j)), 16);
      const int width = by_k ? rows : 16;
      if (along)
        for (int e = 0; e < 8; ++e) out[i * width + 8 * j + e] = widen<is_half>(bits[e]);
      else
        for (int e = 0; e < 8; ++e) out[(8 * j + e) * width + i] = widen<is_half>(bits[e]);
    }
}

// ---- the product ----------------------------------------------------------------------------------------------------

// c[64][n] += a[64][16] b[16][n], all rows of n floats.
TC_SIMT_FAST void multiply(const float* a, const float* b, float* c, int n) {
  for (int i = 0; i < 64; ++i) {
    float* row = c + i * n;
    for (int k = 0; k < 16; k += 4) {
      const float a0 = a[i * 16 + k], a1 = a[i * 16 + k + 1], a2 = a[i * 16 + k + 2], a3 = a[i * 16 + k + 3];
      const float *b0 = b + k * n, *b1 = b0 + n, *b2 = b1 + n, *b3 = b2 + n;
#pragma GCC ivdep
      for (int j = 0; j < n; ++j) {
        float sum = row[j];
        sum += a0 * b0[j];
        sum += a1 * b1[j];
        sum += a2 * b2[j];
        sum += a3 * b3[j];
        row[j] = sum;
      }
    }
  }
}

// Thread 32 w + 4 g + t has of each 8 columns: (16 w + g, 2t), (.., 2t + 1), (16 w + g + 8, 2t), (.., 2t + 1).
template <class Exchange>
void for_each_pair(int n, Exchange&& exchange) {
  for (int thread = 0; thread < 128; ++thread) {
    const int row = thread / 32 * 16 + thread % 32 / 4, column = thread % 4 * 2;
    for (int j = 0; j < n / 8; ++j) {
      exchange(thread, 4 * j, row * n + 8 * j + column);
      exchange(thread, 4 * j + 2, (row + 8) * n + 8 * j + column);
    }
  }
}

void perform(Warpgroup& group, Product& p, bool eager) {
  const WarpgroupProduct& shape = p.shape;
  const int n = shape.n;
  struct Scratch {
    float a[64 * 16], b[16 * 256], c[64 * 256];
  };
  // By pointer: the module's thread-local variables live where room is scarce.
  thread_local const std::unique_ptr<Scratch> scratch = std::make_unique<Scratch>();
  float *const a = scratch->a, *const b = scratch->b, *const c = scratch->c;
  const Matrix matrix_a(shape.a, shape.transposed_a), matrix_b(shape.b, shape.transposed_b);
  if (shape.is_half) {
    read_matrix<true>(matrix_a, p.shared, 64, false, a);
    read_matrix<true>(matrix_b, p.shared, n, true, b);
  } else {
    read_matrix<false>(matrix_a, p.shared, 64, false, a);
    read_matrix<false>(matrix_b, p.shared, n, true, b);
  }
  float* registers[128];
  for (unsigned t = 0; t < 128; ++t) registers[t] = eager ? p.d[t] : group.threads[t].held.at(p.d[t]).values.data();
  if (shape.accumulate)
    for_each_pair(n, [&](int t, int r, int at) { std::memcpy(c + at, registers[t] + r, 8); });
  else
    std::memset(c, 0, sizeof(float) * 64 * static_cast<std::size_t>(n));
  multiply(a, b, c, n);
  for_each_pair(n, [&](int t, int r, int at) { std::memcpy(registers[t] + r, c + at, 8); });
  if (eager) return;
  for (unsigned t = 0; t < 128; ++t) {
    auto& all = group.threads[t].held;
    const auto mine = all.find(p.d[t]);
    if (--mine->second.products != 0) continue;
    std::memcpy(p.d[t], mine->second.values.data(), mine->second.values.size() * sizeof(float));
    all.erase(mine);
  }
}

Warpgroup& warpgroup_of(const Lane& lane, const char* name, Where where) {
  const std::uint32_t first = lane.rank / 128 * 128;
  if (first + 128 > lane.block->threads)
    fault_text(std::string(name) + ": a warpgroup is 4 whole warps, this one has " +
                   std::to_string(lane.block->threads - first) + " threads",
               describe_place(where));
  auto& group = async_state().warpgroups[lane.block->lanes + first];
  if (!group) group = std::make_shared<Warpgroup>();
  return *group;
}

}  // namespace

void wgmma_fence(Where where) {
  Lane& me = *this_scheduler().lane;
  warpgroup_of(me, "wgmma.fence", where).threads[me.rank % 128].fenced = true;
}

void wgmma(float* d, const WarpgroupProduct& shape, Where where) {
  Lane& me = *this_scheduler().lane;
  Warpgroup& group = warpgroup_of(me, "wgmma", where);
  Warpgroup::Thread& mine = group.threads[me.rank % 128];
  if (!mine.fenced) fault_text("wgmma: no wgmma_fence() before the first product", describe_place(where));
  const std::size_t number = mine.issued++;
  if (number == group.first + group.products.size()) {
    check_matrix("A", Matrix(shape.a, shape.transposed_a), shape.a, 64, where);
    check_matrix("B", Matrix(shape.b, shape.transposed_b), shape.b, static_cast<std::uint32_t>(shape.n), where);
    synchronises(&group, false, true);  // whoever waits for the product comes after these reads
    auto product = std::make_shared<Product>();
    product->shape = shape;
    product->where = where;
    product->shared = me.block->shared;
    product->operation = std::make_shared<Operation>();
    product->operation->what = "wgmma";
    product->operation->chain = &group;
    product->operation->where = where;
    group.products.push_back(std::move(product));
  }
  const SharedProduct product = group.at(number);
  if (!(product->shape == shape))
    fault_text("wgmma: the threads of the warpgroup differ in descriptors or shape for one product, issued first at " +
                   describe_place(product->where),
               describe_place(where));
  product->d[me.rank % 128] = d;
  const bool eager = is_eager();
  if (!eager) {
    const auto [held, is_new] = mine.held.try_emplace(d);
    if (is_new) {
      held->second.values.assign(d, d + shape.n / 2);
      std::memset(d, 0xff, sizeof(float) * static_cast<std::size_t>(shape.n / 2));
    }
    ++held->second.products;
  }
  if (++product->arrived < 128) return;
  product->operation->issuer = &me;
  product->operation->perform = [&group, p = product.get(), eager] { perform(group, *p, eager); };
  issue(product->operation);
}

void wgmma_commit() {
  Lane& me = *this_scheduler().lane;
  Warpgroup::Thread& mine = warpgroup_of(me, "wgmma.commit_group", Where::current()).threads[me.rank % 128];
  mine.committed.push_back(mine.issued);
}

void wgmma_wait(int newest_in_flight, Where where) {
  maybe_finish_one();
  Lane& me = *this_scheduler().lane;
  Warpgroup& group = warpgroup_of(me, "wgmma.wait_group", where);
  Warpgroup::Thread& mine = group.threads[me.rank % 128];
  const auto newest = static_cast<std::size_t>(newest_in_flight);
  std::size_t until = 0;
  while (mine.committed.size() > newest) {
    until = mine.committed.front();
    mine.committed.pop_front();
  }
  if (until > group.first) {
    const SharedProduct product = group.at(until - 1);  // the others are done before it
    std::snprintf(mine.text, sizeof mine.text, "wgmma.wait_group: the product at %s, not issued by all 128 threads",
                  describe_place(product->where).c_str());
    wait_for(product->operation, mine.text, where);
    synchronises(&group, true, false);
  }
  while (!group.products.empty() && group.products.front()->operation->done) {
    group.products.pop_front();
    ++group.first;
  }
}

void check_products_at_exit(AsyncState& state, Lane& lane) {
  const auto found = state.warpgroups.find(lane.block->lanes + lane.rank / 128 * 128);
  if (found == state.warpgroups.end()) return;
  const Warpgroup& group = *found->second;
  const Warpgroup::Thread& mine = group.threads[lane.rank % 128];
  if (mine.issued > group.first && !group.products[mine.issued - 1 - group.first]->operation->done)
    fault_text("the thread has ended while the wgmma issued at " +
                   describe_place(group.products[mine.issued - 1 - group.first]->where) +
                   " is under way: commit and wait first",
               "the end of the kernel");
}

// ---- setmaxnreg -----------------------------------------------------------------------------------------------------

namespace {

// Registers a thread starts with: an even share of the multiprocessor's, as for a kernel compiled for this many
// threads.
int registers_at_start(const Block& block) { return std::min(256, 65536 / static_cast<int>(block.threads) / 8 * 8); }

int registers_in_use(const Block& block, const Warp* without) {
  int sum = 0;
  for (const Warp& warp : block.warps) {
    if (&warp == without) continue;
    const auto set = async_state().registers.find(&warp);
    sum += 32 * (set == async_state().registers.end() ? registers_at_start(block) : set->second);
  }
  return sum;
}

}  // namespace

void set_registers(int count, bool increases, Where where) {
  Scheduler& s = this_scheduler();
  Lane& me = *s.lane;
  Block& block = *me.block;
  const char* name = increases ? "setmaxnreg.inc" : "setmaxnreg.dec";
  const auto wrong = [&](const std::string& rule) {
    fault_text(std::string(name) + " to " + std::to_string(count) + ": " + rule, describe_place(where));
  };
  if (count < 24 || count > 256 || count % 8 != 0) wrong("a count must be a multiple of 8 from 24 to 256");
  warp_collective(name, 0xffffffffu, nullptr, nullptr, false, where);
  auto& registers = async_state().registers;
  const auto current = [&] {
    const auto set = registers.find(me.warp);
    return set == registers.end() ? registers_at_start(block) : set->second;
  };
  if (increases ? count < current() : count > current()) {
    // The warp's other lanes come by when it is done.
    wrong("the warp has " + std::to_string(current()) + " registers per thread");
  }
  const int pool = registers_at_start(block) * 32 * static_cast<int>(block.warps.size());
  while (current() != count) {
    const int free = pool - registers_in_use(block, me.warp);
    if (32 * count <= free) {
      registers[me.warp] = count;
      progress();
      break;
    }
    char text[160];
    std::snprintf(text, sizeof text, "%s to %d: the warp needs %d registers, the block's %d have %d left", name, count,
                  32 * count, pool, free);
    poll(text, where);
  }
}

}  // namespace tc::simt
