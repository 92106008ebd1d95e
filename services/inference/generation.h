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
/// special tokens. INVALID_ARGUMENT naming what is wrong.
StatusOr<Generation> PrepareGeneration(const internal::v1::GenerateRequest& wire,
                                       const inference::ChatModel& model, absl::Time deadline);

inline constexpr int32_t kDefaultMaxTokens = 512;

}  // namespace hadal::inference_service
