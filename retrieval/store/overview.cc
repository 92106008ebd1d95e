// What a base holds: counts, and documents that are nearly others.

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "retrieval/clean/min_hash.h"
#include "retrieval/clean/similar_documents.h"
#include "retrieval/label_proto.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {
namespace {

using store::v1::DocumentRecord;
using store::v1::UploadRecord;

constexpr double kLeastSimilarity = 0.5;  // below it the bands find too few
constexpr size_t kMaxComparedDocuments = 200'000;

StatusOr<bool> Opens(const std::optional<AccessFilter>& filter, const v1::Label& proto) {
  ASSIGN_OR_RETURN(const Label label, LabelFromProto(proto));
  return !filter || filter->Allows(label);
}

template <typename Record>
Status ScanRecords(const DatabaseReader& database, const std::string& prefix,
                   const std::function<Status(const Record&)>& visit) {
  return database.Scan(Table::kDocuments, prefix, prefix,
                       [&visit](std::string_view, std::string_view value) -> StatusOr<bool> {
                         ASSIGN_OR_RETURN(const Record record,
                                          DecodeRecord<Record>(value, "a document record"));
                         RETURN_IF_ERROR(visit(record));
                         return true;
                       });
}

}  // namespace

StatusOr<BaseStats> KnowledgeStoreImpl::Stats(const std::string& base_id,
                                              const std::optional<AccessFilter>& filter) const {
  ASSIGN_OR_RETURN(const Base base, FindBase(base_id));
  const uint32_t number = base.record.number();
  BaseStats stats;
  absl::flat_hash_set<std::string> files;
  const auto count_file = [&](const std::string& sha256, int64_t bytes) {
    if (files.insert(sha256).second) stats.file_bytes += bytes;
  };
  const auto count_version = [&](const DocumentRecord& version) {
    ++stats.versions;
    stats.chunks += version.num_chunks();
    stats.chunks_pending += PendingChunks(number, version);
    if (version.has_file()) count_file(version.sha256(), version.size_bytes());
  };
  // Older versions and uploads are for those who may read the newest version too.
  const auto newest_opens = [&](const std::string& id) -> StatusOr<bool> {
    ASSIGN_OR_RETURN(const std::optional<DocumentRecord> newest, FindRecord(number, id));
    if (!newest || newest->removed_unix_ms() != 0) return true;
    return Opens(filter, newest->label());
  };
  RETURN_IF_ERROR(ScanRecords<DocumentRecord>(
      *database_, DocumentPrefix(number), [&](const DocumentRecord& newest) -> Status {
        if (newest.removed_unix_ms() != 0) return OkStatus();
        ASSIGN_OR_RETURN(const Label label, LabelFromProto(newest.label()));
        if (filter && !filter->Allows(label)) return OkStatus();
        ++stats.documents;
        ++stats.by_classification[label.classification];
        count_version(newest);
        return OkStatus();
      }));
  RETURN_IF_ERROR(ScanRecords<DocumentRecord>(
      *database_, OlderVersionsPrefix(number), [&](const DocumentRecord& older) -> Status {
        ASSIGN_OR_RETURN(const bool opens, Opens(filter, older.label()));
        ASSIGN_OR_RETURN(const bool shown, newest_opens(older.id()));
        if (opens && shown) count_version(older);
        return OkStatus();
      }));
  RETURN_IF_ERROR(ScanRecords<UploadRecord>(
      *database_, UploadPrefix(number), [&](const UploadRecord& upload) -> Status {
        ASSIGN_OR_RETURN(const bool opens, Opens(filter, upload.label()));
        ASSIGN_OR_RETURN(const bool shown, newest_opens(upload.document_id()));
        if (!opens || !shown) return OkStatus();
        ASSIGN_OR_RETURN(const UploadInfo info, Describe(upload));
        ++stats.uploads[info.state];
        count_file(upload.sha256(), upload.size_bytes());
        return OkStatus();
      }));
  stats.base = Describe(base);
  stats.embedding_model = base.record.embedding_model();
  stats.embedding_dim = base.record.embedding_dim();
  const BaseIndex::Generation index = base.index->generation();
  stats.index_files = static_cast<int64_t>(index.files.size());
  stats.index_dead_slots = index.dead_slots;
  stats.index_generation = index.number;
  stats.index_live_chunks = base.index->live_chunks();
  return stats;
}

StatusOr<NearDuplicates> KnowledgeStoreImpl::FindNearDuplicates(const std::string& base_id,
                                                                double least_similarity,
                                                                int32_t max_results,
                                                                const AccessFilter& filter) const {
  if (!(least_similarity >= kLeastSimilarity && least_similarity <= 1) || max_results < 1) {
    return InvalidArgument(
        "near duplicates of at least {} similarity, at most {} of them: expected {} to 1, and at "
        "least 1",
        least_similarity, max_results, kLeastSimilarity);
  }
  ASSIGN_OR_RETURN(const uint32_t base, NumberOfBase(base_id));
  const std::optional<AccessFilter> reader = filter;
  struct Pair {
    double similarity;
    uint64_t document;
    uint64_t like;
  };
  std::vector<std::string> ids;
  std::vector<Pair> pairs;
  {
    absl::MutexLock lock(&duplicates_mu_);
    SimilarDocuments seen;
    RETURN_IF_ERROR(ScanRecords<DocumentRecord>(
        *database_, DocumentPrefix(base), [&](const DocumentRecord& record) -> Status {
          if (record.removed_unix_ms() != 0) return OkStatus();
          if (record.signature_size() != static_cast<int>(kSignatureSize)) return OkStatus();
          ASSIGN_OR_RETURN(const bool opens, Opens(reader, record.label()));
          if (!opens) return OkStatus();
          if (ids.size() == kMaxComparedDocuments) {
            return ResourceExhausted(
                "'{}' has more than {} documents that you may read: so many are not compared at "
                "once",
                base_id, kMaxComparedDocuments);
          }
          const MinHashSignature signature(record.signature().begin(), record.signature().end());
          const uint64_t document = ids.size();
          for (const SimilarDocument& like : seen.Find(signature, least_similarity, 1)) {
            pairs.push_back({like.similarity, document, like.document});
          }
          seen.Add(document, signature);
          ids.push_back(record.id());
          return OkStatus();
        }));
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.similarity > b.similarity; });
  NearDuplicates result;
  result.found = static_cast<int64_t>(pairs.size());
  pairs.resize(std::min(pairs.size(), static_cast<size_t>(max_results)));
  for (const Pair& pair : pairs) {
    StatusOr<DocumentInfo> document = GetDocument(base_id, ids[pair.document], filter);
    StatusOr<DocumentInfo> like = GetDocument(base_id, ids[pair.like], filter);
    if (absl::IsNotFound(document.status()) || absl::IsNotFound(like.status())) continue;
    RETURN_IF_ERROR(document.status());
    RETURN_IF_ERROR(like.status());
    result.duplicates.push_back({*std::move(document), *std::move(like), pair.similarity});
  }
  return result;
}

}  // namespace hadal::retrieval
