#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hadal/internal/v1/retrieval.pb.h"
#include "services/answer/text.h"

namespace hadal::answer {

/// One sentence, list item or table row of a source.
struct Sentence {
  Span span;                         ///< in the chunk's text, code points
  std::u32string prompt_text;        ///< as the model sees it; empty: withheld from it
  std::u32string folded;             ///< of a table row with its header
  std::vector<Term> terms;           ///< of `folded`; distinct, sorted
  std::vector<std::string> numbers;  ///< see Numbers()
  int32_t header = -1;               ///< of a table row: the sentence holding the column names
  int32_t cells = 1;
  bool chinese = false;              ///< of a sentence without letters: the source's language
  bool is_header = false;            ///< the column names of the rows below
};

/// A retrieved chunk taken apart. `hit` must outlive it.
struct Source {
  const internal::v1::Hit* hit = nullptr;
  std::u32string text;        ///< the chunk as stored
  bool chinese = false;
  std::vector<Sentence> sentences;
  std::u32string context;     ///< title and headings above the chunk, folded
  std::vector<Term> context_terms;  ///< distinct, sorted
};

/// The hits as sources, best first, near-duplicates of a better one left out. A sentence that reads
/// as an instruction to the model, or holds a chat template's markers only, gets no prompt text: it
/// stays findable and quotable by people, and is never shown to the model.
std::vector<Source> PrepareSources(const internal::v1::SearchResponse& hits);

/// Sorted, without repetitions.
std::vector<Term> Distinct(std::vector<Term> terms);
bool Contains(const std::vector<Term>& sorted, const Term& term);
/// The same for a sentence: a CJK term may be any part of its text.
bool Contains(const Sentence& sentence, const Term& term);

}  // namespace hadal::answer
