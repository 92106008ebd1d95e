#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "services/answer/source.h"

namespace hadal::answer {

/// A question taken apart.
struct Question {
  std::u32string folded;
  bool chinese = false;
  std::vector<Term> terms;        ///< distinct content terms
  std::vector<Term> identifiers;  ///< those of them that hold a digit
};
Question ParseQuestion(std::string_view text);

/// "A? B?" asks twice. The parts in order, at most `max_parts` (the last then holds the rest),
/// those without a content term left out; never empty.
std::vector<std::string> SplitQuestion(const std::string& text, int32_t max_parts);

/// How well one sentence, in its surroundings, speaks of what the question asks.
struct SentenceScore {
  int32_t source = 0;
  int32_t sentence = 0;
  double focus = 0;  ///< share of the question's weight beyond the titles, found here; 0..1
  double total = 0;  ///< the same with the title and headings counted; 0..1
};

enum class Verdict {
  kNone,     ///< nothing retrieved speaks of the question's subject: refuse, ask no model
  kPresent,  ///< some sentence holds what the question asks for
};

struct Evidence {
  Verdict verdict = Verdict::kNone;
  std::vector<SentenceScore> ranking;  ///< best first; only sentences the model may see
  std::vector<Term> missing;           ///< identifiers of the question that no source holds
};

struct EvidenceOptions {
  double min_focus = 0.45;
  double min_total = 0.45;
};

/// Judges by words, numbers and names, not by cosines alone: the cosines of multilingual-e5-small
/// lie between 0.75 and 0.93 whether or not the passage holds the answer (measured on two corpora),
/// but a question about something absent names what no passage names. The weight of a term falls
/// with the share of the retrieved sentences that hold it. Only sentences in the question's
/// language count: for the others, weigh the translated question.
Evidence WeighEvidence(const Question& question, const std::vector<Source>& sources,
                       const EvidenceOptions& options);

}  // namespace hadal::answer
