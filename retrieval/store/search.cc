#include <utility>

#include "base/utf8.h"
#include "retrieval/label_proto.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {
namespace {

using store::v1::ChunkRecord;
using store::v1::DocumentRecord;

constexpr int32_t kMaxTopK = 1000;
constexpr size_t kMaxQueryBytes = 32 << 10;
// A search whose hits vanished under it (a delete in between) starts again this often.
constexpr int kSearchAttempts = 3;

}  // namespace

StatusOr<SearchResult> KnowledgeStoreImpl::Search(const std::string& base_id,
                                                  const std::string& query, int32_t top_k,
                                                  const AccessFilter& filter) {
  ASSIGN_OR_RETURN(const Base base, FindBase(base_id));
  if (query.empty() || query.size() > kMaxQueryBytes || !IsValidUtf8(query)) {
    return InvalidArgument("query of {} bytes: expected 1 to {} bytes of UTF-8", query.size(),
                           kMaxQueryBytes);
  }
  if (top_k < 1 || top_k > kMaxTopK) {
    return InvalidArgument("top_k is {}, expected 1 to {}", top_k, kMaxTopK);
  }
  RETURN_IF_ERROR(CheckModel(base.record));
  IndexQuery index_query;
  ASSIGN_OR_RETURN(index_query.vector, embedder_->EmbedQuery(query));
  if (index_query.vector.size() != static_cast<size_t>(base.record.embedding_dim())) {
    return Internal("the embedder returned {} numbers for a query, expected {}",
                    index_query.vector.size(), base.record.embedding_dim());
  }
  index_query.terms = tokenizer_->QueryTerms(query);

  SearchResult result;
  for (int attempt = 0; attempt < kSearchAttempts; ++attempt) {
    const IndexResult found = base.index->Search(index_query, static_cast<size_t>(top_k), filter);
    result = SearchResult();
    result.chunks_allowed = found.chunks_allowed;
    result.chunks_pending = found.chunks_pending;
    for (const Candidate& candidate : found.best) {
      ASSIGN_OR_RETURN(std::optional<SearchHit> hit,
                       LoadHit(base.record.number(), candidate, filter));
      if (hit) {
        result.hits.push_back(*std::move(hit));
      } else {
        result.complete = false;
      }
    }
    if (result.complete) break;
  }
  return result;
}

// The second access check, against the stored label and not the index's copy of it.
StatusOr<std::optional<SearchHit>> KnowledgeStoreImpl::LoadHit(uint32_t base,
                                                               const Candidate& candidate,
                                                               const AccessFilter& filter) const {
  const StatusOr<std::string> value =
      database_->Get(Table::kChunks, ChunkKey(base, candidate.number));
  if (absl::IsNotFound(value.status())) return std::optional<SearchHit>();
  RETURN_IF_ERROR(value.status());
  ASSIGN_OR_RETURN(ChunkRecord record, DecodeRecord<ChunkRecord>(*value, "a chunk record"));
  ASSIGN_OR_RETURN(const std::optional<DocumentRecord> document,
                   FindRecord(base, record.document_id()));
  if (!document || document->removed_unix_ms() != 0 ||
      document->version() != record.document_version()) {
    return std::optional<SearchHit>();
  }
  ASSIGN_OR_RETURN(DocumentInfo info, InfoOfRecord(*document));
  if (!filter.Allows(info.label)) return std::optional<SearchHit>();

  SearchHit hit;
  hit.chunk_id = fmt::format("{}#{}.{}", info.id, info.version, record.ordinal());
  hit.document_id = std::move(info.id);
  hit.document_version = info.version;
  hit.title = std::move(info.title);
  hit.label = std::move(info.label);
  hit.chunk = ChunkOfRecord(std::move(record));
  hit.score = candidate.score;
  hit.dense_score = candidate.dense;
  hit.lexical_score = candidate.lexical;
  hit.lexical_coverage = candidate.coverage;
  return std::optional<SearchHit>(std::move(hit));
}

}  // namespace hadal::retrieval
