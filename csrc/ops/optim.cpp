#include "ops/optim.h"

#include <algorithm>
#include <array>
#include <bit>

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
  // `others` are the gradients and the states in use; `slots` says which state each of them is.
  Parts(const char* op, const Arrays& params, std::span<const List> others, std::span<const int> slots) {
    check_lists(op, params, others);
    parts_.reserve(params.size());
    for (std::size_t i = 0; i < params.size(); ++i) {
      OptimPart part{params[i].dtype(), 0, params[i].size(), written(params[i]), nullptr, {}};
      const Array& grad = (*others[0].arrays)[i];
      if (grad.is_contiguous())
        part.grad = grad.raw();
      else
        part.grad = copies_.emplace_back(ops::copy(grad)).raw();
      for (std::size_t k = 0; k < slots.size(); ++k) part.states[slots[k]] = written((*others[k + 1].arrays)[i]);
      parts_.push_back(part);
    }
    check_apart(op, parts_);
  }
  std::span<OptimPart> parts() { return parts_; }
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

// The clocks of a call given by numbers: parameters at the same step share one.
std::vector<OptimClock> clocks_of(const char* op, double lr, const std::vector<double>& steps,
                                  const std::vector<double>& products, std::span<OptimPart> parts) {
  std::vector<OptimClock> clocks;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    check_value(steps[i] >= 1, op, ": steps count from 1, got ", steps[i]);
    const double product = products.empty() ? 0 : products[i];
    const auto same = std::find_if(clocks.rbegin(), clocks.rend(),
                                   [&](const OptimClock& c) { return c.step == steps[i] && c.product == product; });
    parts[i].clock = static_cast<std::int32_t>(clocks.rend() - same) - 1;
    if (same != clocks.rend()) continue;
    parts[i].clock = static_cast<std::int32_t>(clocks.size());
    clocks.push_back({lr, steps[i], product});
  }
  return clocks;
}

struct Call {
  const Arrays &params, &grads;
  const std::vector<Arrays>& states;
  const std::vector<double>& options;
  double lr;
  OptimCommon common;
  const std::vector<double>&steps, &products;
  const std::optional<Array>& clock;
};

template <class Rule>
void step(const Call& call) {
  constexpr const char* kOp = Rule::kName;
  constexpr std::size_t kOptions = sizeof(Rule) / sizeof(double), kStates = Rule::kStates.size();
  static_assert(kStates <= kMaxOptimStates);
  check_value(call.options.size() == kOptions, kOp, ": takes ", kOptions, " options, got ", call.options.size());
  std::array<double, kOptions> options;
  std::copy_n(call.options.begin(), kOptions, options.begin());
  const auto rule = std::bit_cast<Rule>(options);

  check_value(call.states.size() == kStates, kOp, ": takes ", kStates, " lists of states, got ", call.states.size());
  std::vector<List> lists{{"grads", &call.grads}};
  std::vector<int> slots;
  for (std::size_t k = 0; k < kStates; ++k) {
    check_value(rule.keeps(static_cast<int>(k)) || call.states[k].empty(), kOp, ": these options do without ",
                Rule::kStates[k], ", got ", call.states[k].size());
    if (!rule.keeps(static_cast<int>(k))) continue;
    lists.push_back({Rule::kStates[k], &call.states[k]});
    slots.push_back(static_cast<int>(k));
  }

  constexpr bool kProducts = requires { rule.momentum_at(1.0); };
  const std::size_t count = call.clock ? 0 : call.params.size();
  check_value(call.steps.size() == count, kOp, ": takes ", count, " steps, got ", call.steps.size());
  check_value(call.products.size() == (kProducts ? count : 0), kOp, ": takes ", kProducts ? count : 0,
              " products, got ", call.products.size());
  if (call.clock)
    check_value(call.clock->dtype() == DType::float64 && call.clock->shape() == Dims{3} && call.clock->is_contiguous(),
                kOp, ": clock must be a contiguous float64 array of shape (3,), got ", name_of(call.clock->dtype()),
                " of shape ", call.clock->shape());

  Parts parts(kOp, call.params, lists, slots);
  if (call.params.empty()) return;
  const Device device = call.params[0].device();
  Array clocks;
  if (call.clock) {
    check_same_device(call.params[0], *call.clock, kOp);
    clocks = *call.clock;
  } else {
    const auto now = clocks_of(kOp, call.lr, call.steps, call.products, parts.parts());
    clocks = Array::empty({static_cast<std::int64_t>(now.size()), 3}, DType::float64);
    std::copy(now.begin(), now.end(), clocks.data<OptimClock>());
    clocks = to_device(clocks, device, false);
  }
  kernels::optim_step<Rule>(device, rule, call.common,
                            {clocks.data<const OptimClock>(), static_cast<std::size_t>(clocks.size()) / 3},
                            parts.parts());
  parts.finish();
}

template <class... Rules>
void step_by(const std::string& rule, const Call& call, Types<Rules...>) {
  const bool known = ((rule == Rules::kName ? (step<Rules>(call), true) : false) || ...);
  std::string names;
  if (!known) ((names += std::string(" ") + Rules::kName), ...);
  check_value(known, "optim_step: rule must be one of", names, "; got ", rule);
}

}  // namespace

void optim_step(const std::string& rule, const Arrays& params, const Arrays& grads, const std::vector<Arrays>& states,
                const std::vector<double>& options, double lr, double weight_decay, bool decoupled, bool maximize,
                const std::vector<double>& steps, const std::vector<double>& products,
                const std::optional<Array>& clock) {
  step_by(rule, Call{params, grads, states, options, lr, {weight_decay, decoupled, maximize}, steps, products, clock},
          optim::Rules{});
}

}  // namespace tc::ops
