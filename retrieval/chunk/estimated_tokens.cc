#include "retrieval/chunk/estimated_tokens.h"

#include <cmath>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"

namespace hadal::retrieval {

int32_t EstimatedTokens::Of(std::string_view text) {
  constexpr double kCjk = 0.75;
  constexpr double kOther = 0.28;
  int64_t cjk = 0;
  int64_t other = 0;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    text.remove_prefix(c.size_bytes);
    if (c.code_point == '\n') continue;  // such vocabularies fold it into the next word's blank
    ++(IsCjk(c.code_point) ? cjk : other);
  }
  return static_cast<int32_t>(
      std::ceil(static_cast<double>(cjk) * kCjk + static_cast<double>(other) * kOther));
}

StatusOr<std::vector<int32_t>> EstimatedTokens::CountTokens(const std::vector<std::string>& texts) {
  std::vector<int32_t> counts;
  counts.reserve(texts.size());
  for (const std::string& text : texts) counts.push_back(Of(text));
  return counts;
}

}  // namespace hadal::retrieval
