#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/answer/evidence.h"
#include "services/answer/source.h"

namespace hadal::answer {

/// A sentence of the answer and the source sentence that supports it.
struct Attribution {
  Span answer;  ///< in the answer, code points
  int32_t source = -1;
  int32_t sentence = -1;
};

struct SupportCheck {
  bool supported = false;
  std::string problem;  ///< why not, for the log: names no word of the answer
  std::vector<Attribution> attributions;  ///< one per sentence of a supported answer
};

struct SupportOptions {
  double min_terms = 0.66;  ///< share of an answer sentence's terms that must stand in its source
  /// Evidence of the supporting sentence, as a share of the best one's.
  double min_relevance = 0.7;
  /// The same among the rows of one table: the neighbouring row differs in a word or two.
  double min_row_relevance = 0.95;
};

/// True when the question asks for a quantity ("多少", "how many"): an answer without a number that
/// the question does not hold already is none.
bool AsksForNumber(const Question& question);

/// False when the question asks for a quantity and the sentence holds none it does not name itself.
bool HoldsAnswerKind(const Question& question, const Sentence& sentence);

/// Checks an answer in another language than its sources: numbers and identifiers alone can be
/// compared, so each sentence must hold one, and all must stand in the sentences that best match
/// the translated question. `evidence` is that question's.
SupportCheck CheckTranslatedSupport(const Question& question, const std::u32string& answer,
                                    const std::vector<Source>& sources,
                                    const std::vector<int32_t>& shown, const Evidence& evidence,
                                    const SupportOptions& options);

/// Checks an answer sentence by sentence against the sources shown to the model: every number,
/// every identifier and most words must stand in one sentence of one source (with its neighbours),
/// or in the question; that sentence must be about the question; and the answer must say something
/// the question did not.
SupportCheck CheckSupport(const Question& question, const std::u32string& answer,
                          const std::vector<Source>& sources, const std::vector<int32_t>& shown,
                          const Evidence& evidence, const SupportOptions& options);

/// True when the model says itself that it found nothing.
bool IsRefusal(std::u32string_view answer);

}  // namespace hadal::answer
