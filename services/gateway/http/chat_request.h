#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "hadal/internal/v1/inference.pb.h"

namespace hadal::gateway {

/// A chat completion as asked for over the OpenAI protocol.
struct ChatRequest {
  /// Model without "@KB", messages, sampling (max_tokens 0: the request names none).
  internal::v1::GenerateRequest generate;
  std::string knowledge_base;    ///< empty: plain chat
  std::string question;          ///< the last user message
  std::string constraint_param;  ///< where generate.constraint comes from; empty: there is none
  int32_t top_k = 0;
  bool stream = false;
  bool include_usage = false;  ///< a usage chunk before [DONE]
};

/// Bounds of what a request may ask for.
struct ChatLimits {
  int32_t max_messages = 1024;
  int32_t max_tokens = 4096;          ///< the most an answer may have
  int32_t default_max_tokens = 1024;  ///< where the request names none
  int32_t max_choices = 16;           ///< n; an engine that runs fewer at once refuses more itself
};

/// INVALID_ARGUMENT with the parameter at fault. Fields that change the answer and are not
/// supported (tools, functions ...) are refused, never
/// ignored; fields that only describe the caller (user, metadata, store ...) are ignored.
StatusOr<ChatRequest> ParseChatRequest(std::string_view body, const ChatLimits& limits);

}  // namespace hadal::gateway
