#include "ops/optim.h"

#include <algorithm>
#include <cmath>

#include "ops/copy.h"

namespace tc::ops {
namespace {

using Arrays = std::vector<Array>;

struct List {
  const char* name;
  const Arrays* arrays;
};

// Every rule before anything is written: as many of each, floating-point, alike in shape, dtype and device, writable.
void check_lists(const char* op, const Arrays& params, std::span<const List> others) {
  for (const List& list : others)
    check_value(list.arrays->size() == params.size(), op, ": ", list.name, " must have one tensor per parameter, got ",
                list.arrays->size(), " for ", params.size(), " parameters");
  for (std::size_t i = 0; i < params.size(); ++i) {
    const Array& p = params[i];
    check_type(is_float(p.dtype()), op, ": parameter ", i, " must be floating-point, got ", name_of(p.dtype()));
    check_writable(p, op);
    check_same_device(p, params[0], op);
    for (std::size_t k = 0; k < others.size(); ++k) {
      const Array& a = (*others[k].arrays)[i];
      check_value(a.shape() == p.shape(), op, ": ", others[k].name, "[", i, "] must have its parameter's shape ",
                  p.shape(), ", got ", a.shape());
      check_type(a.dtype() == p.dtype(), op, ": ", others[k].name, "[", i, "] must have its parameter's dtype ",
                 name_of(p.dtype()), ", got ", name_of(a.dtype()));
      check_same_device(p, a, op);
      if (k > 0) check_writable(a, op);  // list 0 holds the gradients, which are only read
    }
  }
}

// Threads update parameters at the same time: what one writes, no other may read or write.
void check_apart(const char* op, std::span<const OptimPart> parts) {
  struct Range {
    const std::byte *begin, *end;
    bool written;
  };
  std::vector<Range> ranges;
  ranges.reserve(parts.size() * 5);
  for (const OptimPart& part : parts) {
    const auto bytes = static_cast<std::size_t>(part.size) * itemsize(part.dtype);
    if (!bytes) continue;
    ranges.push_back({part.param, part.param + bytes, true});
    ranges.push_back({part.grad, part.grad + bytes, false});
    for (const std::byte* state : part.states)
      if (state) ranges.push_back({state, state + bytes, true});
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return std::less<>{}(a.begin, b.begin); });
  const std::byte *read_end = nullptr, *written_end = nullptr;
  for (const Range& r : ranges) {
    check_value(!std::less<>{}(r.begin, written_end) && !(r.written && std::less<>{}(r.begin, read_end)), op,
                ": parameters, gradients and states must not share memory");
    const std::byte*& end = r.written ? written_end : read_end;
    if (std::less<>{}(end, r.end)) end = r.end;
  }
}

// Row-major stand-ins for the arrays with another layout, written back at the end.
class Parts {
 public:
  Parts(const char* op, const Arrays& params, std::span<const List> others) {
    check_lists(op, params, others);
    parts_.reserve(params.size());
    for (std::size_t i = 0; i < params.size(); ++i) {
      OptimPart part{params[i].dtype(), params[i].size(), written(params[i]), nullptr, {}};
      const Array& grad = (*others[0].arrays)[i];
      if (grad.is_contiguous())
        part.grad = grad.raw();
      else
        part.grad = copies_.emplace_back(ops::copy(grad)).raw();
      for (std::size_t k = 1; k < others.size(); ++k) part.states[k - 1] = written((*others[k].arrays)[i]);
      parts_.push_back(part);
    }
    check_apart(op, parts_);
  }
  std::span<const OptimPart> parts() const { return parts_; }
  void finish() const {
    for (const Array& a : direct_) a.storage()->version.fetch_add(1, std::memory_order_relaxed);
    for (const auto& [original, copy] : staged_) assign(original, copy);
  }

 private:
  std::byte* written(const Array& a) {
    if (a.is_contiguous()) return direct_.emplace_back(a).raw();
    return staged_.emplace_back(a, ops::copy(a)).second.raw();
  }

  std::vector<OptimPart> parts_;
  Arrays direct_, copies_;
  std::vector<std::pair<Array, Array>> staged_;
};

template <class Settings>
void run(const Kernel<void(const Settings&, const OptimClock*, std::span<const OptimPart>)>& kernel, const char* op,
         const Settings& settings, double lr, std::int64_t step, const std::optional<Array>& clock,
         const Arrays& params, std::span<const List> others) {
  check_value(clock || step >= 1, op, ": step counts from 1, got ", step);
  if (clock)
    check_value(clock->dtype() == DType::float64 && clock->shape() == Dims{2} && clock->is_contiguous(), op,
                ": clock must be a contiguous float64 array of shape (2,), got ", name_of(clock->dtype()), " of shape ",
                clock->shape());
  const Parts parts(op, params, others);
  if (params.empty()) return;
  const Device device = params[0].device();
  if (clock) check_same_device(params[0], *clock, op);
  Array now = clock ? *clock : Array::empty({2}, DType::float64);
  if (!clock) {
    now.data<double>()[0] = lr;
    now.data<double>()[1] = static_cast<double>(step);
    now = to_device(now, device, false);
  }
  kernel(device, settings, reinterpret_cast<const OptimClock*>(now.raw()), parts.parts());
  parts.finish();
}

}  // namespace

void sgd_step(const Arrays& params, const Arrays& grads, const Arrays& velocities, double lr, double momentum,
              double dampening, double weight_decay, bool nesterov, bool maximize, std::int64_t step,
              const std::optional<Array>& clock) {
  constexpr const char* kOp = "sgd_step";
  check_value(!nesterov || (momentum > 0 && dampening == 0), kOp,
              ": nesterov requires a momentum and zero dampening, got momentum ", momentum, " and dampening ",
              dampening);
  check_value(momentum != 0 || velocities.empty(), kOp, ": without momentum there are no velocities, got ",
              velocities.size());
  const List lists[] = {{"grads", &grads}, {"velocities", &velocities}};
  run(kernels::sgd_step, kOp, SgdStep{momentum, dampening, weight_decay, nesterov, maximize}, lr, step, clock, params,
      std::span(lists, momentum != 0 ? 2 : 1));
}

void adam_step(const Arrays& params, const Arrays& grads, const Arrays& exp_avgs, const Arrays& exp_avg_sqs,
               const Arrays& max_exp_avg_sqs, std::int64_t step, double lr, double beta1, double beta2, double eps,
               double weight_decay, bool decoupled, bool amsgrad, bool maximize, const std::optional<Array>& clock) {
  constexpr const char* kOp = "adam_step";
  check_value(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, kOp, ": betas must lie in [0, 1), got ", beta1,
              " and ", beta2);
  check_value(amsgrad || max_exp_avg_sqs.empty(), kOp, ": max_exp_avg_sqs belong to amsgrad, got ",
              max_exp_avg_sqs.size());
  const AdamStep settings{beta1, beta2, eps, weight_decay, decoupled, amsgrad, maximize};
  const List lists[] = {
      {"grads", &grads}, {"exp_avgs", &exp_avgs}, {"exp_avg_sqs", &exp_avg_sqs}, {"max_exp_avg_sqs", &max_exp_avg_sqs}};
  run(kernels::adam_step, kOp, settings, lr, step, clock, params, std::span(lists, amsgrad ? 4 : 3));
}

}  // namespace tc::ops
