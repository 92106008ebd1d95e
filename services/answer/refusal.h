#pragma once

#include <string>

#include "services/answer/evidence.h"

namespace hadal::answer {

/// refusal_reason values of v1::AskResult.
inline constexpr char kNoEvidence[] = "no_evidence";
inline constexpr char kUnsupported[] = "unsupported";

/// What the asker reads instead of an answer, in the question's language. It is the same whether
/// the documents lack the answer or the asker may not read the one that has it.
std::string RefusalMessage(const Question& question);

/// Put behind an answer that covers only some of the questions asked in one.
std::string PartialRefusalMessage(const Question& question);

}  // namespace hadal::answer
