#include <utility>

#include "base/utf8.h"
#include "retrieval/label_proto.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"
#include "retrieval/store/version_rules.h"

namespace hadal::retrieval {
namespace {

using store::v1::ChunkRecord;
using store::v1::DocumentRecord;

constexpr int32_t kMaxTopK = 1000;
constexpr size_t kMaxQueryBytes = 32 << 10;
// A search whose hits vanished under it (a delete in between) starts again this often.
constexpr int kSearchAttempts = 3;
// So many times more are asked for when what was found falls short.
constexpr size_t kMoreCandidates = 4;

}  // namespace

StatusOr<SearchResult> KnowledgeStoreImpl::Search(const std::string& base_id,
                                                  const std::string& query,
                                                  const SearchOptions& options,
                                                  const AccessFilter& filter) {
  ASSIGN_OR_RETURN(const Base base, FindBase(base_id));
  if (query.empty() || query.size() > kMaxQueryBytes || !IsValidUtf8(query)) {
    return InvalidArgument("query of {} bytes: expected 1 to {} bytes of UTF-8", query.size(),
                           kMaxQueryBytes);
  }
  if (options.top_k < 1 || options.top_k > kMaxTopK) {
    return InvalidArgument("top_k is {}, expected 1 to {}", options.top_k, kMaxTopK);
  }
  RETURN_IF_ERROR(CheckModel(base.record));
  IndexQuery index_query;
  ASSIGN_OR_RETURN(index_query.vector, embedder_->EmbedQuery(query));
  if (index_query.vector.size() != static_cast<size_t>(base.record.embedding_dim())) {
    return Internal("the embedder returned {} numbers for a query, expected {}",
                    index_query.vector.size(), base.record.embedding_dim());
  }
  index_query.terms = tokenizer_->QueryTerms(query);

  RETURN_IF_ERROR(ApplyDates());
  std::shared_ptr<BaseIndex> index = base.index;
  if (options.as_of_unix_ms != 0) {
    ASSIGN_OR_RETURN(index, IndexAsOf(base, options.as_of_unix_ms));
  }
  SearchResult result;
  for (int attempt = 0; attempt < kSearchAttempts; ++attempt) {
    bool hits_vanished = false;
    ASSIGN_OR_RETURN(result, SearchIndex(*index, base.record.number(), index_query, options, filter,
                                         hits_vanished));
    if (!hits_vanished) break;
  }
  return result;
}

// What only the records know (fields, the newest version's label) is looked at behind the index,
// which is asked for more until there are enough.
StatusOr<SearchResult> KnowledgeStoreImpl::SearchIndex(const BaseIndex& index, uint32_t base,
                                                       const IndexQuery& query,
                                                       const SearchOptions& options,
                                                       const AccessFilter& filter,
                                                       bool& hits_vanished) const {
  const size_t wanted = static_cast<size_t>(options.top_k);
  SearchResult result;
  size_t looked_at = 0;
  for (size_t asked = wanted;; asked *= kMoreCandidates) {
    const IndexResult found = index.Search(query, asked, filter);
    result.chunks_allowed = found.chunks_allowed;
    result.chunks_pending = found.chunks_pending;
    result.chunks_examined = found.examined;
    result.complete = found.complete;
    for (; looked_at < found.best.size() && result.hits.size() < wanted; ++looked_at) {
      ASSIGN_OR_RETURN(LoadedHit loaded, LoadHit(base, found.best[looked_at], options, filter));
      if (loaded.hit) result.hits.push_back(*std::move(loaded.hit));
      hits_vanished = hits_vanished || loaded.gone;
    }
    if (hits_vanished) result.complete = false;
    if (result.hits.size() == wanted || found.best.size() < asked || hits_vanished) break;
  }
  return result;
}

StatusOr<std::shared_ptr<BaseIndex>> KnowledgeStoreImpl::IndexAsOf(const Base& base,
                                                                   int64_t as_of_ms) {
  absl::MutexLock lock(&as_of_mu_);
  const std::unique_ptr<const DatabaseReader> snapshot = database_->Snapshot();
  ASSIGN_OR_RETURN(const uint64_t sequence, ReadCounterOf(*snapshot, SequenceKey()));
  const AsOf wanted = {base.record.number(), as_of_ms, sequence, nullptr};
  if (as_of_.index != nullptr && as_of_.base == wanted.base && as_of_.as_of_ms == as_of_ms &&
      as_of_.sequence == sequence) {
    return as_of_.index;
  }
  ASSIGN_OR_RETURN(
      LoadedBase loaded,
      LoadBase(*snapshot, *tokenizer_, base.record, {.dim = base.record.embedding_dim()},
               [as_of_ms](Versions versions) { return InForceAsOf(versions, as_of_ms); }));
  as_of_ = wanted;
  as_of_.index = std::move(loaded.index);
  return as_of_.index;
}

// The second access check, against the stored label and not the index's copy of it.
StatusOr<KnowledgeStoreImpl::LoadedHit> KnowledgeStoreImpl::LoadHit(
    uint32_t base, const Candidate& candidate, const SearchOptions& options,
    const AccessFilter& filter) const {
  const LoadedHit gone = {std::nullopt, true};
  const StatusOr<std::string> value =
      database_->Get(Table::kChunks, ChunkKey(base, candidate.number));
  if (absl::IsNotFound(value.status())) return gone;
  RETURN_IF_ERROR(value.status());
  ASSIGN_OR_RETURN(ChunkRecord record, DecodeRecord<ChunkRecord>(*value, "a chunk record"));
  ASSIGN_OR_RETURN(const std::optional<DocumentRecord> version,
                   FindVersion(base, record.document_id(), record.document_version()));
  if (!version) return gone;
  ASSIGN_OR_RETURN(const DocumentInfo info, InfoOfRecord(*version));
  if (!filter.Allows(info.label)) return gone;
  if (!HasFields(*version, options.fields)) return LoadedHit();
  ASSIGN_OR_RETURN(const bool open, NewestAllows(base, *version, filter));
  if (!open) return LoadedHit();

  SearchHit hit = HitOf(info, std::move(record));
  hit.score = candidate.score;
  hit.dense_score = candidate.dense;
  hit.lexical_score = candidate.lexical;
  hit.lexical_coverage = candidate.coverage;
  return LoadedHit{std::move(hit), false};
}

}  // namespace hadal::retrieval
