#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "absl/types/span.h"

namespace hadal::inference {

/// Guesses how a sequence goes on from its own past: with what followed the last earlier occurrence
/// of its last tokens. Answers from documents repeat names, numbers and phrases of the sources,
/// which stand in the prompt. Guesses as far as guesses have held lately, and pauses when they do
/// not. Source: prompt lookup decoding (Saxena 2023); lengths adapt as in arXiv:2405.04304.
/// Thread-compatible.
class PromptLookup {
 public:
  /// At most `limit` tokens that may follow `tokens`, the whole sequence so far; between calls it
  /// only grows. Empty when these last tokens are new.
  std::vector<int32_t> Guess(absl::Span<const int32_t> tokens, int32_t limit);

  /// Of the last guess, which was not empty and may have been shortened to `guessed`, the first
  /// `held` tokens were right.
  void Learn(int32_t guessed, int32_t held);

 private:
  std::unordered_map<uint64_t, int32_t> next_by_ngram_;  ///< hash -> where it went on, the latest
  int32_t num_indexed_ = 0;                              ///< tokens whose n-gram is in the map
  int32_t length_ = 4;                                   ///< of the next guess
  int32_t misses_ = 0;                                   ///< guesses in a row of which nothing held
  int32_t pause_ = 0;                                    ///< calls to let pass
};

}  // namespace hadal::inference
