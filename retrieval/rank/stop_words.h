#pragma once

#include <string>
#include <string_view>

namespace hadal::retrieval {

/// Folded Chinese text with question words and function words replaced by spaces, longest first.
std::u32string BlankStopPhrases(std::u32string folded);

/// True for English question words, articles, auxiliaries, pronouns and prepositions.
bool IsStopWord(std::u32string_view folded_word);

}  // namespace hadal::retrieval
