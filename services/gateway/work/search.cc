#include "services/gateway/work/search.h"

#include <set>
#include <string>
#include <utility>

#include "services/gateway/filters/digest.h"
#include "services/gateway/filters/error_detail.h"

namespace hadal::gateway {
namespace {

Status CheckSearch(const v1::SearchRequest& search) {
  if (search.knowledge_base().empty()) {
    return InvalidArgument("knowledge_base is empty: name the knowledge base to search");
  }
  if (search.query().empty() || search.query().size() > kMaxQueryBytes) {
    return InvalidArgument("the query must have 1 to {} bytes, this one has {}", kMaxQueryBytes,
                           search.query().size());
  }
  if (search.top_k() < 0 || search.top_k() > kMaxTopK) {
    return InvalidArgument("top_k must be within 0 (default) and {}, got {}", kMaxTopK,
                           search.top_k());
  }
  return OkStatus();
}

}  // namespace

StatusOr<internal::v1::SearchResponse> SearchFor(RequestContext& request, CallScope& scope,
                                                 const RetrievalClient& retrieval,
                                                 const v1::SearchRequest& search) {
  RETURN_IF_ERROR(CheckSearch(search));
  auto& attributes = *request.record().mutable_attributes();
  attributes["filter_sha256"] = DigestOf(FilterOf(request.principal()));
  StatusOr<internal::v1::SearchResponse> found =
      retrieval.Search(scope, request.principal(), search);
  if (found.status().code() == StatusCode::kNotFound) {
    return WithDetail(found.status(),
                      {.param = "knowledge_base", .code = "knowledge_base_not_found"});
  }
  ASSIGN_OR_RETURN(internal::v1::SearchResponse response, std::move(found));
  std::set<std::string> recorded;  // by an earlier search of the same request
  for (const auto& chunk : request.record().chunks()) recorded.insert(chunk.chunk_id());
  for (const internal::v1::Hit& hit : response.hits()) {
    if (recorded.contains(hit.chunk().chunk_id())) continue;
    store::v1::AuditChunk& chunk = *request.record().add_chunks();
    chunk.set_document_id(hit.chunk().document_id());
    chunk.set_document_version(hit.document_version());
    chunk.set_chunk_id(hit.chunk().chunk_id());
    chunk.set_sha256(Sha256Hex(hit.chunk().text()));
  }
  // Of several searches all must be.
  const bool complete = response.complete() && attributes["search_complete"] != "false";
  attributes["search_complete"] = complete ? "true" : "false";
  return response;
}

}  // namespace hadal::gateway
