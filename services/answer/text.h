#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::answer {

/// UTF-8 to code points and back. An invalid sequence is U+FFFD, one per maximal ill-formed prefix,
/// so offsets are those of the sanitised text.
std::u32string ToCodePoints(std::string_view utf8);
std::string ToUtf8(std::u32string_view code_points);

/// True where CJK characters make up at least a fifth of the letters: names and units in Latin
/// script are common in Chinese text, the other way round is rare.
bool IsChinese(std::u32string_view text);
bool IsCjk(char32_t c);
bool HasLetters(std::u32string_view text);

/// Folds for comparison, never for display: NFKC case folding, traditional to simplified
/// characters, typographic dashes and quotes to ASCII. Thread-safe.
std::u32string Fold(std::u32string_view text);

/// What two texts are compared by: the character pairs of CJK runs (a single character where the
/// run is one long) and the stems of words; "lc-jx-2025-011" and "110kv" stay whole.
struct Term {
  std::u32string text;
  bool identifier = false;  ///< holds a digit
  bool joint = false;       ///< a character pair across two words: says little by itself
  bool operator==(const Term& other) const { return text == other.text; }
  bool operator<(const Term& other) const { return text < other.text; }
};

/// Terms of folded text in order, with repetitions.
std::vector<Term> Terms(std::u32string_view folded);
/// What a question or an answer is about: its terms without the words that only make it a question
/// ("多少", "how many") or bind others. A Chinese word of one character is a term of its own here.
std::vector<Term> ContentTerms(std::u32string_view folded);

/// A span of code points.
struct Span {
  int32_t begin = 0;
  int32_t end = 0;
  int32_t size() const { return end - begin; }
};

/// Sentences, list items and table rows of a text, in order, without the white space around them. A
/// line break always ends one; inside a line, sentence punctuation does, where it is not part of a
/// number or an abbreviation.
std::vector<Span> SplitSentences(std::u32string_view text);

/// The number of cells, joined by " | ", in a line; 1 where it is no table row.
int32_t CountCells(std::u32string_view line);
std::vector<std::u32string> SplitCells(std::u32string_view line);

/// Numbers of folded text as canonical decimals ("1,800" "1800.0" "一千八百" → "1800"); a factor word
/// behind one adds the product ("2万" → "2", "20000"). Years, times and parts of identifiers are
/// numbers too: "qj-26-004" gives "26" and "4". With `quantities_only` a lone Chinese numeral
/// counts only before a measure word ("三年", not "统一"), and an English "one" not at all.
std::vector<std::string> Numbers(std::u32string_view folded, bool quantities_only);

}  // namespace hadal::answer
