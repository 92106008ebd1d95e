#include "inference/weights/model_config.h"

#include <cmath>
#include <numbers>

namespace hadal::inference {
namespace {

Status CheckRange(std::string_view path, std::string_view field, int64_t value, int64_t low,
                  int64_t high) {
  if (value >= low && value <= high) return OkStatus();
  return InvalidArgument("{}: {} is {}, expected {}..{}; the model's configuration is damaged",
                         path, field, value, low, high);
}

}  // namespace

Status ValidateModelConfig(const ModelConfig& config, std::string_view path) {
  RETURN_IF_ERROR(CheckRange(path, "number of layers", config.num_layers, 1, 1024));
  RETURN_IF_ERROR(CheckRange(path, "hidden size", config.hidden_dim, 1, 1 << 16));
  RETURN_IF_ERROR(CheckRange(path, "attention heads", config.num_heads, 1, 1024));
  RETURN_IF_ERROR(CheckRange(path, "key/value heads", config.num_kv_heads, 1, config.num_heads));
  RETURN_IF_ERROR(CheckRange(path, "head size", config.head_dim, 1, 1024));
  RETURN_IF_ERROR(CheckRange(path, "feed-forward size", config.ffn_dim, 1, 1 << 20));
  RETURN_IF_ERROR(CheckRange(path, "vocabulary size", config.vocabulary, 1, 1 << 22));
  RETURN_IF_ERROR(CheckRange(path, "context length", config.context_length, 1, 1 << 24));
  RETURN_IF_ERROR(CheckRange(path, "position offset", config.position_offset, 0, 16));
  if (config.num_heads % config.num_kv_heads != 0) {
    return InvalidArgument("{}: {} attention heads are not a multiple of {} key/value heads", path,
                           config.num_heads, config.num_kv_heads);
  }
  if (config.architecture == "bert") {
    if (config.hidden_dim != config.num_heads * config.head_dim) {
      return InvalidArgument("{}: hidden size {} is not {} heads of {}", path, config.hidden_dim,
                             config.num_heads, config.head_dim);
    }
  } else if (config.RopeDim() % 2 != 0) {
    return InvalidArgument("{}: head size {} is odd, rotary embedding needs pairs", path,
                           config.RopeDim());
  }
  if (!(config.rope_theta >= 1.0f) || !(config.rope_theta <= 1e12f)) {
    return InvalidArgument("{}: rotary base is {}, expected 1..1e12", path, config.rope_theta);
  }
  if (!(config.norm_eps > 0.0f) || !(config.norm_eps <= 0.1f)) {
    return InvalidArgument("{}: norm epsilon is {}, expected above 0 and at most 0.1", path,
                           config.norm_eps);
  }
  const size_t factors = config.rope_freq_factors.size();
  if (factors != 0 && factors != static_cast<size_t>(config.RopeDim() / 2)) {
    return InvalidArgument("{}: {} rotary frequency factors, expected {}", path, factors,
                           config.RopeDim() / 2);
  }
  for (float factor : config.rope_freq_factors) {
    if (!(factor >= 1e-3f) || !(factor <= 1e6f)) {
      return InvalidArgument("{}: rotary frequency factor {} is outside 0.001..1e6", path, factor);
    }
  }
  return OkStatus();
}

std::vector<float> Llama3FreqFactors(const Llama3Scaling& scaling, double rope_theta,
                                     int32_t head_dim) {
  std::vector<float> factors;
  const double low_wavelength = scaling.original_context / scaling.low_freq_factor;
  const double high_wavelength = scaling.original_context / scaling.high_freq_factor;
  for (int32_t i = 0; i < head_dim / 2; ++i) {
    const double wavelength = 2 * std::numbers::pi * std::pow(rope_theta, 2.0 * i / head_dim);
    double divisor = 1;
    if (wavelength > low_wavelength) {
      divisor = scaling.factor;
    } else if (wavelength > high_wavelength) {
      const double smooth = (scaling.original_context / wavelength - scaling.low_freq_factor) /
                            (scaling.high_freq_factor - scaling.low_freq_factor);
      divisor = 1 / ((1 - smooth) / scaling.factor + smooth);
    }
    factors.push_back(static_cast<float>(divisor));
  }
  return factors;
}

}  // namespace hadal::inference
