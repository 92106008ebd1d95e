#pragma once

#include <cstdint>

#include "inference/kernels/cpu/kernel_table.h"

// Row operations for one instruction set V. Sums run in sixteen lanes, then down V::Sum's tree.

namespace hadal::inference {

/// e^x in float32, 2 units in the last place: 2^n * p(r) with x = n ln 2 + r. Below -87.3 it is
/// 2^-126 or less, which every use here may round to zero; above 88 it saturates.
template <typename V>
inline __attribute__((always_inline)) typename V::F Exp(typename V::F x) {
  using F = typename V::F;
  x = V::Min(V::Max(x, V::Set(-87.3f)), V::Set(88.0f));
  const auto n = V::Round(V::Mul(x, V::Set(1.44269504f)));
  const F nf = V::ToFloat(n);
  F r = V::Fma(nf, V::Set(-0.693359375f), x);
  r = V::Fma(nf, V::Set(2.12194440e-4f), r);
  F p = V::Set(1.9875691500e-4f);
  p = V::Fma(p, r, V::Set(1.3981999507e-3f));
  p = V::Fma(p, r, V::Set(8.3334519073e-3f));
  p = V::Fma(p, r, V::Set(4.1665795894e-2f));
  p = V::Fma(p, r, V::Set(1.6666665459e-1f));
  p = V::Fma(p, r, V::Set(5.0000001201e-1f));
  p = V::Fma(p, V::Mul(r, r), V::Add(r, V::Set(1.0f)));
  return V::Mul(p, V::Pow2(n));
}

template <typename V>
struct ElementwiseKernels {
  using F = typename V::F;

  /// op over full vectors, then over the rest.
  template <typename Op>
  static void ForEach(int64_t count, Op op) {
    int64_t i = 0;
    for (; i + 16 <= count; i += 16) op(i, 16);
    if (i < count) op(i, static_cast<int>(count - i));
  }
  static F Load(const float* p, int n) { return n == 16 ? V::Load(p) : V::LoadPartial(p, n); }
  /// The lanes that are not there are -inf.
  static F LoadOrLowest(const float* p, int n) {
    if (n == 16) return V::Load(p);
    float lanes[16];
    for (int i = 0; i < 16; ++i) lanes[i] = i < n ? p[i] : -__builtin_inff();
    return V::Load(lanes);
  }
  static void Store(float* p, F a, int n) {
    if (n == 16) {
      V::Store(p, a);
    } else {
      V::StorePartial(p, a, n);
    }
  }

  static void RmsNorm(const float* x, const float* weight, float eps, int64_t cols, float* y) {
    F sum = V::Zero();
    ForEach(cols, [&](int64_t i, int n) {
      const F v = Load(x + i, n);
      sum = V::Fma(v, v, sum);
    });
    const float mean = V::Sum(sum) / static_cast<float>(cols);
    const F scale = V::Set(1.0f / __builtin_sqrtf(mean + eps));
    ForEach(cols, [&](int64_t i, int n) {
      Store(y + i, V::Mul(V::Mul(Load(x + i, n), scale), Load(weight + i, n)), n);
    });
  }

  static void LayerNorm(const float* x, const float* weight, const float* bias, float eps,
                        int64_t cols, float* y) {
    F sum = V::Zero();
    ForEach(cols, [&](int64_t i, int n) { sum = V::Add(sum, Load(x + i, n)); });
    const float mean = V::Sum(sum) / static_cast<float>(cols);
    float squares = 0;
    F square_sum = V::Zero();
    ForEach(cols, [&](int64_t i, int n) {
      if (n == 16) {
        const F d = V::Sub(V::Load(x + i), V::Set(mean));
        square_sum = V::Fma(d, d, square_sum);
        return;
      }
      for (int j = 0; j < n; ++j) squares += (x[i + j] - mean) * (x[i + j] - mean);
    });
    const float variance = (V::Sum(square_sum) + squares) / static_cast<float>(cols);
    const F scale = V::Set(1.0f / __builtin_sqrtf(variance + eps));
    ForEach(cols, [&](int64_t i, int n) {
      const F normal = V::Mul(V::Sub(Load(x + i, n), V::Set(mean)), scale);
      Store(y + i, V::Fma(normal, Load(weight + i, n), Load(bias + i, n)), n);
    });
  }

  static void SiluMul(const float* gate, const float* up, int64_t count, float* y) {
    ForEach(count, [&](int64_t i, int n) {
      const F g = Load(gate + i, n);
      const F denominator = V::Add(V::Set(1.0f), Exp<V>(V::Sub(V::Zero(), g)));
      Store(y + i, V::Mul(V::Div(g, denominator), Load(up + i, n)), n);
    });
  }

  /// erf by Abramowitz & Stegun 7.1.26: at most 1.5e-7 off.
  static void Gelu(const float* x, int64_t count, float* y) {
    ForEach(count, [&](int64_t i, int n) {
      const F v = Load(x + i, n);
      const F z = V::Mul(V::Abs(v), V::Set(0.70710678f));
      const F one = V::Set(1.0f);
      const F t = V::Div(one, V::Fma(z, V::Set(0.3275911f), one));
      F p = V::Set(1.061405429f);
      p = V::Fma(p, t, V::Set(-1.453152027f));
      p = V::Fma(p, t, V::Set(1.421413741f));
      p = V::Fma(p, t, V::Set(-0.284496736f));
      p = V::Fma(p, t, V::Set(0.254829592f));
      const F tail = V::Mul(V::Mul(p, t), Exp<V>(V::Sub(V::Zero(), V::Mul(z, z))));
      // Phi = 1 - tail / 2 for x >= 0, tail / 2 below.
      const F half_tail = V::Mul(tail, V::Set(0.5f));
      const F phi = V::SelectNegative(v, half_tail, V::Sub(one, half_tail));
      Store(y + i, V::Mul(v, phi), n);
    });
  }

  static void Softmax(const float* x, int64_t count, float* y) {
    float max = x[0];
    int64_t i = 0;
    if (count >= 16) {
      F best = V::Load(x);
      for (i = 16; i + 16 <= count; i += 16) best = V::Max(best, V::Load(x + i));
      max = V::MaxOf(best);
    }
    for (; i < count; ++i) max = x[i] > max ? x[i] : max;
    F sum = V::Zero();
    ForEach(count, [&](int64_t at, int n) {
      // exp(-87.3) stands for everything below it, -inf too: too small to be seen beside 1.
      F e = Exp<V>(V::Sub(Load(x + at, n), V::Set(max)));
      e = V::SelectNegative(V::Sub(Load(x + at, n), V::Set(max - 87.0f)), V::Zero(), e);
      Store(y + at, e, n);
      sum = V::Add(sum, n == 16 ? e : V::LoadPartial(y + at, n));
    });
    const F inverse = V::Set(1.0f / V::Sum(sum));
    ForEach(count, [&](int64_t at, int n) {
      Store(y + at, V::Mul(Load(y + at, n), inverse), n);
    });
  }

  static void Add(const float* x, int64_t count, float* y) {
    ForEach(count, [&](int64_t i, int n) {
      Store(y + i, V::Add(Load(y + i, n), Load(x + i, n)), n);
    });
  }

  static void RopeHalves(const float* cos, const float* sin, int64_t pairs, float* x) {
    ForEach(pairs, [&](int64_t i, int n) {
      const F a = Load(x + i, n);
      const F b = Load(x + pairs + i, n);
      const F c = Load(cos + i, n);
      const F s = Load(sin + i, n);
      Store(x + i, V::Sub(V::Mul(a, c), V::Mul(b, s)), n);
      Store(x + pairs + i, V::Add(V::Mul(b, c), V::Mul(a, s)), n);
    });
  }

  static void RopeInterleaved(const float* cos, const float* sin, int64_t pairs, float* x) {
    for (int64_t i = 0; i < pairs; ++i) {
      const float a = x[2 * i];
      const float b = x[2 * i + 1];
      x[2 * i] = a * cos[i] - b * sin[i];
      x[2 * i + 1] = b * cos[i] + a * sin[i];
    }
  }

  /// Every x is -inf or finite: times zero, NaN and +inf stay NaN. V::Max gives b where one is NaN.
  static bool BlockMaxima(const float* x, int64_t count, int64_t block, float* maxima) {
    const F lowest = V::Set(-__builtin_inff());
    const F least_finite = V::Set(-__FLT_MAX__);
    F zeros = V::Zero();
    for (int64_t begin = 0; begin < count; begin += block) {
      const int64_t size = count - begin < block ? count - begin : block;
      F best = lowest;
      ForEach(size, [&](int64_t i, int n) {
        const F v = LoadOrLowest(x + begin + i, n);
        best = V::Max(best, v);
        zeros = V::Fma(V::Max(least_finite, v), V::Zero(), zeros);
      });
      *maxima++ = V::MaxOf(best);
    }
    return V::Sum(zeros) == 0;
  }

  /// exp((x - shift) * scale); 0 where that is less than e^-87, of -inf too.
  static F ExpOf(F x, float shift, float scale) {
    const F power = V::Mul(V::Sub(x, V::Set(shift)), V::Set(scale));
    return V::SelectNegative(V::Add(power, V::Set(87.0f)), V::Zero(), Exp<V>(power));
  }

  static void BlockExpSums(const float* x, int64_t count, int64_t block, float shift, float scale,
                           float* sums) {
    for (int64_t begin = 0; begin < count; begin += block) {
      const int64_t size = count - begin < block ? count - begin : block;
      F sum = V::Zero();
      ForEach(size, [&](int64_t i, int n) {
        sum = V::Add(sum, ExpOf(LoadOrLowest(x + begin + i, n), shift, scale));
      });
      *sums++ = V::Sum(sum);
    }
  }

  static void ScaledExp(const float* x, int64_t count, float shift, float scale,
                        float* y) {
    ForEach(count, [&](int64_t i, int n) {
      Store(y + i, ExpOf(LoadOrLowest(x + i, n), shift, scale), n);
    });
  }
};

}  // namespace hadal::inference
