#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "absl/types/span.h"
#include "inference/engine/draft_length.h"

namespace hadal::inference {

/// Guesses how a sequence goes on from its own past: with what followed the last earlier occurrence
/// of its last tokens. Answers from documents repeat names, numbers and phrases of the sources,
/// which stand in the prompt. Source: prompt lookup decoding (Saxena 2023). Thread-compatible.
class PromptLookup {
 public:
  /// At most `limit` tokens that may follow `tokens`, the whole sequence so far; between calls it
  /// only grows. Empty when these last tokens are new.
  std::vector<int32_t> Guess(absl::Span<const int32_t> tokens, int32_t limit);

  /// Is told what became of the guesses.
  DraftLength& length() { return length_; }

 private:
  std::unordered_map<uint64_t, int32_t> next_by_ngram_;  ///< hash -> where it went on, the latest
  int32_t num_indexed_ = 0;                              ///< tokens whose n-gram is in the map
  DraftLength length_;
};

}  // namespace hadal::inference
