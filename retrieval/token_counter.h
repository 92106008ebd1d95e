#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace hadal::retrieval {

/// Sizes of texts as the embedding model reads them; services/retrieval implements it over the
/// inference service. Thread-safe.
class TokenCounter {
 public:
  virtual ~TokenCounter() = default;
  /// The most tokens of one passage, the model's own prefix and special tokens not counted. What
  /// is longer is cut off by the model: lost for the search.
  virtual int32_t max_tokens() const = 0;
  /// One number for each text, without prefix and special tokens.
  virtual StatusOr<std::vector<int32_t>> CountTokens(const std::vector<std::string>& texts) = 0;
};

}  // namespace hadal::retrieval
