#pragma once

#include <cstdint>
#include <memory>

#include "base/status.h"
#include "inference/tensor/kv_row.h"

namespace hadal::inference {

/// What each layer keeps per token: a row of K and one of V (GQA: the KV heads of each; latent
/// attention: the latent and the rotated key as K, and no V, values being part of the keys).
struct KvLayout {
  int32_t num_layers = 0;
  KvRow k;
  KvRow v;  ///< v.values is 0 where there is none
  int64_t BytesPerToken() const { return num_layers * (k.bytes() + v.bytes()); }
  friend bool operator==(const KvLayout&, const KvLayout&) = default;
};

/// Storage of the paged cache: num_blocks blocks of block_size tokens in every layer. K and V of
/// one (layer, block) are block_size rows, one behind the other. Who owns which block is the
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
