#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "auth/audit_log.h"
#include "base/status.h"
#include "hadal/internal/v1/inference.pb.h"
#include "services/gateway/backend/inference_client.h"
#include "services/gateway/filters/admission.h"
#include "services/gateway/work/tenant_secret.h"

namespace hadal::gateway {

struct ChatChoice {
  std::string reasoning;
  std::string content;
  /// Of all tokens, where the request wants them.
  google::protobuf::RepeatedPtrField<internal::v1::TokenLogprob> logprobs;
};

/// A chat completion without a knowledge base.
struct ChatAnswer {
  int32_t num_choices() const { return static_cast<int32_t>(choices.size()); }
  /// Of a choice in `result`.
  const std::string& finish_reason(int32_t choice) const {
    return choice == 0 ? result.finish_reason() : result.others(choice - 1).finish_reason();
  }

  std::string model;
  std::vector<ChatChoice> choices;
  internal::v1::GenerateResult result;
  auth::AuditPosition position;
};

/// Takes a stream's text as it is generated, on the thread that runs the pipeline.
class ChatSink {
 public:
  virtual ~ChatSink() = default;
  /// Before the first delta, when the "started" record is durable.
  virtual void OnStart(const std::string& model) = 0;
  /// False: the caller is gone, stop.
  virtual bool OnDelta(const internal::v1::GenerateDelta& delta) = 0;
};

/// Messages → generation → audit record. Thread-safe.
class ChatPipeline {
 public:
  /// Everything outlives the pipeline.
  struct Dependencies {
    const InferenceClient* inference = nullptr;
    const TenantSecret* tenants = nullptr;
  };
  explicit ChatPipeline(const Dependencies& dependencies) : deps_(dependencies) {}

  /// Authorises, generates, and closes `request`: when this returns OK the record is durable and
  /// the answer may be released. With a `sink` deltas are released as they come, after a "started"
  /// record. On an error the request is left for the caller to finish.
  StatusOr<ChatAnswer> Run(RequestContext& request, CallScope& scope,
                           internal::v1::GenerateRequest generate, ChatSink* sink) const;

 private:
  const Dependencies deps_;
};

}  // namespace hadal::gateway
