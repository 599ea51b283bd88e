// Convolution as matrix products whose second operand is packed straight from a padded copy of the image (implicit
// GEMM; Chetlur et al., "cuDNN: Efficient Primitives for Deep Learning", 2014). The data gradient of a strided
// convolution is one such product per residue of the position by the stride.
#include "ops/conv.h"

#include <cstring>

#include "cpu/conv_image.h"
#include "cpu/conv_kernels.h"
#include "cpu/gemm.h"
#include "cpu/parallel.h"

namespace tc::cpu {
namespace {

using kernels::OptionalArray;

constexpr double kTaskOperations = 2e5;  // least multiplications and additions of a task

// What one product computes: `rows` results per group over the window's grid, `weights` a (groups, rows, taps) matrix.
// Results go to grid position times `step` plus `first` of an output of the given extents.
template <class T>
struct Pass {
  Window window;
  const T* weights;
  std::int64_t first[3], step[3], extents[3];
  bool dense() const {  // the grid is the whole output
    for (int a = 0; a < 3; ++a)
      if (step[a] != 1 || first[a] != 0 || window.grid[a] != extents[a]) return false;
    return true;
  }
};

template <class T>
struct Job {
  std::int64_t batch, groups, channels, rows;  // channels: of the source per group
  ImageLayout layout;
  bool plain;  // the source itself serves as the copy
  const T* source;
  std::int64_t source_size;  // elements per channel
  const T* bias;             // groups * rows, or null
  T* out;
  std::int64_t out_size;  // elements per channel
};

// A pass's results from a temporary to their strided places.
template <class T>
void spread(const Pass<T>& pass, std::int64_t rows, const T* from, T* out, std::int64_t out_size) {
  const auto& grid = pass.window.grid;
  for (std::int64_t m = 0; m < rows; ++m)
    for (std::int64_t i = 0; i < grid[0]; ++i)
      for (std::int64_t j = 0; j < grid[1]; ++j) {
        T* to = out + m * out_size +
                ((i * pass.step[0] + pass.first[0]) * pass.extents[1] + j * pass.step[1] + pass.first[1]) *
                    pass.extents[2] +
                pass.first[2];
        if (pass.step[2] == 1)
          std::copy(from, from + grid[2], to);
        else
          for (std::int64_t k = 0; k < grid[2]; ++k) to[k * pass.step[2]] = from[k];
        from += grid[2];
      }
}

// One pass over one image and group. `inside`: split the work over threads here.
template <class T>
void run_pass(const Job<T>& job, const Pass<T>& pass, const std::vector<Run>& runs, const PackedMatrix<T>* packed,
              std::int64_t n, std::int64_t group, const T* image, bool inside) {
  const std::int64_t columns = pass.window.columns(), taps = pass.window.taps();
  if (columns == 0) return;
  T* place = job.out + (n * job.groups + group) * job.rows * job.out_size;
  const bool dense = pass.dense();
  Scratch<T> temporary(dense ? 0 : job.rows * columns);
  T* out = dense ? place : temporary.data();
  const T* weights = pass.weights + group * job.rows * taps;
  const T* bias = job.bias ? job.bias + group * job.rows : nullptr;
  if (job.rows <= kFew) {
    with_rows(job.rows, [&]<int M>() {
      const auto count = static_cast<std::int64_t>(runs.size());
      const auto piece = [&](std::int64_t begin, std::int64_t end) {
        few_rows<T, M>(pass.window, runs.data() + begin, end - begin, image, weights, bias, out, columns);
      };
      if (inside)
        parallel_for(count, 256, piece);
      else
        piece(0, count);
    });
  } else {
    Epilogue<T> epilogue;
    epilogue.row_bias = bias;
    const ColumnsOperand<T> gathered{&pass.window, image};
    const Operand<T> b = job.plain ? Operand<T>(Matrix<T>{image, job.source_size, 1}) : Operand<T>(gathered);
    const Operand<T> a = packed ? Operand<T>(*packed) : Operand<T>(Matrix<T>{weights, taps, 1});
    (inside ? gemm<T> : gemm_serial<T>)(job.rows, columns, taps, a, b, out, columns, 1, epilogue);
  }
  if (!dense) spread(pass, job.rows, out, place, job.out_size);
}

template <class T>
void run_job(const Job<T>& job, const std::vector<Pass<T>>& passes) {
  const std::int64_t tasks = job.batch * job.groups;
  double operations = 0;
  std::vector<std::vector<Run>> runs;
  std::vector<PackedMatrix<T>> packed;
  for (const Pass<T>& pass : passes) {
    operations += 2.0 * static_cast<double>(job.rows) * static_cast<double>(pass.window.taps()) *
                  static_cast<double>(pass.window.columns());
    if (job.rows <= kFew)
      runs.push_back(vector_runs(pass.window, simd::kLanes<T>));
    else
      runs.emplace_back();
    if (job.rows > kFew && job.batch > 1 && job.groups <= 64)
      for (std::int64_t group = 0; group < job.groups; ++group) {
        const std::int64_t taps = pass.window.taps();
        packed.push_back(pack_a<T>(job.rows, taps, Matrix<T>{pass.weights + group * job.rows * taps, taps, 1}));
      }
  }
  const std::int64_t channel = job.plain ? 0 : job.layout.channel();
  const auto run_task = [&](std::int64_t task, T* copy, bool inside) {
    const std::int64_t n = task / job.groups, group = task % job.groups;
    const T* source = job.source + task * job.channels * job.source_size;
    if (!job.plain) {
      const auto fill = [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t c = begin; c < end; ++c)
          copy_channel(job.layout, source + c * job.source_size, copy + c * channel);
      };
      if (inside)
        parallel_for(job.channels, std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(channel, 1)), fill);
      else
        fill(0, job.channels);
      source = copy;
    }
    for (std::size_t p = 0; p < passes.size(); ++p)
      run_pass(job, passes[p], runs[p],
               packed.empty() ? nullptr
                              : &packed[p * static_cast<std::size_t>(job.groups) + static_cast<std::size_t>(group)],
               n, group, source, inside);
  };
  std::int64_t copied;
  check(!__builtin_mul_overflow(job.channels, channel, &copied) && copied < (std::int64_t(1) << 48), ErrorKind::memory,
        "conv: the padded input is too large");
  if (tasks < 4) {
    Scratch<T> copy(copied + kSlack<T>);
    for (std::int64_t t = 0; t < tasks; ++t) run_task(t, copy.data(), true);
    return;
  }
  const auto grain =
      static_cast<std::int64_t>(kTaskOperations / std::max(operations + static_cast<double>(copied), 1.0));
  parallel_for(tasks, std::clamp<std::int64_t>(grain, 1, (tasks + 3) / 4), [&](std::int64_t begin, std::int64_t end) {
    Scratch<T> copy(copied + kSlack<T>);
    for (std::int64_t t = begin; t < end; ++t) run_task(t, copy.data(), false);
  });
}

// The layout in which every tap of the plan's windows over x is a contiguous run.
ImageLayout forward_layout(const ConvPlan& plan) {
  ImageLayout layout;
  for (int a = 0; a < 3; ++a) {
    ImageAxis& axis = layout.axes[a];
    axis.extent = plan.input[a], axis.stride = plan.stride[a], axis.origin = plan.padding[a];
    axis.length = plan.output[a] - 1 + (plan.kernel[a] - 1) * plan.dilation[a] / plan.stride[a] + 1;
    for (std::int64_t k = 0; k < plan.kernel[a]; ++k) {
      const std::int64_t residue = k * plan.dilation[a] % plan.stride[a];
      if (std::find(axis.residues.begin(), axis.residues.end(), residue) == axis.residues.end())
        axis.residues.push_back(residue);
    }
  }
  return layout;
}

Window forward_window(const ConvPlan& plan, const ImageLayout& layout) {
  Window window{{}, {plan.output[0], plan.output[1], plan.output[2]}, layout.pitch0(), layout.pitch1()};
  const std::int64_t channel = layout.channel();
  const auto at = [&](int a, std::int64_t k) {
    const ImageAxis& axis = layout.axes[a];
    const std::int64_t where = k * plan.dilation[a];
    const auto slot =
        std::find(axis.residues.begin(), axis.residues.end(), where % axis.stride) - axis.residues.begin();
    return static_cast<std::int64_t>(slot) * axis.length + where / axis.stride;
  };
  window.offsets.reserve(static_cast<std::size_t>(plan.in_channels * plan.kernel_size()));
  for (std::int64_t c = 0; c < plan.in_channels; ++c)
    for (std::int64_t i = 0; i < plan.kernel[0]; ++i)
      for (std::int64_t j = 0; j < plan.kernel[1]; ++j)
        for (std::int64_t k = 0; k < plan.kernel[2]; ++k)
          window.offsets.push_back(c * channel + at(0, i) * window.pitch0 + at(1, j) * window.pitch1 + at(2, k));
  return window;
}

// 1 x 1 windows that touch each element once: the image is the matrix.
bool is_plain(const ConvPlan& plan) {
  for (int a = 0; a < 3; ++a)
    if (plan.kernel[a] != 1 || plan.stride[a] != 1 || plan.padding[a] != 0 || plan.input[a] != plan.output[a])
      return false;
  return true;
}

template <class T>
const T* data_of(const OptionalArray& a) {
  return a ? a->template data<T>() : nullptr;
}

void conv_forward(const ConvPlan& plan, const Array& x, const Array& w, const OptionalArray& bias, Array& y) {
  dispatch(WideFloats{}, x.dtype(), [&]<class T>() {
    const ImageLayout layout = forward_layout(plan);
    const bool plain = is_plain(plan) && plan.out_channels > kFew;
    std::vector<Pass<T>> passes(1);
    Pass<T>& pass = passes[0];
    pass.window = forward_window(plan, layout);
    pass.weights = w.data<T>();
    for (int a = 0; a < 3; ++a) pass.first[a] = 0, pass.step[a] = 1, pass.extents[a] = plan.output[a];
    run_job(Job<T>{plan.batch, plan.groups, plan.in_channels, plan.out_channels, layout, plain, x.data<T>(),
                   plan.input_size(), data_of<T>(bias), y.data<T>(), plan.output_size()},
            passes);
  });
}

// Along one axis, the positions i of x with (i + padding) % stride == residue are first, first + stride, ...; tap k
// reaches them from y's position q - k * dilation / stride, where i + padding = q * stride + residue.
struct Residue {
  std::int64_t first, count, q;
  std::vector<std::int64_t> taps;
};

std::vector<Residue> residues_of(const ConvPlan& plan, int a) {
  std::vector<Residue> all;
  const std::int64_t stride = plan.stride[a], padding = plan.padding[a];
  for (std::int64_t r = 0; r < std::min(stride, plan.input[a]); ++r) {
    Residue phase;
    phase.first = r, phase.count = (plan.input[a] - 1 - r) / stride + 1, phase.q = (r + padding) / stride;
    for (std::int64_t k = 0; k < plan.kernel[a]; ++k)
      if (k * plan.dilation[a] % stride == (r + padding) % stride) phase.taps.push_back(k);
    all.push_back(std::move(phase));
  }
  return all;
}

void conv_data_gradient(const ConvPlan& plan, const Array& g, const Array& w, const OptionalArray& bias, Array& dx) {
  dispatch(WideFloats{}, g.dtype(), [&]<class T>() {
    ImageLayout layout;
    std::vector<Residue> residues[3];
    std::int64_t low[3];  // y's position 0 in the copy
    for (int a = 0; a < 3; ++a) {
      residues[a] = residues_of(plan, a);
      const std::int64_t reach = (plan.kernel[a] - 1) * plan.dilation[a] / plan.stride[a];
      low[a] = reach - plan.padding[a] / plan.stride[a];
      const std::int64_t last = (plan.input[a] - 1 + plan.padding[a]) / plan.stride[a];
      layout.axes[a] = {plan.output[a], 1, low[a], last + low[a] + 1, {0}};
    }
    const std::int64_t channel = layout.channel(), space = plan.kernel_size();
    // Weights of all passes: (groups, in_channels, out_channels, the pass's taps).
    Scratch<T> weights(plan.groups * plan.out_channels * plan.in_channels * space);
    T* next = weights.data();
    std::vector<Pass<T>> passes;
    for (const Residue& r0 : residues[0])
      for (const Residue& r1 : residues[1])
        for (const Residue& r2 : residues[2]) {
          Pass<T> pass;
          pass.window = {{}, {r0.count, r1.count, r2.count}, layout.pitch0(), layout.pitch1()};
          const Residue* phase[3] = {&r0, &r1, &r2};
          for (int a = 0; a < 3; ++a)
            pass.first[a] = phase[a]->first, pass.step[a] = plan.stride[a], pass.extents[a] = plan.input[a];
          std::vector<std::int64_t> taps;
          const auto at = [&](int a, std::int64_t k) {
            return phase[a]->q + low[a] - k * plan.dilation[a] / plan.stride[a];
          };
          for (const std::int64_t i : r0.taps)
            for (const std::int64_t j : r1.taps)
              for (const std::int64_t k : r2.taps) taps.push_back((i * plan.kernel[1] + j) * plan.kernel[2] + k);
          for (std::int64_t c = 0; c < plan.out_channels; ++c)
            for (const std::int64_t i : r0.taps)
              for (const std::int64_t j : r1.taps)
                for (const std::int64_t k : r2.taps)
                  pass.window.offsets.push_back(c * channel + at(0, i) * layout.pitch0() + at(1, j) * layout.pitch1() +
                                                at(2, k));
          pass.weights = next;
          for (std::int64_t group = 0; group < plan.groups; ++group)
            for (std::int64_t m = 0; m < plan.in_channels; ++m)
              for (std::int64_t c = 0; c < plan.out_channels; ++c) {
                const T* from = w.data<T>() + ((group * plan.out_channels + c) * plan.in_channels + m) * space;
                for (const std::int64_t tap : taps) *next++ = from[tap];
              }
          passes.push_back(std::move(pass));
        }
    const bool plain = is_plain(plan) && plan.in_channels > kFew;
    run_job(Job<T>{plan.batch, plan.groups, plan.out_channels, plan.in_channels, layout, plain, g.data<T>(),
                   plan.output_size(), data_of<T>(bias), dx.data<T>(), plan.input_size()},
            passes);
  });
}

const Provide forward{kernels::conv_forward, DeviceType::cpu, &conv_forward};
const Provide data_gradient{kernels::conv_data_gradient, DeviceType::cpu, &conv_data_gradient};

// ---- weight gradient ----

constexpr std::int64_t kMostChunks = 8;           // of images, each summed on its own
constexpr std::int64_t kSmallGradient = 1 << 16;  // elements; larger ones are split over threads inside each product

// Adds one image's part to `sums`: (taps, rows) by a product, or (rows, taps) by the direct kernel.
template <class T>
void add_image(const ConvPlan& plan, const Window& window, const std::vector<Run>& runs, const T* image, const T* g,
               T* sums, bool plain, bool inside) {
  const std::int64_t columns = plan.output_size(), rows = plan.out_channels;
  if (rows <= kFew) {
    with_rows(rows, [&]<int M>() {
      few_weight_rows<T, M>(window, runs.data(), static_cast<std::int64_t>(runs.size()), image, g, columns, sums);
    });
    return;
  }
  Epilogue<T> epilogue;
  epilogue.beta = T(1);
  const TapsOperand<T> gathered{&window, image};
  const Operand<T> a = plain ? Operand<T>(Matrix<T>{image, columns, 1}) : Operand<T>(gathered);
  (inside ? gemm<T> : gemm_serial<T>)(window.taps(), rows, columns, a, Matrix<T>{g, 1, columns}, sums, rows, 1,
                                      epilogue);
}

void conv_weight_gradient(const ConvPlan& plan, const Array& g, const Array& x, Array& dw) {
  dispatch(WideFloats{}, x.dtype(), [&]<class T>() {
    const ImageLayout layout = forward_layout(plan);
    const Window window = forward_window(plan, layout);
    const bool plain = is_plain(plan) && plan.out_channels > kFew;
    const bool few = plan.out_channels <= kFew;
    const std::vector<Run> runs = few ? vector_runs(window, simd::kLanes<T>) : std::vector<Run>{};
    const std::int64_t channel = plain ? 0 : layout.channel(), rows = plan.out_channels, taps = window.taps();
    const std::int64_t size = rows * taps;  // of one group's gradient
    std::int64_t copied;
    check(!__builtin_mul_overflow(plan.in_channels, channel, &copied) && copied < (std::int64_t(1) << 48),
          ErrorKind::memory, "conv: the padded input is too large");
    const bool inside = !few && (size > kSmallGradient || plan.batch * plan.groups < 4);
    const std::int64_t chunk = inside || plan.groups >= 16 ? plan.batch : (plan.batch + kMostChunks - 1) / kMostChunks;
    const std::int64_t chunks = (plan.batch + chunk - 1) / chunk;
    Scratch<T> partial(chunks * plan.groups * size);
    const auto run_task = [&](std::int64_t task, T* copy) {
      const std::int64_t part = task / plan.groups, group = task % plan.groups;
      T* sums = partial.data() + task * size;
      std::fill_n(sums, size, T(0));
      for (std::int64_t n = part * chunk; n < std::min(plan.batch, (part + 1) * chunk); ++n) {
        const std::int64_t at = n * plan.groups + group;
        const T* source = x.data<T>() + at * plan.in_channels * plan.input_size();
        if (!plain) {
          const auto fill = [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t c = begin; c < end; ++c)
              copy_channel(layout, source + c * plan.input_size(), copy + c * channel);
          };
          if (inside)
            parallel_for(plan.in_channels, std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(channel, 1)), fill);
          else
            fill(0, plan.in_channels);
        }
        add_image(plan, window, runs, plain ? source : copy, g.data<T>() + at * rows * plan.output_size(), sums, plain,
                  inside);
      }
    };
    if (inside) {
      Scratch<T> copy(copied + kSlack<T>);
      for (std::int64_t t = 0; t < chunks * plan.groups; ++t) run_task(t, copy.data());
    } else {
      const double work =
          2.0 * static_cast<double>(size) * static_cast<double>(plan.output_size()) * static_cast<double>(chunk);
      parallel_for(chunks * plan.groups,
                   std::clamp<std::int64_t>(static_cast<std::int64_t>(kTaskOperations / std::max(work, 1.0)), 1, 64),
                   [&](std::int64_t begin, std::int64_t end) {
                     Scratch<T> copy(copied + kSlack<T>);
                     for (std::int64_t t = begin; t < end; ++t) run_task(t, copy.data());
                   });
    }
    // dw is (groups, rows, taps); the products left (taps, rows).
    T* out = dw.data<T>();
    parallel_for(plan.groups * rows, std::max<std::int64_t>(1, 16384 / (taps * chunks)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t r = begin; r < end; ++r) {
                     const std::int64_t group = r / rows, m = r % rows;
                     for (std::int64_t k = 0; k < taps; ++k) {
                       const T* from = partial.data() + group * size + (few ? m * taps + k : k * rows + m);
                       T sum = 0;
                       for (std::int64_t part = 0; part < chunks; ++part) sum += from[part * plan.groups * size];
                       out[r * taps + k] = sum;
                     }
                   }
                 });
  });
}

// Sum of a run in four interleaved chains of vectors.
template <class T>
double sum_run(const T* x, std::int64_t n) {
  using V = simd::Vec<T>;
  constexpr std::int64_t kCount = simd::kLanes<T>, kBlock = 4096;
  double total = 0;
  for (std::int64_t block = 0; block < n; block += kBlock) {
    const std::int64_t end = std::min(n, block + kBlock);
    V sums[4] = {V(T(0)), V(T(0)), V(T(0)), V(T(0))};
    std::int64_t i = block;
    for (; i + 4 * kCount <= end; i += 4 * kCount)
      for (int u = 0; u < 4; ++u) sums[u] += simd::load(x + i + u * kCount);
    for (; i + kCount <= end; i += kCount) sums[0] += simd::load(x + i);
    if (i < end) sums[0] += simd::load_partial(x + i, end - i);
    total += static_cast<double>(simd::reduce_add((sums[0] + sums[1]) + (sums[2] + sums[3])));
  }
  return total;
}

void channel_sums(const Array& g, Array& sums) {
  dispatch(WideFloats{}, g.dtype(), [&]<class T>() {
    const std::int64_t batch = g.shape(0), channels = g.shape(1), size = g.size() / (batch * channels);
    parallel_for(channels, std::max<std::int64_t>(1, 16384 / (batch * size)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t c = begin; c < end; ++c) {
                     double total = 0;
                     for (std::int64_t n = 0; n < batch; ++n)
                       total += sum_run(g.data<T>() + (n * channels + c) * size, size);
                     sums.data<T>()[c] = static_cast<T>(total);
                   }
                 });
  });
}

const Provide weight_gradient{kernels::conv_weight_gradient, DeviceType::cpu, &conv_weight_gradient};
const Provide bias_gradient{kernels::channel_sums, DeviceType::cpu, &channel_sums};

}  // namespace
}  // namespace tc::cpu
