// Convolution over up to three spatial axes: three bilinear maps (forward, data gradient, weight gradient) that
// differentiate into one another. The transposed convolution is the data gradient.
#pragma once
#include <optional>
#include <string>

#include "core/array.h"
#include "core/kernel_table.h"

namespace tc {

// x: (batch, groups * in_channels, input...), w: (groups * out_channels, in_channels, kernel...),
// y: (batch, groups * out_channels, output...), with y at o summing x at o * stride + k * dilation - padding over k.
struct ConvPlan {
  std::int64_t batch, groups, in_channels, out_channels;  // channels of one group
  std::int64_t input[3], kernel[3], output[3];            // depth, height, width
  std::int64_t stride[3], dilation[3], padding[3];        // padding: before the first element
  std::int64_t input_size() const { return input[0] * input[1] * input[2]; }
  std::int64_t kernel_size() const { return kernel[0] * kernel[1] * kernel[2]; }
  std::int64_t output_size() const { return output[0] * output[1] * output[2]; }
};

namespace kernels {
using OptionalArray = std::optional<Array>;
constinit inline Kernel<void(const ConvPlan&, const Array& x, const Array& w, const OptionalArray& bias, Array& y)>
    conv_forward{"conv"};
constinit inline Kernel<void(const ConvPlan&, const Array& g, const Array& w, const OptionalArray& bias, Array& dx)>
    conv_data_gradient{"conv_data_gradient"};
constinit inline Kernel<void(const ConvPlan&, const Array& g, const Array& x, Array& dw)> conv_weight_gradient{
    "conv_weight_gradient"};
constinit inline Kernel<void(const Array& g, Array& sums)> channel_sums{"channel_sums"};  // of (batch, channels, size)
}  // namespace kernels

namespace ops {
// Settings have one value per spatial axis. `padding_end` follows the last element.
Array conv(const std::string& op, const Array& x, const Array& w, const std::optional<Array>& bias, const Dims& stride,
           const Dims& padding, const Dims& padding_end, const Dims& dilation, std::int64_t groups);
// The gradient for x, whose spatial extents are `input`; with a bias, the transposed convolution.
Array conv_data_gradient(const std::string& op, const Array& g, const Array& w, const std::optional<Array>& bias,
                         const Dims& input, const Dims& stride, const Dims& padding, const Dims& dilation,
                         std::int64_t groups);
Array conv_weight_gradient(const Array& g, const Array& x, const Dims& kernel, const Dims& stride, const Dims& padding,
                           const Dims& dilation, std::int64_t groups);
Array channel_sums(const Array& g);  // over all axes but the second
}  // namespace ops

}  // namespace tc
