// Steps of optimisers, in place and for all parameters in one call: the update rules of PyTorch's SGD, Adam and AdamW.
// Sources: Sutskever et al. 2013 (momentum), Kingma & Ba 2015 (Adam), Reddi et al. 2018 (AMSGrad), Loshchilov & Hutter
// 2019 (decoupled weight decay).
#pragma once
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
};

struct SgdStep {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, maximize, first;  // first: the velocity starts as the gradient
};

struct AdamStep {
  double step_size, beta1, beta2, eps, weight_decay;
  double root_correction;  // √(1 - beta2^step)
  double shrink;           // what decoupled weight decay multiplies parameters by
  bool decoupled, amsgrad, maximize;
};

namespace kernels {
constinit inline Kernel<void(const SgdStep&, std::span<const OptimPart>)> sgd_step{"sgd_step"};
constinit inline Kernel<void(const AdamStep&, std::span<const OptimPart>)> adam_step{"adam_step"};
}  // namespace kernels

namespace ops {
// g ← ±g + weight_decay·p; v ← momentum·v + (1 - dampening)·g, or g at the first step; p ← p - lr·(g + momentum·v with
// nesterov, v else). `velocities` is empty without momentum.
void sgd_step(const std::vector<Array>& params, const std::vector<Array>& grads, const std::vector<Array>& velocities,
              double lr, double momentum, double dampening, double weight_decay, bool nesterov, bool maximize,
              bool first_step);
// `step` counts this step, from 1. `max_exp_avg_sqs` is empty but for amsgrad.
void adam_step(const std::vector<Array>& params, const std::vector<Array>& grads, const std::vector<Array>& exp_avgs,
               const std::vector<Array>& exp_avg_sqs, const std::vector<Array>& max_exp_avg_sqs, std::int64_t step,
               double lr, double beta1, double beta2, double eps, double weight_decay, bool decoupled, bool amsgrad,
               bool maximize);
}  // namespace ops
}  // namespace tc
