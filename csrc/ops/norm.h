// Normalisation over rows (layer, group, instance, RMS) and over channels (batch), computed in float or double: x, y
// and their gradients have one floating dtype, weights and statistics the one that is computed in.
#pragma once
#include <optional>
#include <tuple>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

// x seen as (rows, channels, inner), row-major: each row is brought to mean 0 (unless `rms`) and variance 1, then
// scaled and shifted per channel. Row r uses the `channels` weights from (r % groups) * channels on.
struct RowNorm {
  std::int64_t rows, groups, channels, inner;
  double eps;
  bool rms;
};

// x seen as (batch, channels, inner); statistics per channel.
struct ChannelNorm {
  std::int64_t batch, channels, inner;
  double eps;
  bool training;  // statistics of this batch, rather than given ones
};

namespace kernels {
using OptionalArray = std::optional<Array>;
// y = (x - mean) * rstd * weight + bias. `mean` and `rstd` (one per row) are written; `mean` stays as it is with rms.
constinit inline Kernel<void(const RowNorm&, const Array& x, const OptionalArray& weight, const OptionalArray& bias,
                             Array& y, Array& mean, Array& rstd)>
    row_norm{"row_norm"};
// Gradients for the output's gradient g; dweight and dbias (groups * channels each) or none of the two.
constinit inline Kernel<void(const RowNorm&, const Array& g, const Array& x, const OptionalArray& weight,
                             const Array& mean, const Array& rstd, Array& dx, OptionalArray& dweight,
                             OptionalArray& dbias)>
    row_norm_backward{"row_norm_backward"};
// With `training`, mean and variance (over batch and inner, not corrected) are written, else read.
constinit inline Kernel<void(const ChannelNorm&, const Array& x, const OptionalArray& weight, const OptionalArray& bias,
                             Array& y, Array& mean, Array& variance)>
    channel_norm{"channel_norm"};
constinit inline Kernel<void(const ChannelNorm&, const Array& g, const Array& x, const OptionalArray& weight,
                             const Array& mean, const Array& variance, Array& dx, Array& dweight, Array& dbias)>
    channel_norm_backward{"channel_norm_backward"};
// running = (1 - momentum) running + momentum · factor · batch, in double; running (channels,) of any floating dtype.
constinit inline Kernel<void(const Array& batch, double momentum, double factor, Array& running)> update_running{
    "batch_norm"};
}  // namespace kernels

namespace ops {
// x of (rows * groups * channels * inner) elements in that order; returns y, mean, rstd. `op` names the function.
std::tuple<Array, Array, Array> row_norm(const std::string& op, const Array& x, const std::optional<Array>& weight,
                                         const std::optional<Array>& bias, std::int64_t groups, std::int64_t channels,
                                         std::int64_t inner, double eps, bool rms);
std::tuple<Array, Array, Array> row_norm_backward(const Array& g, const Array& x, const std::optional<Array>& weight,
                                                  const Array& mean, const Array& rstd, std::int64_t groups,
                                                  std::int64_t channels, std::int64_t inner, double eps, bool rms);
// x of shape (batch, channels, ...); returns y, mean, variance.
std::tuple<Array, Array, Array> batch_norm(const Array& x, const std::optional<Array>& running_mean,
                                           const std::optional<Array>& running_var, const std::optional<Array>& weight,
                                           const std::optional<Array>& bias, bool training, double momentum,
                                           double eps);
std::tuple<Array, Array, Array> batch_norm_backward(const Array& g, const Array& x, const std::optional<Array>& weight,
                                                    const Array& mean, const Array& variance, bool training,
                                                    double eps);
}  // namespace ops

}  // namespace tc
