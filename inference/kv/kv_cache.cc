#include "inference/kv/kv_cache.h"

#include <utility>

#include "inference/tensor/aligned_buffer.h"

namespace hadal::inference {
namespace {

// One piece of memory: per layer the K blocks, then the V blocks, so that a layer's pass over a
// sequence stays inside two regions.
class PagedKvCache final : public KvCache {
 public:
  PagedKvCache(const KvLayout& layout, int32_t num_blocks, int32_t block_size, AlignedBuffer buffer)
      : layout_(layout),
        num_blocks_(num_blocks),
        block_size_(block_size),
        key_block_bytes_(layout.k.bytes() * block_size),
        value_block_bytes_(layout.v.bytes() * block_size),
        buffer_(std::move(buffer)) {}

  const KvLayout& layout() const override { return layout_; }
  int32_t num_blocks() const override { return num_blocks_; }
  int32_t block_size() const override { return block_size_; }

  void* KeyBlock(int32_t layer, int32_t block) override {
    return Layer(layer) + key_block_bytes_ * block;
  }
  void* ValueBlock(int32_t layer, int32_t block) override {
    return Layer(layer) + key_block_bytes_ * num_blocks_ + value_block_bytes_ * block;
  }

 private:
  uint8_t* Layer(int32_t layer) const {
    return buffer_.data() + (key_block_bytes_ + value_block_bytes_) * num_blocks_ * layer;
  }

  const KvLayout layout_;
  const int32_t num_blocks_;
  const int32_t block_size_;
  const int64_t key_block_bytes_;
  const int64_t value_block_bytes_;
  const AlignedBuffer buffer_;
};

}  // namespace

StatusOr<std::unique_ptr<KvCache>> KvCache::Create(const KvLayout& layout, int32_t num_blocks,
                                                   int32_t block_size) {
  if (layout.num_layers <= 0 || layout.k.values <= 0 || layout.v.values < 0 || num_blocks <= 0 ||
      block_size <= 0) {
    return InvalidArgument(
        "a KV cache needs positive layers, values, blocks and block size, found "
        "{} layers, {} + {} values, {} blocks of {}",
        layout.num_layers, layout.k.values, layout.v.values, num_blocks, block_size);
  }
  const int64_t block_bytes = layout.BytesPerToken() * block_size;
  if (num_blocks > INT64_MAX / block_bytes) {
    return ResourceExhausted(
        "a KV cache of {} blocks of {} bytes cannot be addressed: ask for "
        "fewer tokens",
        num_blocks, block_bytes);
  }
  auto buffer = AlignedBuffer::Allocate(static_cast<size_t>(block_bytes * num_blocks));
  if (!buffer.ok()) return Annotate(buffer.status(), "KV cache");
  return std::unique_ptr<KvCache>(
      std::make_unique<PagedKvCache>(layout, num_blocks, block_size, *std::move(buffer)));
}

}  // namespace hadal::inference
