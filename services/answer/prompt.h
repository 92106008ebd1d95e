#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "hadal/internal/v1/inference.pb.h"
#include "services/answer/answerer.h"
#include "services/answer/evidence.h"
#include "services/answer/source.h"

namespace hadal::answer {

struct Prompt {
  std::vector<internal::v1::ChatMessage> messages;
  std::vector<int32_t> shown;  ///< indexes of the sources in it
};

struct PromptOptions {
  std::string model;
  int32_t max_context_tokens = 1500;
  int32_t max_sources = 3;  ///< a small model loses the answer among more
};

/// Instructions, fenced sources, question. The sources that hold the best-ranked sentences, best
/// first, each under its title and its context (a table's caption), together at most
/// max_context_tokens by the model's own count; one that does not fit whole is cut to the sentences
/// around its best one. Only what all of them leave goes to the sentences beside them, the best
/// source's first. Fails as CountTokens does.
StatusOr<Prompt> BuildPrompt(const std::string& question_text, const Question& question,
                             const std::vector<Source>& sources, const Evidence& evidence,
                             const PromptOptions& options, TextGenerator& generator);

/// Asks for the question in the other of the two languages, nothing else.
std::vector<internal::v1::ChatMessage> TranslationMessages(const std::string& question_text,
                                                           bool chinese);

}  // namespace hadal::answer
