#pragma once

#include "absl/time/time.h"
#include "base/status.h"
#include "hadal/internal/v1/inference.pb.h"
#include "inference/chat_model.h"
#include "inference/request.h"

namespace hadal::inference_service {

/// What the engine is asked for, and how its text begins.
struct Generation {
  inference::GenerateRequest request;
  bool begins_inside_reasoning = false;  ///< the prompt already opened `<think>`
};

/// Turns the wire request into tokens and checked parameters: chat template, assistant_prefix,
/// max_tokens cut to what the context leaves (0: kDefaultMaxTokens). Message contents never become
/// special tokens. INVALID_ARGUMENT naming what is wrong; of a constraint that cannot be compiled
/// the message begins with kConstraintErrorPrefix.
StatusOr<Generation> PrepareGeneration(const internal::v1::GenerateRequest& wire,
                                       const inference::ChatModel& model, absl::Time deadline);

inline constexpr int32_t kDefaultMaxTokens = 512;
inline constexpr char kConstraintErrorPrefix[] = "constraint: ";  // the gateway looks for it

}  // namespace hadal::inference_service
