#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "hadal/internal/v1/inference.pb.h"
#include "hadal/internal/v1/retrieval.pb.h"
#include "hadal/v1/assistant.pb.h"

namespace hadal::answer {

/// The engine as the pipeline needs it; services/gateway implements it over gRPC, tests with a
/// scripted one. Thread-safe.
class TextGenerator {
 public:
  virtual ~TextGenerator() = default;
  struct Generation {
    std::string reasoning;
    std::string content;
    internal::v1::GenerateResult result;
  };
  /// Runs to the end; CANCELLED or DEADLINE_EXCEEDED when the caller went away.
  virtual StatusOr<Generation> Generate(const internal::v1::GenerateRequest& request) = 0;
  /// Token counts under `model`.
  virtual StatusOr<std::vector<int32_t>> CountTokens(const std::string& model,
                                                     const std::vector<std::string>& texts) = 0;
};

struct AnswererOptions {
  int32_t top_k = 8;                 ///< chunks retrieved when the request names none
  int32_t max_context_tokens = 1500; ///< of the numbered sources in the prompt
  int32_t max_answer_tokens = 256;
};

/// Turns what the search found into a checked, cited answer, or into a refusal: evidence threshold
/// → prompt with numbered, fenced sources → generation → the answer's numbers and names must stand
/// in its sources → citations whose quotes stand in the sources at their offsets. Sources are data:
/// instructions and template markers inside them are not obeyed. Thread-safe.
class Answerer {
 public:
  static std::unique_ptr<Answerer> Create(const AnswererOptions& options);
  virtual ~Answerer() = default;
  /// `hits`: the chunks the caller may read, best first. The result lacks only `audit`.
  virtual StatusOr<v1::AskResult> Answer(const v1::AskRequest& request,
                                         const internal::v1::SearchResponse& hits,
                                         TextGenerator& generator) const = 0;
};

}  // namespace hadal::answer
