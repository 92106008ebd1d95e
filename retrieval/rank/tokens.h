#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "retrieval/clean/text_folder.h"

namespace hadal::retrieval {

/// A term of the lexical index. CJK terms are exact (the code points themselves), words are a
/// 62-bit hash: two different words among ten million share one with probability 1e-5, and a
/// collision can only change a rank. Index files hold them.
using TermId = uint64_t;

/// To be raised whenever a text gives other terms than before: index files of another format are
/// built anew.
constexpr uint32_t kTermFormat = 1;

/// The distinct terms of a text.
struct TermCounts {
  std::vector<std::pair<TermId, uint32_t>> terms;  ///< ascending; with the number of occurrences
  uint32_t length = 0;                             ///< all occurrences
};

/// Cuts folded text into terms: CJK characters and their pairs (1- and 2-grams: on CMRC 2018 dev
/// they find the paragraph as well as a dictionary does), words and numbers. A compound such as
/// "LC-JX-2025-011" or "110kV" gives itself and its parts; English plurals lose their s; separators
/// of thousands vanish. Thread-safe (const).
class Tokenizer {
 public:
  static StatusOr<std::unique_ptr<Tokenizer>> Create();

  /// Every term in the order of the text.
  std::vector<TermId> Terms(std::string_view text) const;
  TermCounts Count(std::string_view text) const;
  /// What a question asks for, each term once: its terms without question words and function words
  /// ("什么", "how many"), which say nothing about what a passage holds. (CMRC 2018 dev, BM25
  /// alone: right paragraph first for 97.6 % of the questions, 96.2 % with them.) All of its terms
  /// when nothing else is left.
  std::vector<TermId> QueryTerms(std::string_view query) const;

 private:
  explicit Tokenizer(std::unique_ptr<TextFolder> folder) : folder_(std::move(folder)) {}
  const std::unique_ptr<TextFolder> folder_;
};

/// Counts `terms`, which it consumes.
TermCounts CountTerms(std::vector<TermId> terms);

}  // namespace hadal::retrieval
