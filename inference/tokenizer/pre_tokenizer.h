#pragma once

#include <string_view>
#include <vector>

namespace hadal::inference {

/// How text is cut into words before byte-pair merges. Each is a published regular expression,
/// written by hand over character classes: one pass, no backtracking, linear time on any text.
enum class PreTokenizer {
  kGpt2,        ///< GPT-2's
  kGpt2Digits,  ///< every digit alone, then GPT-2's (SmolLM)
  kQwen2,       ///< Qwen2's: every digit alone, case-insensitive contractions
  kLlama3,      ///< as Qwen2's with up to three digits together
  kDeepSeekV3,  ///< DeepSeek-V3/R1's three splits
};

/// The words of `text` (valid UTF-8) in order; together they are the text.
std::vector<std::string_view> SplitWords(PreTokenizer kind, std::string_view text);

}  // namespace hadal::inference
