#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "hadal/v1/assistant.pb.h"
#include "services/gateway/work/chat.h"

namespace hadal::gateway {

/// The JSON of chat completions, whole or as the chunks of a stream. The non-standard members are
/// `reasoning_content` (where there is reasoning, as DeepSeek's API names it) and `hadal`
/// {"citations", "retrieved", "refused", "refusal_reason", "audit": {"index", "leaf_hash"}}.
class ChatResponse {
 public:
  ChatResponse(const std::string& request_id, int64_t created_unix_s, std::string model);

  /// An answer from a knowledge base; `audit` must be filled.
  std::string Whole(const v1::AskResult& result) const;
  std::string Whole(const ChatAnswer& answer) const;

  /// Chunks, in this order: role, deltas, last, usage (where asked for). The first and the last
  /// name every choice.
  std::string RoleChunk(int32_t num_choices = 1) const;
  std::string DeltaChunk(const internal::v1::GenerateDelta& piece) const;
  std::string LastChunk(const v1::AskResult& result) const;
  std::string LastChunk(const ChatAnswer& answer) const;
  std::string UsageChunk(const v1::Usage& usage) const;

 private:
  const std::string id_;
  const int64_t created_unix_s_;
  const std::string model_;
};

/// Usage of a plain chat in the public form.
v1::Usage UsageOf(const internal::v1::GenerateResult& result);

}  // namespace hadal::gateway
