#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inference/kv/kv_cache.h"
#include "inference/model/decoder.h"
#include "inference/request.h"
#include "inference/tokenizer.h"

namespace hadal::inference::testing {

inline constexpr int32_t kVocabulary = 64;
inline constexpr int32_t kEndToken = 1;

/// A decoder whose logits are a hash of everything the block table shows for the sequence: a wrong
/// block, position, overwrite, stale prefix or form of attention changes the tokens.
/// Batch-invariant like a real one.
class FakeDecoder final : public Decoder {
 public:
  explicit FakeDecoder(int32_t context_length = 4096);

  const ModelConfig& config() const override { return config_; }
  const KvLayout& kv_layout() const override { return layout_; }
  Status Forward(absl::Span<const SequenceSlice> batch, KvCache& cache,
                 absl::Span<float> logits) override;

  bool can_draft() const override { return drafts; }
  /// Like a prediction layer that is always right, and insists on rows that belong together.
  Status Draft(absl::Span<const SequenceSlice> batch, KvCache& cache,
               absl::Span<float> logits) override;

  /// Logits are a hash of so many last tokens; few of them make generations that repeat themselves.
  int32_t memory = INT32_MAX;
  bool drafts = false;
  Status draft_error;  ///< of Draft()
  /// Positions that Draft() found with another token in its part of the cache, or none.
  std::atomic<int> draft_cache_misses = 0;
  /// Called at the start of every Forward(), which returns its error.
  std::function<Status(absl::Span<const SequenceSlice>)> before_forward;
  std::atomic<int> forwards = 0;
  std::atomic<int64_t> tokens_run = 0;
  std::atomic<int> largest_batch_tokens = 0;
  std::atomic<int> largest_batch_sequences = 0;

 private:
  ModelConfig config_;
  KvLayout layout_;
  std::vector<std::vector<int32_t>> seen_;  ///< up to each row of the last batch, if it drafts
};

/// Tokens are one or two letters, or pieces of characters of several bytes; 0 and 1 are ChatML's
/// markers.
class FakeTokenizer final : public Tokenizer {
 public:
  explicit FakeTokenizer(int32_t vocabulary = kVocabulary);  ///< up to 700
  std::vector<int32_t> Encode(std::string_view text, const EncodeOptions& options) const override;
  std::string Decode(const std::vector<int32_t>& ids, bool skip_special) const override;
  std::string TokenBytes(int32_t id) const override;
  int32_t vocabulary_size() const override { return static_cast<int32_t>(pieces_.size()); }
  bool IsSpecial(int32_t id) const override { return id <= kEndToken; }
  int32_t TokenId(std::string_view piece) const override;
  const std::vector<int32_t>& end_tokens() const override { return end_tokens_; }

 private:
  std::vector<std::string> pieces_;
  std::vector<int32_t> end_tokens_ = {kEndToken};
};

struct Generated {
  std::vector<int32_t> tokens;
  std::string text;
  FinishReason reason = FinishReason::kStop;
};

/// What the engine must answer to `request`, computed alone and without a cache.
Generated ReferenceGenerate(const GenerateRequest& request, int32_t memory = INT32_MAX);

/// A KV cache in plain memory.
std::unique_ptr<KvCache> MakeKvCache(const KvLayout& layout, int32_t num_blocks,
                                     int32_t block_size);

}  // namespace hadal::inference::testing
