#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "retrieval/token_counter.h"

namespace hadal::retrieval {

/// What a multilingual SentencePiece vocabulary makes of a text, roughly: three tokens for four CJK
/// characters, more than one for four letters. (multilingual-e5-small over the lines of the
/// evaluation corpus: 0.77 a Chinese character, 0.28 an English one.) For programs without a model;
/// a service counts.
class EstimatedTokens final : public TokenCounter {
 public:
  int32_t max_tokens() const override { return 8192; }
  StatusOr<std::vector<int32_t>> CountTokens(const std::vector<std::string>& texts) override;
  static int32_t Of(std::string_view text);
};

}  // namespace hadal::retrieval
