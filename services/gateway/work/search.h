#pragma once

#include "base/status.h"
#include "hadal/internal/v1/retrieval.pb.h"
#include "hadal/v1/knowledge.pb.h"
#include "services/gateway/backend/retrieval_client.h"
#include "services/gateway/filters/admission.h"

namespace hadal::gateway {

inline constexpr int32_t kMaxTopK = 100;
inline constexpr size_t kMaxQueryBytes = 8000;

/// Searches within the rights of the request's principal and puts into its record which chunks came
/// back, under which filter. INVALID_ARGUMENT for an empty or overlong query or a top_k outside
/// 0..100; otherwise the retriever's own errors. The caller has authorised the action.
StatusOr<internal::v1::SearchResponse> SearchFor(RequestContext& request, CallScope& scope,
                                                 const RetrievalClient& retrieval,
                                                 const v1::SearchRequest& search);

/// Gives the first hits the chunks beside them in their sections (Hit::before and after), within
/// the same rights, and puts those into the record too. The retriever's own errors.
Status AddNeighbours(RequestContext& request, CallScope& scope, const RetrievalClient& retrieval,
                     const std::string& knowledge_base, internal::v1::SearchResponse& found);

}  // namespace hadal::gateway
