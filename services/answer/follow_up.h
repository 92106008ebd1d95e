#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "hadal/v1/assistant.pb.h"
#include "services/answer/answerer.h"

namespace hadal::answer {

/// True for a question that means little without what was said before it: "那利率呢？", "它多重？",
/// "多少钱？", "What about its price?".
bool LeansOnEarlierTurns(const std::string& question);

/// The question made whole from the one asked before it, where its form leaves one reading:
/// a pronoun for what that question was about ("A的B是多少？它的C呢？"), or another thing of the
/// same kind as one of its parts. nullopt elsewhere.
std::optional<std::string> CompletedByRule(const std::string& question,
                                           const std::string& previous);

struct StandAloneQuestion {
  std::string question;
  const char* how = "";  ///< "rule", "model", "joined"; empty: it stands alone as it was asked
  v1::Usage usage;
};

/// The request's question as it is to be searched for and answered after its earlier turns: by
/// rule, else by the model within a bound of tokens. What the model writes must keep the question's
/// own words and take the others from the conversation; else the previous question and this one are
/// joined. A question that stands alone asks no model. Fails as the generator does.
StatusOr<StandAloneQuestion> StandAlone(const v1::AskRequest& request, TextGenerator& generator);

}  // namespace hadal::answer
