#pragma once

#include <string>
#include <string_view>

#include "ops/eval/labelled_set.h"

namespace hadal::eval {

/// Letters and digits of `text`, NFKC and case folded: what is compared when a passage is looked
/// for in a chunk, whatever became of white space and punctuation.
std::string LettersOf(std::string_view text);

/// Whether the support stands in the chunk whole. `chunk_letters`: LettersOf() the chunk. Of a
/// table row every cell; a spreadsheet may show 3.60 as 3.6.
bool Covers(const std::string& chunk_letters, const Support& support);

/// Whether the answer holds the keyword, folded and without white space and thousands separators;
/// a number only as a number of its own ("5" is not in "15" or "0.5", and is in "5.0").
bool HoldsKeyword(std::string_view answer, std::string_view keyword);

/// Every group by one of its spellings; false without groups.
bool HoldsKeywords(std::string_view answer, const Keywords& keywords);

}  // namespace hadal::eval
