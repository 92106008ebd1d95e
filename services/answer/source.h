#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hadal/internal/v1/retrieval.pb.h"
#include "services/answer/text.h"

namespace hadal::answer {

/// `header` of what is no table row, and of a row whose column names stand in the chunk's context.
inline constexpr int32_t kNoHeader = -1;
inline constexpr int32_t kContextHeader = -2;

/// One sentence, list item or table row of a source.
struct Sentence {
  Span span;                         ///< in the source's text, code points
  std::u32string prompt_text;        ///< as the model sees it; empty: withheld from it
  std::u32string folded;             ///< of a table row with its header
  std::vector<Term> terms;           ///< of `folded`; distinct, sorted
  std::vector<std::string> numbers;  ///< see Numbers()
  int32_t header = kNoHeader;        ///< of a table row: the sentence holding the column names
  int32_t cells = 1;
  bool chinese = false;    ///< of a sentence without letters: the source's language
  bool is_header = false;  ///< the column names of the rows below
  bool beside = false;     ///< stands in a neighbour of the chunk
  const internal::v1::Hit* chunk = nullptr;  ///< that it begins in
};

/// A retrieved chunk taken apart. `hit` must outlive it.
struct Source {
  const internal::v1::Hit* hit = nullptr;
  std::u32string text;  ///< the chunk as stored, with its neighbours where they were wanted
  int64_t start = 0;    ///< of the text in the document's extracted text, code points
  std::u32string lead;  ///< what the text is read under, as the model sees it, line by line
  bool chinese = false;
  std::vector<Sentence> sentences;
  std::u32string context;           ///< title and headings above the chunk, folded
  std::vector<Term> context_terms;  ///< distinct, sorted
};

/// How much of the document a source holds.
enum class Extent {
  kChunk,       ///< the chunk that was found
  kNeighbours,  ///< with those beside it that the hit carries
};

/// The hits as sources, best first, near-duplicates of a better one left out. A sentence that reads
/// as an instruction to the model, or holds a chat template's markers only, gets no prompt text: it
/// stays findable and quotable by people, and is never shown to the model.
std::vector<Source> PrepareSources(const internal::v1::SearchResponse& hits,
                                   Extent extent = Extent::kChunk);

/// Sorted, without repetitions.
std::vector<Term> Distinct(std::vector<Term> terms);
bool Contains(const std::vector<Term>& sorted, const Term& term);
/// The same for a sentence: a CJK term may be any part of its text.
bool Contains(const Sentence& sentence, const Term& term);

}  // namespace hadal::answer
