#pragma once

#include <cstdint>
#include <memory>

#include "base/status.h"

namespace hadal::inference {

enum class KvDtype { kF32, kF16 };

/// What one layer keeps per token: `k_values` then `v_values` numbers (GQA: kv_heads * head_dim
/// each; latent attention: kv_lora_rank + qk_rope_head_dim and 0, values being part of the keys).
struct KvLayout {
  int32_t num_layers = 0;
  int32_t k_values = 0;
  int32_t v_values = 0;
  KvDtype dtype = KvDtype::kF16;
  int64_t BytesPerToken() const;
};

/// Storage of the paged cache: num_blocks blocks of block_size tokens in every layer. K and V of
/// one (layer, block) are [block_size, values] row-major. Which sequence owns which block is the
/// engine's business (kv/block_pool.h). Thread-compatible: one forward pass at a time.
class KvCache {
 public:
  /// RESOURCE_EXHAUSTED with the bytes asked for when memory cannot be had.
  static StatusOr<std::unique_ptr<KvCache>> Create(const KvLayout& layout, int32_t num_blocks,
                                                   int32_t block_size);
  virtual ~KvCache() = default;
  virtual const KvLayout& layout() const = 0;
  virtual int32_t num_blocks() const = 0;
  virtual int32_t block_size() const = 0;
  virtual void* KeyBlock(int32_t layer, int32_t block) = 0;
  virtual void* ValueBlock(int32_t layer, int32_t block) = 0;
};

}  // namespace hadal::inference
