#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace hadal::retrieval {

/// A piece of a block that is never cut: a sentence, or part of one longer than a chunk may be.
struct Sentence {
  size_t start_byte = 0;
  size_t end_byte = 0;
  int64_t num_chars = 0;  ///< code points
  double weight = 0;      ///< CJK characters; others count a third
};

/// Cuts `text` (one line of valid UTF-8) into sentences that cover it without gaps. A sentence
/// heavier than `max_weight` is cut after a comma or blank in its second half, or else between two
/// characters. Linear time.
std::vector<Sentence> SplitSentences(std::string_view text, double max_weight);

/// Weight of one character: see Sentence::weight.
double CharWeight(char32_t c);

}  // namespace hadal::retrieval
