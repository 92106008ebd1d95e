#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "retrieval/token_counter.h"

namespace hadal::retrieval {

/// What a multilingual SentencePiece vocabulary makes of a text, roughly: two tokens for three CJK
/// characters, one for four letters. (multilingual-e5-small over the evaluation corpus: CJK 0.66,
/// English words 0.27 a letter.) For programs without a model; a service counts.
class EstimatedTokens final : public TokenCounter {
 public:
  int32_t max_tokens() const override { return 8192; }
  StatusOr<std::vector<int32_t>> CountTokens(const std::vector<std::string>& texts) override;
  static int32_t Of(std::string_view text);
};

}  // namespace hadal::retrieval
