#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "inference/kernels/thread_pool.h"
#include "inference/kv/kv_cache.h"
#include "inference/model/decoder.h"
#include "tests/support/status_matchers.h"

namespace hadal::inference {

inline std::shared_ptr<ThreadPool> Pool(int32_t threads) {
  return std::make_shared<ThreadPool>(threads);
}

/// A sequence over its own cache, fed in chunks; logits of every token.
class OneSequence {
 public:
  OneSequence(Decoder& decoder, int32_t max_tokens, int32_t block_size = 16) : decoder_(decoder) {
    const int32_t blocks = (max_tokens + block_size - 1) / block_size;
    auto cache = KvCache::Create(decoder.kv_layout(), blocks, block_size);
    EXPECT_OK(cache);
    cache_ = *std::move(cache);
    table_.resize(static_cast<size_t>(blocks));
    std::iota(table_.rbegin(), table_.rend(), 0);  // not in order, as a real pool hands them out
  }

  /// For DecoderOptions::expanded_prefill.
  void set_expanded_tokens(int32_t count) { expanded_tokens_ = count; }

  std::vector<float> Feed(const std::vector<int32_t>& tokens) {
    std::vector<float> logits(tokens.size() * static_cast<size_t>(decoder_.config().vocabulary));
    const SequenceSlice slice{tokens, position_, table_, static_cast<int32_t>(tokens.size()),
                              expanded_tokens_};
    EXPECT_OK(decoder_.Forward(absl::MakeConstSpan(&slice, 1), *cache_, absl::MakeSpan(logits)));
    position_ += static_cast<int32_t>(tokens.size());
    return logits;
  }

  /// What the prediction layer gives for the tokens that follow those of the last Feed().
  std::vector<float> Draft(const std::vector<int32_t>& following) {
    std::vector<float> logits(following.size() * static_cast<size_t>(decoder_.config().vocabulary));
    const auto count = static_cast<int32_t>(following.size());
    const SequenceSlice slice{following, position_ - count, table_, count, expanded_tokens_};
    EXPECT_OK(decoder_.Draft(absl::MakeConstSpan(&slice, 1), *cache_, absl::MakeSpan(logits)));
    return logits;
  }

 private:
  Decoder& decoder_;
  std::unique_ptr<KvCache> cache_;
  std::vector<int32_t> table_;
  int32_t position_ = 0;
  int32_t expanded_tokens_ = 0;
};

inline int32_t ArgMax(const float* logits, int32_t count) {
  return static_cast<int32_t>(std::max_element(logits, logits + count) - logits);
}

}  // namespace hadal::inference
