#include "services/gateway/work/search.h"

#include <algorithm>
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

/// Once, however many searches of the request return it.
void RecordChunk(const internal::v1::Hit& hit, store::v1::AuditRecord& record) {
  const std::string& id = hit.chunk().chunk_id();
  const auto same = [&](const store::v1::AuditChunk& chunk) { return chunk.chunk_id() == id; };
  if (std::any_of(record.chunks().begin(), record.chunks().end(), same)) return;
  store::v1::AuditChunk& chunk = *record.add_chunks();
  chunk.set_document_id(hit.chunk().document_id());
  chunk.set_document_version(hit.document_version());
  chunk.set_chunk_id(id);
  chunk.set_sha256(Sha256Hex(hit.chunk().text()));
}

/// A prompt holds fewer sources, chosen among these; each costs a few reads.
constexpr int kCompletedHits = 8;
constexpr int32_t kNeighbours = 1;

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
  for (const internal::v1::Hit& hit : response.hits()) RecordChunk(hit, request.record());
  // Of several searches all must be.
  const bool complete = response.complete() && attributes["search_complete"] != "false";
  attributes["search_complete"] = complete ? "true" : "false";
  return response;
}

Status AddNeighbours(RequestContext& request, CallScope& scope, const RetrievalClient& retrieval,
                     const std::string& knowledge_base, internal::v1::SearchResponse& found) {
  internal::v1::GetChunksRequest wanted;
  wanted.set_knowledge_base(knowledge_base);
  wanted.set_neighbours(kNeighbours);
  for (const internal::v1::Hit& hit : found.hits()) {
    if (wanted.chunk_ids_size() < kCompletedHits) wanted.add_chunk_ids(hit.chunk().chunk_id());
  }
  if (wanted.chunk_ids().empty()) return OkStatus();
  ASSIGN_OR_RETURN(internal::v1::GetChunksResponse chunks,
                   retrieval.GetChunks(scope, request.principal(), wanted));
  for (internal::v1::Hit& chunk : *chunks.mutable_chunks()) {
    const auto hit = std::find_if(
        found.mutable_hits()->begin(), found.mutable_hits()->end(),
        [&](const auto& other) { return other.chunk().chunk_id() == chunk.chunk().chunk_id(); });
    if (hit == found.mutable_hits()->end()) continue;  // not asked for
    for (const internal::v1::Hit& beside : chunk.before()) RecordChunk(beside, request.record());
    for (const internal::v1::Hit& beside : chunk.after()) RecordChunk(beside, request.record());
    hit->mutable_before()->Swap(chunk.mutable_before());
    hit->mutable_after()->Swap(chunk.mutable_after());
  }
  return OkStatus();
}

}  // namespace hadal::gateway
