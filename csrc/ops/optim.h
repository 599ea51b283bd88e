// Steps of optimisers, in place and for all parameters in one call: the update rules of PyTorch's SGD, Adam and AdamW.
// Sources: Sutskever et al. 2013 (momentum), Kingma & Ba 2015 (Adam), Reddi et al. 2018 (AMSGrad), Loshchilov & Hutter
// 2019 (decoupled weight decay).
#pragma once
#include <cmath>
#include <optional>
#include <span>
#include <vector>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

// One parameter with what belongs to it, all contiguous and of one dtype and size.
struct OptimPart {
  DType dtype;
  std::int64_t size;
  std::byte* param;
  const std::byte* grad;
  std::byte* states[3];  // what the rule keeps: (velocity) or (mean, mean of squares, its maximum); null where unused
  friend bool operator==(const OptimPart&, const OptimPart&) = default;
};

// What changes from step to step. On a device it can be read from memory there (`clock`: float64, learning rate and
// number of the step), so that a captured step goes on counting.
struct OptimClock {
  double lr, step;
};

struct SgdStep {
  double momentum, dampening, weight_decay;
  bool nesterov, maximize;  // the velocity starts as the gradient at step 1
};

struct AdamStep {
  double beta1, beta2, eps, weight_decay;
  bool decoupled, amsgrad, maximize;
  // What follows from the clock.
  struct Factors {
    double step_size;        // lr / (1 - beta1^step)
    double root_correction;  // √(1 - beta2^step)
    double shrink;           // what decoupled weight decay multiplies parameters by
  };
  TC_HD Factors factors(const OptimClock& clock) const {
    return {clock.lr / (1 - ::pow(beta1, clock.step)), ::sqrt(1 - ::pow(beta2, clock.step)),
            1 - clock.lr * weight_decay};
  }
};

namespace kernels {
// `clock` lies on the parameters' device.
constinit inline Kernel<void(const SgdStep&, const OptimClock* clock, std::span<const OptimPart>)> sgd_step{"sgd_step"};
constinit inline Kernel<void(const AdamStep&, const OptimClock* clock, std::span<const OptimPart>)> adam_step{
    "adam_step"};
}  // namespace kernels

namespace ops {
// g ← ±g + weight_decay·p; v ← momentum·v + (1 - dampening)·g, or g at the first step; p ← p - lr·(g + momentum·v with
// nesterov, v else). `velocities` is empty without momentum. `step` counts this step, from 1. With `clock`, a float64
// array of shape (2,) on the parameters' device, learning rate and step are read from there instead.
void sgd_step(const std::vector<Array>& params, const std::vector<Array>& grads, const std::vector<Array>& velocities,
              double lr, double momentum, double dampening, double weight_decay, bool nesterov, bool maximize,
              std::int64_t step, const std::optional<Array>& clock);
// `max_exp_avg_sqs` is empty but for amsgrad.
void adam_step(const std::vector<Array>& params, const std::vector<Array>& grads, const std::vector<Array>& exp_avgs,
               const std::vector<Array>& exp_avg_sqs, const std::vector<Array>& max_exp_avg_sqs, std::int64_t step,
               double lr, double beta1, double beta2, double eps, double weight_decay, bool decoupled, bool amsgrad,
               bool maximize, const std::optional<Array>& clock);
}  // namespace ops
}  // namespace tc
