#pragma once

#include "base/status.h"
#include "hadal/v1/assistant.pb.h"
#include "services/answer/answerer.h"
#include "services/gateway/backend/inference_client.h"
#include "services/gateway/backend/retrieval_client.h"
#include "services/gateway/filters/admission.h"
#include "services/gateway/work/tenant_secret.h"

namespace hadal::gateway {

/// Question → search → checked, cited answer → audit record. Both protocols answer questions
/// through this one path. Thread-safe.
class AskPipeline {
 public:
  /// Everything outlives the pipeline.
  struct Dependencies {
    const RetrievalClient* retrieval = nullptr;
    const InferenceClient* inference = nullptr;
    const answer::Answerer* answerer = nullptr;
    const TenantSecret* tenants = nullptr;
    int32_t default_top_k = 8;
    int32_t max_answer_tokens = 4096;  ///< the most a request may ask for
  };
  explicit AskPipeline(const Dependencies& dependencies) : deps_(dependencies) {}

  /// Authorises, works, and closes `request`: when this returns OK the record is durable, `audit`
  /// is filled and the result may be released. On an error the request is left for the caller to
  /// finish.
  StatusOr<v1::AskResult> Run(RequestContext& request, CallScope& scope,
                              const v1::AskRequest& ask) const;

 private:
  StatusOr<v1::AskResult> Answer(RequestContext& request, CallScope& scope,
                                 const v1::AskRequest& ask) const;
  /// Searches for the question, for its parts and for `as_asked`, what a follow-up question was
  /// before it was completed; the hits with what stands beside them.
  StatusOr<internal::v1::SearchResponse> Search(RequestContext& request, CallScope& scope,
                                                const v1::AskRequest& ask,
                                                const std::string& as_asked) const;
  const Dependencies deps_;
};

}  // namespace hadal::gateway
