// Steps of optimisers, in place and for all parameters in one call, by the rules of optim_rules.h.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/array.h"
#include "core/kernel_table.h"
#include "ops/optim_rules.h"

namespace tc {

inline constexpr int kMaxOptimStates = 3;

// One parameter with what belongs to it, all contiguous and of one dtype and size.
struct OptimPart {
  DType dtype;
  std::int32_t clock;  // which one of the call's clocks
  std::int64_t size;
  std::byte* param;
  const std::byte* grad;
  std::byte* states[kMaxOptimStates];  // in the rule's order; null where it keeps none
  friend bool operator==(const OptimPart&, const OptimPart&) = default;
};

namespace kernels {
// `clocks` lie on the parameters' device.
template <class Rule>
constinit inline Kernel<void(const Rule&, const OptimCommon&, std::span<const OptimClock> clocks,
                             std::span<const OptimPart>)>
    optim_step{Rule::kName};
}  // namespace kernels

namespace ops {
// One step of `rule` (its kName): params[i] ← updated with grads[i] and states[k][i], which change too. `states` has
// one list per state of the rule in its order, with a tensor per parameter, or none where the options do without that
// state. `options` are the rule's own, in the order of its members. Parameters are floating-point of any layout on one
// device; gradient and states have their parameter's shape, dtype and device; nothing written may share memory with
// anything.
//
// `steps[i]` counts this step of parameter i, from 1. `products[i]` is NAdam's product of momenta up to this step;
// empty for the other rules. With `clock`, a float64 array of shape (3,) on the parameters' device, `lr`, step and
// product of all of them are read from there instead, and `steps` and `products` are empty.
//
// ValueError, TypeError before anything is written.
void optim_step(const std::string& rule, const std::vector<Array>& params, const std::vector<Array>& grads,
                const std::vector<std::vector<Array>>& states, const std::vector<double>& options, double lr,
                double weight_decay, bool decoupled, bool maximize, const std::vector<double>& steps,
                const std::vector<double>& products, const std::optional<Array>& clock);
}  // namespace ops
}  // namespace tc
