#pragma once

#include <cstdint>

namespace hadal::inference {

/// How the numbers of the KV cache are stored: floats, or int8 with one float32 scale per head and
/// token (of latent attention one for the latent and one for the rotated key). What each costs and
/// loses: docs/measurements/kv-cache.md.
enum class KvDtype { kF32, kF16, kBF16, kI8 };

/// One token's row of K or V: `values` numbers and, of kI8, behind them a float32 scale for each
/// part: the first `first_part` numbers, then each `part` more. A part is a head, or of latent
/// attention the latent and the rotated key.
struct KvRow {
  KvDtype dtype = KvDtype::kF16;
  int32_t values = 0;
  int32_t first_part = 0;
  int32_t part = 0;

  /// All parts as long as a head.
  static KvRow OfHeads(KvDtype dtype, int32_t heads, int32_t head_dim) {
    return {dtype, heads * head_dim, head_dim, head_dim};
  }
  static KvRow OfLatent(KvDtype dtype, int32_t latent_dim, int32_t rope_dim) {
    return {dtype, latent_dim + rope_dim, latent_dim, rope_dim};
  }

  int64_t value_bytes() const { return dtype == KvDtype::kF32 ? 4 : dtype == KvDtype::kI8 ? 1 : 2; }
  int64_t num_scales() const {
    if (dtype != KvDtype::kI8 || values == 0) return 0;
    return values <= first_part ? 1 : 1 + (values - first_part + part - 1) / part;
  }
  int64_t bytes() const {
    return values * value_bytes() + num_scales() * static_cast<int64_t>(sizeof(float));
  }
  friend bool operator==(const KvRow&, const KvRow&) = default;
};

}  // namespace hadal::inference
