// The update rules of optimisers, each once for the CPU and for CUDA. A rule is an aggregate of doubles, the options of
// its own, with
//   kName, kStates     what it is called, and what it keeps for each element beside the parameter
//   keeps(k)           is state k in use under these options?
//   Factors<N>         an aggregate of the numbers a step needs; factors(clock) computes them, once per step
//   update(f, p, g, s) the step of one element or of a vector of them: p and s[k] change, g is the gradient
// Sign and weight decay are the same for all rules and done before, by regularise(). To add a rule: write it here, name
// it in `Rules`, bind it.
#pragma once
#include <array>
#include <bit>
#include <cmath>
#include <type_traits>

#include "ops/functors_base.h"

namespace tc {

// What changes from step to step. On a device it can be read from memory there, so that a captured step goes on
// counting.
struct OptimClock {
  double lr, step;  // steps count from 1
  double product;   // of the momenta up to this step, where they change (NAdam)
};

// What all rules have in common.
struct OptimCommon {
  double weight_decay;
  bool decoupled;  // decay shrinks the parameter (Loshchilov & Hutter 2019); else it is part of the gradient
  bool maximize;
  template <class N>
  struct Factors {
    N sign, decay, shrink;
  };
  TC_HD Factors<double> factors(const OptimClock& clock) const {
    return {maximize ? -1.0 : 1.0, decoupled ? 0 : weight_decay, decoupled ? 1 - clock.lr * weight_decay : 1};
  }
};

// Rules are the bodies of loops: a call, or a vector passed through memory, would cost more than the arithmetic.
#define TC_RULE [[gnu::always_inline]] TC_HD inline

namespace optim {

using namespace functors;

template <Scalar T>
TC_HD T fma(T a, std::type_identity_t<T> b, std::type_identity_t<T> c) {
  return std::fma(a, b, c);
}

// An aggregate of doubles as the same aggregate of A.
template <class A, template <class> class Factors>
TC_HD Factors<A> factors_as(const Factors<double>& from) {
  constexpr std::size_t count = sizeof(from) / sizeof(double);
  const auto wide = std::bit_cast<std::array<double, count>>(from);
  std::array<A, count> to;
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<A>(wide[i]);
  return std::bit_cast<Factors<A>>(to);
}

template <class A, class V>
TC_RULE void regularise(const OptimCommon::Factors<A>& f, V& p, V& g) {
  g = g * f.sign;
  if (f.decay != 0) g = fma(p, f.decay, g);
  if (f.shrink != 1) p = p * f.shrink;
}

// x ← x + weight·(to - x)
template <class A, class V>
TC_RULE V lerp(V x, V to, A weight) {
  return fma(to - x, weight, x);
}
// The running mean of squares: x ← decay·x + (1 - decay)·g²
template <class A, class V>
TC_RULE V mean_square(V x, V g, A decay, A fresh) {
  return fma(x, decay, g * g * fresh);
}

// Sutskever et al. 2013: v ← momentum·v + (1 - dampening)·g, but g at the first step; p ← p - lr·v, or with nesterov
// p ← p - lr·(g + momentum·v).
struct Sgd {
  static constexpr const char* kName = "sgd_step";
  static constexpr std::array kStates{"momentum_buffer"};
  double momentum, dampening, nesterov;
  TC_HD bool keeps(int) const { return momentum != 0; }
  template <class N>
  struct Factors {
    N step, momentum, fresh, nesterov, first;
  };
  TC_HD Factors<double> factors(const OptimClock& clock) const {
    return {-clock.lr, momentum, 1 - dampening, nesterov, clock.step == 1 ? 1.0 : 0.0};
  }
  template <class A, class V>
  TC_RULE static void update(const Factors<A>& f, V& p, V g, V (&s)[1]) {
    if (f.momentum != 0) {
      s[0] = f.first != 0 ? g : fma(s[0], f.momentum, g * f.fresh);
      g = f.nesterov != 0 ? fma(s[0], f.momentum, g) : s[0];
    }
    p = fma(g, f.step, p);
  }
};

// Duchi, Hazan & Singer 2011: s ← s + g²; p ← p - lr/(1 + (step - 1)·lr_decay) · g/(√s + eps).
struct Adagrad {
  static constexpr const char* kName = "adagrad_step";
  static constexpr std::array kStates{"sum"};
  double lr_decay, eps;
  TC_HD bool keeps(int) const { return true; }
  template <class N>
  struct Factors {
    N step, eps;
  };
  TC_HD Factors<double> factors(const OptimClock& clock) const {
    return {-clock.lr / (1 + (clock.step - 1) * lr_decay), eps};
  }
  template <class A, class V>
  TC_RULE static void update(const Factors<A>& f, V& p, V g, V (&s)[1]) {
    s[0] = fma(g, g, s[0]);
    p = fma(g / (sqrt(s[0]) + f.eps), f.step, p);
  }
};

// Zeiler 2012: the mean of squared gradients sets the denominator, that of squared updates the numerator.
struct Adadelta {
  static constexpr const char* kName = "adadelta_step";
  static constexpr std::array kStates{"square_avg", "acc_delta"};
  double rho, eps;
  TC_HD bool keeps(int) const { return true; }
  template <class N>
  struct Factors {
    N step, rho, fresh, eps;
  };
  TC_HD Factors<double> factors(const OptimClock& clock) const { return {-clock.lr, rho, 1 - rho, eps}; }
  template <class A, class V>
  TC_RULE static void update(const Factors<A>& f, V& p, V g, V (&s)[2]) {
    s[0] = mean_square(s[0], g, f.rho, f.fresh);
    const V delta = sqrt(s[1] + f.eps) / sqrt(s[0] + f.eps) * g;
    s[1] = mean_square(s[1], delta, f.rho, f.fresh);
    p = fma(delta, f.step, p);
  }
};

// Tieleman & Hinton 2012; centred as by Graves 2013, the gradient's variance in place of its mean square.
struct RmsProp {
  static constexpr const char* kName = "rmsprop_step";
  static constexpr std::array kStates{"square_avg", "grad_avg", "momentum_buffer"};
  double alpha, eps, momentum, centered;
  TC_HD bool keeps(int k) const { return k == 0 || (k == 1 ? centered != 0 : momentum != 0); }
  template <class N>
  struct Factors {
    N step, alpha, fresh, eps, momentum, centered;
  };
  TC_HD Factors<double> factors(const OptimClock& clock) const {
    return {-clock.lr, alpha, 1 - alpha, eps, momentum, centered};
  }
  template <class A, class V>
  TC_RULE static void update(const Factors<A>& f, V& p, V g, V (&s)[3]) {
    s[0] = mean_square(s[0], g, f.alpha, f.fresh);
    V square = s[0];
    if (f.centered != 0) {
      s[1] = lerp(s[1], g, f.fresh);
      square = max(fma(-s[1], s[1], square), V(A(0)));  // rounding can leave a variance of zero below it
    }
    g = g / (sqrt(square) + f.eps);
    if (f.momentum != 0) g = s[2] = fma(s[2], f.momentum, g);
    p = fma(g, f.step, p);
  }
};

// Kingma & Ba 2015: m, v ← means of g and g²; p ← p - lr·m/(1 - beta1^step) / (√(v/(1 - beta2^step)) + eps). With
// amsgrad (Reddi et al. 2018) the largest v so far takes v's place.
struct Adam {
  static constexpr const char* kName = "adam_step";
  static constexpr std::array kStates{"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};
  double beta1, beta2, eps, amsgrad;
  TC_HD bool keeps(int k) const { return k < 2 || amsgrad != 0; }
  template <class N>
  struct Factors {
    N step, fresh1, beta2, fresh2, correction, eps, amsgrad;
  };
  TC_HD Factors<double> factors(const OptimClock& clock) const {
    return {-clock.lr / (1 - ::pow(beta1, clock.step)), 1 - beta1, beta2,  1 - beta2,
            1 / ::sqrt(1 - ::pow(beta2, clock.step)),   eps,       amsgrad};
  }
  template <class A, class V>
  TC_RULE static void update(const Factors<A>& f, V& p, V g, V (&s)[3]) {
    s[0] = lerp(s[0], g, f.fresh1);
    V square = s[1] = mean_square(s[1], g, f.beta2, f.fresh2);
    if (f.amsgrad != 0) square = s[2] = max(s[2], square);
    p = fma(s[0] / fma(sqrt(square), f.correction, f.eps), f.step, p);
  }
};

// Kingma & Ba 2015, section 7: the running maximum of |g| in place of the root of its mean square.
struct Adamax {
  static constexpr const char* kName = "adamax_step";
  static constexpr std::array kStates{"exp_avg", "exp_inf"};
  double beta1, beta2, eps;
  TC_HD bool keeps(int) const { return true; }
  template <class N>
  struct Factors {
    N step, fresh1, beta2, eps;
  };
  TC_HD Factors<double> factors(const OptimClock& clock) const {
    return {-clock.lr / (1 - ::pow(beta1, clock.step)), 1 - beta1, beta2, eps};
  }
  template <class A, class V>
  TC_RULE static void update(const Factors<A>& f, V& p, V g, V (&s)[2]) {
    s[0] = lerp(s[0], g, f.fresh1);
    s[1] = max(s[1] * f.beta2, abs(g) + f.eps);
    p = fma(s[0] / s[1], f.step, p);
  }
};

// Dozat 2016: Adam with Nesterov's momentum, which grows by the schedule mu_t = beta1·(1 - ½·0.96^(t·momentum_decay)).
struct NAdam {
  static constexpr const char* kName = "nadam_step";
  static constexpr std::array kStates{"exp_avg", "exp_avg_sq"};
  double beta1, beta2, eps, momentum_decay;
  TC_HD bool keeps(int) const { return true; }
  template <class N>
  struct Factors {
    N of_grad, of_mean, fresh1, beta2, fresh2, correction, eps;
  };
  TC_HD Factors<double> factors(const OptimClock& clock) const {
    const double mu = momentum_at(clock.step), next = momentum_at(clock.step + 1);
    return {-clock.lr * (1 - mu) / (1 - clock.product),
            -clock.lr * next / (1 - clock.product * next),
            1 - beta1,
            beta2,
            1 - beta2,
            1 / ::sqrt(1 - ::pow(beta2, clock.step)),
            eps};
  }
  TC_HD double momentum_at(double step) const { return beta1 * (1 - 0.5 * ::pow(0.96, step * momentum_decay)); }
  template <class A, class V>
  TC_RULE static void update(const Factors<A>& f, V& p, V g, V (&s)[2]) {
    s[0] = lerp(s[0], g, f.fresh1);
    s[1] = mean_square(s[1], g, f.beta2, f.fresh2);
    p = p + fma(s[0], f.of_mean, g * f.of_grad) / fma(sqrt(s[1]), f.correction, f.eps);
  }
};

// Liu et al. 2020: Adam whose adaptive part waits until its variance is known (rho > 5), and is then scaled by it.
struct RAdam {
  static constexpr const char* kName = "radam_step";
  static constexpr std::array kStates{"exp_avg", "exp_avg_sq"};
  double beta1, beta2, eps;
  TC_HD bool keeps(int) const { return true; }
  template <class N>
  struct Factors {
    N step, fresh1, beta2, fresh2, eps, adaptive;
  };
  TC_HD Factors<double> factors(const OptimClock& clock) const {
    const double decay = ::pow(beta2, clock.step), limit = 2 / (1 - beta2) - 1;
    const double rho = limit - 2 * clock.step * decay / (1 - decay);
    double step = -clock.lr / (1 - ::pow(beta1, clock.step));
    if (rho > 5) step *= ::sqrt((1 - decay) * ((rho - 4) * (rho - 2) * limit) / ((limit - 4) * (limit - 2) * rho));
    return {step, 1 - beta1, beta2, 1 - beta2, eps, rho > 5 ? 1.0 : 0.0};
  }
  template <class A, class V>
  TC_RULE static void update(const Factors<A>& f, V& p, V g, V (&s)[2]) {
    s[0] = lerp(s[0], g, f.fresh1);
    s[1] = mean_square(s[1], g, f.beta2, f.fresh2);
    p = fma(f.adaptive != 0 ? s[0] / (sqrt(s[1]) + f.eps) : s[0], f.step, p);
  }
};

// Chen et al. 2023: p ← p - lr·sign(beta1·m + (1 - beta1)·g), then m ← beta2·m + (1 - beta2)·g.
struct Lion {
  static constexpr const char* kName = "lion_step";
  static constexpr std::array kStates{"exp_avg"};
  double beta1, beta2;
  TC_HD bool keeps(int) const { return true; }
  template <class N>
  struct Factors {
    N step, fresh1, fresh2;
  };
  TC_HD Factors<double> factors(const OptimClock& clock) const { return {-clock.lr, 1 - beta1, 1 - beta2}; }
  template <class A, class V>
  TC_RULE static void update(const Factors<A>& f, V& p, V g, V (&s)[1]) {
    const V c = lerp(s[0], g, f.fresh1);
    const V sign = select(c > A(0), V(A(1)), select(c < A(0), V(A(-1)), c));  // 0 and NaN stay
    p = fma(sign, f.step, p);
    s[0] = lerp(s[0], g, f.fresh2);
  }
};

using Rules = Types<Sgd, Adagrad, Adadelta, RmsProp, Adam, Adamax, NAdam, RAdam, Lion>;

}  // namespace optim
}  // namespace tc
