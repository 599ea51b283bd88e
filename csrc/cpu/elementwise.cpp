// The driver of all elementwise loops, and the kernel of where().
#include "cpu/elementwise.h"

#include "cpu/parallel.h"
#include "cpu/stage.h"
#include "ops/loop_plan.h"

namespace tc::cpu {
namespace TC_ISA {
namespace {

constexpr std::int64_t kGrain = 1 << 13;  // elements per task: 1 to 15 microseconds of work

struct Operand {
  const std::byte* base;
  std::int64_t item;       // bytes per element in memory
  std::int64_t loop_item;  // bytes per element in the loop
  StageRow* mover;
  DType dtype, loop_dtype;
};

// One walk over [begin, end) of the plan's row-major index space, in blocks.
template <int N>  // operands: output first
class BlockWalk {
 public:
  BlockWalk(const LoopCall& call, const LoopPlan<N>& plan, const Operand* operands, const Params& params)
      : call_(call), plan_(plan), operands_(operands), params_(params) {}

  void run(std::int64_t begin, std::int64_t end) const {
    alignas(64) std::byte buffers[N][kBlock * 8];
    std::int64_t filled[N] = {};  // elements already in the buffer of an operand that repeats one element
    while (begin < end) {
      const std::int64_t n = block_length(begin, end);
      const void* in[kMaxInputs];
      for (int k = 1; k < N; ++k) in[k - 1] = load(k, begin, n, buffers[k], filled[k]);
      const Operand& out = operands_[0];
      const std::int64_t length = plan_.ndim ? plan_.shape[plan_.ndim - 1] : 1;
      const bool direct = out.dtype == out.loop_dtype && (plan_.ndim == 0 || plan_.strides[0][plan_.ndim - 1] == 1) &&
                          begin % length + n <= length;
      if (direct) {
        call_.loop(in, const_cast<std::byte*>(out.base) + offset(0, begin) * out.item, n, params_);
      } else {
        call_.loop(in, buffers[0], n, params_);
        store(begin, n, buffers[0]);
      }
      begin += n;
    }
  }

 private:
  // Whole rows where they are long; several short rows at a time otherwise.
  std::int64_t block_length(std::int64_t begin, std::int64_t end) const {
    const std::int64_t length = plan_.ndim ? plan_.shape[plan_.ndim - 1] : 1;
    std::int64_t n = std::min(kBlock, end - begin);
    if (length >= kBlock / 4) n = std::min(n, length - begin % length);
    return n;
  }

  std::int64_t offset(int operand, std::int64_t index) const {
    std::int64_t at = 0;
    for (int i = plan_.ndim - 1; i > 0; --i) {
      at += index % plan_.shape[i] * plan_.strides[operand][i];
      index /= plan_.shape[i];
    }
    return plan_.ndim ? at + index * plan_.strides[operand][0] : at;
  }

  const void* load(int k, std::int64_t begin, std::int64_t n, std::byte* buffer, std::int64_t& filled) const {
    const Operand& operand = operands_[k];
    const int inner = plan_.ndim - 1;
    if (plan_.ndim <= 1 && (plan_.ndim == 0 || plan_.strides[k][0] == 0)) {  // one element for the whole walk
      if (filled < n) {
        operand.mover(operand.base, 0, buffer, 1, n);
        filled = n;
      }
      return buffer;
    }
    const std::int64_t length = plan_.shape[inner], step = plan_.strides[k][inner];
    const bool one_row = begin % length + n <= length;
    if (one_row && step == 1 && operand.dtype == operand.loop_dtype)
      return operand.base + offset(k, begin) * operand.item;
    for (std::int64_t done = 0; done < n;) {
      const std::int64_t count = std::min(n - done, length - (begin + done) % length);
      operand.mover(operand.base + offset(k, begin + done) * operand.item, step, buffer + done * operand.loop_item, 1,
                    count);
      done += count;
    }
    return buffer;
  }

  void store(std::int64_t begin, std::int64_t n, const std::byte* buffer) const {
    const Operand& operand = operands_[0];
    const int inner = plan_.ndim - 1;
    const std::int64_t length = plan_.ndim ? plan_.shape[inner] : 1, step = plan_.ndim ? plan_.strides[0][inner] : 1;
    for (std::int64_t done = 0; done < n;) {
      const std::int64_t count = std::min(n - done, length - (begin + done) % length);
      auto* to = const_cast<std::byte*>(operand.base) + offset(0, begin + done) * operand.item;
      operand.mover(buffer + done * operand.loop_item, 1, to, step, count);
      done += count;
    }
  }

  const LoopCall& call_;
  const LoopPlan<N>& plan_;
  const Operand* operands_;
  const Params& params_;
};

template <int N>
void walk(const LoopCall& call, const Array* const (&arrays)[N], const Params& params) {
  const LoopPlan<N> plan(arrays);
  Operand operands[N];
  for (int k = 0; k < N; ++k) {
    const DType memory = arrays[k]->dtype(), loop = k ? call.input_dtypes[k - 1] : call.output_dtype;
    operands[k] = {arrays[k]->raw(),
                   static_cast<std::int64_t>(itemsize(memory)),
                   static_cast<std::int64_t>(itemsize(loop)),
                   k ? row_mover(memory, loop) : row_mover(loop, memory),
                   memory,
                   loop};
  }
  const BlockWalk<N> blocks(call, plan, operands, params);
  parallel_for(plan.size, kGrain, [&](std::int64_t begin, std::int64_t end) { blocks.run(begin, end); });
}

}  // namespace

void run_loop(const LoopCall& call, const Array* const* inputs, int count, Array& output, const Params& params) {
  bool plain = output.dtype() == call.output_dtype && output.is_contiguous();
  for (int k = 0; k < count && plain; ++k)
    plain = inputs[k]->dtype() == call.input_dtypes[k] && inputs[k]->is_contiguous();
  if (plain) {
    const auto task = [&](std::int64_t begin, std::int64_t end) {
      const void* in[kMaxInputs];
      for (int k = 0; k < count; ++k)
        in[k] = inputs[k]->raw() + begin * static_cast<std::int64_t>(itemsize(call.input_dtypes[k]));
      call.loop(in, output.raw() + begin * static_cast<std::int64_t>(itemsize(call.output_dtype)), end - begin, params);
    };
    const std::int64_t size = output.size();
    return size <= kGrain ? task(0, size) : parallel_for(size, kGrain, task);
  }
  if (count == 1)
    walk<2>(call, {&output, inputs[0]}, params);
  else if (count == 2)
    walk<3>(call, {&output, inputs[0], inputs[1]}, params);
  else
    walk<4>(call, {&output, inputs[0], inputs[1], inputs[2]}, params);
}

}  // namespace TC_ISA

namespace {

template <class T>
void where_loop(const void* const* in, void* out, std::int64_t n, const Params&) {
  const auto* condition = static_cast<const std::uint8_t*>(in[0]);  // 0 or 1
  const auto *a = static_cast<const T*>(in[1]), *b = static_cast<const T*>(in[2]);
  auto* y = static_cast<T*>(out);
  for (std::int64_t i = 0; i < n; ++i) {
    const T mask = static_cast<T>(T(0) - T(condition[i]));
    y[i] = static_cast<T>(b[i] ^ ((a[i] ^ b[i]) & mask));
  }
}

void where(const Array& condition, const Array& a, const Array& b, Array& y) {
  dispatch(All{}, y.dtype(), [&]<class T>() {
    // Bits are only moved, so one loop per width is enough.
    using Word =
        std::conditional_t<sizeof(T) == 1, std::uint8_t,
                           std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                              std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>>;
    const Array* inputs[] = {&condition, &a, &b};
    TC_ISA::run_loop({&where_loop<Word>, {DType::boolean, y.dtype(), y.dtype()}, y.dtype()}, inputs, 3, y, {});
  });
}

const Provide registered{kernels::where, DeviceType::cpu, &where};

}  // namespace
}  // namespace tc::cpu
