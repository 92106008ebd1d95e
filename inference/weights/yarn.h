#pragma once

#include <cstdint>
#include <vector>

namespace hadal::inference {

/// YaRN as DeepSeek configures it (arXiv:2309.00071; transformers, modeling_rope_utils `yarn`).
/// It holds at every position, also below the original context.
struct YarnScaling {
  double factor = 1;  ///< at least 1
  double original_context = 4096;
  double beta_fast = 32;        ///< rotations over the original context above which pairs are kept
  double beta_slow = 1;         ///< and below which they are divided by `factor`
  double mscale = 0;            ///< 0: absent
  double mscale_all_dim = 0;    ///< 0: absent
  double attention_factor = 0;  ///< overrides the factor on cosine and sine; 0: absent
};

/// What each inverse frequency is divided by: 1 for fast pairs, `factor` for slow ones,
/// interpolated between. dim / 2 values; theta above 1.
std::vector<float> YarnFreqFactors(const YarnScaling& scaling, double theta, int32_t dim);

/// The factor on cosines and sines: m(mscale) / m(mscale_all_dim) with m(x) = 0.1 x ln(factor) + 1,
/// or m(1) when one of them is absent.
double YarnMagnitude(const YarnScaling& scaling);

/// The factor on dot products of heads of `head_dim`: head_dim^-0.5 * m(mscale_all_dim)^2, the
/// square absent where mscale_all_dim is.
double YarnAttentionScale(const YarnScaling& scaling, int32_t head_dim);

}  // namespace hadal::inference
