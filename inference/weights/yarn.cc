#include "inference/weights/yarn.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hadal::inference {
namespace {

double MScale(double factor, double m) { return factor <= 1 ? 1 : 0.1 * m * std::log(factor) + 1; }

}  // namespace

std::vector<float> YarnFreqFactors(const YarnScaling& scaling, double theta, int32_t dim) {
  // The (fractional) pair that turns `rotations` times over the original context.
  const auto pair_of = [&](double rotations) {
    return dim * std::log(scaling.original_context / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(theta));
  };
  const double low = std::max(std::floor(pair_of(scaling.beta_fast)), 0.0);
  double high = std::min(std::ceil(pair_of(scaling.beta_slow)), dim - 1.0);
  if (low == high) high += 0.001;  // as the reference avoids the division by zero
  std::vector<float> factors;
  for (int32_t j = 0; j < dim / 2; ++j) {
    const double ramp = std::clamp((j - low) / (high - low), 0.0, 1.0);
    factors.push_back(static_cast<float>(1 / (ramp / scaling.factor + (1 - ramp))));
  }
  return factors;
}

double YarnMagnitude(const YarnScaling& scaling) {
  if (scaling.attention_factor > 0) return scaling.attention_factor;
  if (scaling.mscale > 0 && scaling.mscale_all_dim > 0) {
    return MScale(scaling.factor, scaling.mscale) / MScale(scaling.factor, scaling.mscale_all_dim);
  }
  return MScale(scaling.factor, 1);
}

double YarnAttentionScale(const YarnScaling& scaling, int32_t head_dim) {
  const double m =
      scaling.mscale_all_dim > 0 ? MScale(scaling.factor, scaling.mscale_all_dim) : 1.0;
  return m * m / std::sqrt(static_cast<double>(head_dim));
}

}  // namespace hadal::inference
