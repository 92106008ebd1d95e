#include "retrieval/store/loader.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "retrieval/label_proto.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {
namespace {

using store::v1::ChunkRecord;
using store::v1::DocumentRecord;
using store::v1::KnowledgeBaseRecord;
using store::v1::UploadRecord;

/// Walks the chunks in the order of their numbers beside the documents they must belong to.
class BaseLoader {
 public:
  BaseLoader(const DatabaseReader& database, const Tokenizer& tokenizer,
             const KnowledgeBaseRecord& base, const BaseIndexOptions& index,
             const PickVersion& pick)
      : database_(database), tokenizer_(tokenizer), base_(base), index_(index), pick_(pick) {}

  StatusOr<LoadedBase> Run() {
    ASSIGN_OR_RETURN(loaded_.index, BaseIndex::Open(index_));
    RETURN_IF_ERROR(ReadDocuments());
    RETURN_IF_ERROR(ReadPending());
    RETURN_IF_ERROR(FindMissing());
    next_ = versions_.begin();
    const std::string prefix = ChunkPrefix(base_.number());
    RETURN_IF_ERROR(database_.Scan(
        Table::kChunks, prefix, prefix,
        [this](std::string_view key, std::string_view value) { return AddChunk(key, value); }));
    if (next_ != versions_.end()) return MissingChunk();
    if (!embedded_.empty()) {
      return DataLoss(
          "the pending key of chunk {} of base {} belongs to no document: the store is damaged; "
          "restore it from a backup",
          embedded_.begin()->first, base_.id());
    }
    return std::move(loaded_);
  }

 private:
  Status ReadDocuments() {
    std::map<std::string, std::vector<DocumentRecord>> older;  // ascending versions
    RETURN_IF_ERROR(ScanDocuments<DocumentRecord>(
        OlderVersionsPrefix(base_.number()), [&older](DocumentRecord record) {
          std::vector<DocumentRecord>& versions = older[record.id()];
          versions.push_back(std::move(record));
          return OkStatus();
        }));
    RETURN_IF_ERROR(ScanDocuments<DocumentRecord>(
        DocumentPrefix(base_.number()), [&](DocumentRecord record) -> Status {
          if (record.removed_unix_ms() != 0) return OkStatus();
          std::vector<DocumentRecord> versions;
          versions.push_back(std::move(record));
          if (const auto it = older.find(versions.front().id()); it != older.end()) {
            versions.insert(versions.end(), std::make_move_iterator(it->second.rbegin()),
                            std::make_move_iterator(it->second.rend()));
            older.erase(it);
          }
          ++loaded_.documents;
          return AddVersions(std::move(versions));
        }));
    if (!older.empty()) {
      return DataLoss(
          "an older version of {} in base {} has no newest version: the store is damaged; restore "
          "it from a backup",
          older.begin()->first, base_.id());
    }
    RETURN_IF_ERROR(ScanDocuments<UploadRecord>(UploadPrefix(base_.number()),
                                                [this](const UploadRecord& upload) {
                                                  CountFile(upload.sha256(), 1);
                                                  return OkStatus();
                                                }));
    return CheckFiles();
  }

  template <typename Record, typename Add>
  Status ScanDocuments(const std::string& prefix, const Add& add) {
    return database_.Scan(Table::kDocuments, prefix, prefix,
                          [&add](std::string_view, std::string_view value) -> StatusOr<bool> {
                            ASSIGN_OR_RETURN(Record record,
                                             DecodeRecord<Record>(value, "a document record"));
                            RETURN_IF_ERROR(add(std::move(record)));
                            return true;
                          });
  }

  Status AddVersions(std::vector<DocumentRecord> versions) {
    const std::optional<size_t> picked = pick_(versions);
    for (DocumentRecord& version : versions) {
      if (version.has_file()) CountFile(version.sha256(), 1);
      // Large, and of no use here.
      version.clear_fields();
      version.clear_signature();
      version.clear_warnings();
    }
    const auto dated = [](const DocumentRecord& version) {
      return version.effective_unix_ms() != 0 || version.expires_unix_ms() != 0;
    };
    if (picked != size_t{0} || std::any_of(versions.begin(), versions.end(), dated)) {
      std::optional<ChunkRange> indexed;
      if (picked != size_t{0}) indexed = picked ? RangeOf(versions[*picked]) : ChunkRange();
      loaded_.dated.push_back({versions.front().id(), indexed, versions});
    }
    for (size_t i = 0; i < versions.size(); ++i) {
      if (versions[i].num_chunks() == 0) continue;
      const uint64_t first = versions[i].first_chunk_number();
      const std::string id = versions[i].id();
      if (!versions_.emplace(first, Version{std::move(versions[i]), picked == i}).second) {
        return DataLoss(
            "two documents of base {} start at chunk {}; one is {}: the store is damaged; restore "
            "it from a backup",
            base_.id(), first, id);
      }
    }
    return OkStatus();
  }

  static ChunkRange RangeOf(const DocumentRecord& version) {
    return {version.first_chunk_number(), static_cast<uint64_t>(version.num_chunks())};
  }

  // What the records say of every file, and what the counters say, meet at nought.
  void CountFile(std::string_view sha256, uint64_t users) {
    file_users_ += users * std::hash<std::string_view>()(sha256);
  }

  Status CheckFiles() {
    uint64_t counted = 0;
    std::swap(counted, file_users_);
    const std::string prefix = FileUsersPrefix(base_.number());
    RETURN_IF_ERROR(
        database_.Scan(Table::kFiles, prefix, prefix,
                       [&](std::string_view key, std::string_view value) -> StatusOr<bool> {
                         ASSIGN_OR_RETURN(const uint64_t users, DecodeCounter(value));
                         CountFile(key.substr(prefix.size()), users);
                         return true;
                       }));
    if (file_users_ == counted) return OkStatus();
    return DataLoss(
        "the files of base {} and the documents that name them do not fit each other: the store is "
        "damaged; restore it from a backup",
        base_.id());
  }

  Status ReadPending() {
    const std::string prefix = PendingPrefix(base_.number());
    return database_.Scan(Table::kMeta, prefix, prefix,
                          [this](std::string_view key, std::string_view value) -> StatusOr<bool> {
                            ASSIGN_OR_RETURN(const uint64_t first, NumberOfKey(key));
                            ASSIGN_OR_RETURN(embedded_[first], DecodeCounter(value));
                            return true;
                          });
  }

  /// What the index's files lack of the versions that belong into it.
  Status FindMissing() {
    std::vector<BaseIndex::LiveRange> live;
    for (const auto& [first, version] : versions_) {
      if (!version.in_index) continue;
      ASSIGN_OR_RETURN(Label label, retrieval::LabelFromProto(version.record.label()));
      live.push_back({RangeOf(version.record), std::move(label)});
    }
    missing_ = loaded_.index->Reconcile(live).chunks;
    next_missing_ = missing_.begin();
    return OkStatus();
  }

  bool IsMissing(uint64_t number) {
    while (next_missing_ != missing_.end() && number >= next_missing_->end()) ++next_missing_;
    return next_missing_ != missing_.end() && number >= next_missing_->first;
  }

  StatusOr<bool> AddChunk(std::string_view key, std::string_view value) {
    ASSIGN_OR_RETURN(const uint64_t number, NumberOfKey(key));
    if (next_ == versions_.end() || number < next_->first) {
      return DataLoss(
          "chunk {} of base {} belongs to no document: the store is damaged; restore it "
          "from a backup",
          number, base_.id());
    }
    const DocumentRecord& document = next_->second.record;
    if (number != next_->first + collected_.size()) return MissingChunk();
    ASSIGN_OR_RETURN(ChunkRecord record, DecodeRecord<ChunkRecord>(value, "a chunk record"));
    if (record.number() != number || record.document_id() != document.id() ||
        record.document_version() != document.version()) {
      return DataLoss(
          "chunk {} of base {} holds chunk {} of {} version {}, expected {} version {}: the store "
          "is "
          "damaged; restore it from a backup",
          number, base_.id(), record.number(), record.document_id(), record.document_version(),
          document.id(), document.version());
    }
    const Chunk chunk = ChunkOfRecord(std::move(record));
    collected_.push_back({number, chunk.language, {}});
    const bool feed = next_->second.in_index && IsMissing(number);
    missing_here_.push_back(feed);
    if (feed) collected_.back().terms = tokenizer_.Count(PassageText(document.title(), chunk));
    if (collected_.size() == static_cast<size_t>(document.num_chunks())) {
      RETURN_IF_ERROR(FinishDocument());
    }
    return true;
  }

  Status FinishDocument() {
    const DocumentRecord& document = next_->second.record;
    const ChunkRange range = {next_->first, collected_.size()};
    ChunkRange embedded = range;
    if (const auto it = embedded_.find(range.first); it != embedded_.end()) {
      embedded.count = it->second;
      if (embedded.count >= range.count) {
        return DataLoss(
            "document {} of base {} is pending with {} of {} vectors: the store is damaged; "
            "restore it from a backup",
            document.id(), base_.id(), embedded.count, range.count);
      }
      embedded_.erase(it);
      loaded_.pending.push_back({base_.id(), base_.number(), document.id(), range, embedded.count});
    }
    ASSIGN_OR_RETURN(const std::vector<float> vectors, ReadVectors(document, embedded));
    ASSIGN_OR_RETURN(const DocumentInfo info, InfoOfRecord(document));
    FeedMissing(info.label, embedded.count, vectors);
    loaded_.chunks += static_cast<int64_t>(collected_.size());
    collected_.clear();
    missing_here_.clear();
    ++next_;
    return OkStatus();
  }

  /// Of the collected chunks those that the index lacks, run by run; `embedded` of them, from the
  /// first on, have `vectors`.
  void FeedMissing(const Label& label, uint64_t embedded, absl::Span<const float> vectors) {
    const size_t dim = static_cast<size_t>(base_.embedding_dim());
    const auto has_vector = [embedded](size_t i) { return i < embedded; };
    for (size_t begin = 0, end = 0; begin < collected_.size(); begin = end) {
      end = begin + 1;
      if (!missing_here_[begin]) continue;
      while (end < collected_.size() && missing_here_[end] &&
             has_vector(end) == has_vector(begin)) {
        ++end;
      }
      loaded_.index->Replace({}, label, absl::MakeConstSpan(collected_).subspan(begin, end - begin),
                             has_vector(begin) ? vectors.subspan(begin * dim, (end - begin) * dim)
                                               : absl::Span<const float>());
    }
  }

  StatusOr<std::vector<float>> ReadVectors(const DocumentRecord& document,
                                           const ChunkRange& range) const {
    std::vector<float> vectors;
    vectors.reserve(range.count * static_cast<size_t>(base_.embedding_dim()));
    if (range.count == 0) return vectors;
    uint64_t expected = range.first;
    const uint64_t end = range.first + range.count;
    const auto append = [&](std::string_view key, std::string_view value) -> StatusOr<bool> {
      ASSIGN_OR_RETURN(const uint64_t number, NumberOfKey(key));
      if (number >= end || number != expected) return false;
      RETURN_IF_ERROR(DecodeVector(value, base_.embedding_dim(), vectors));
      return ++expected < end;
    };
    RETURN_IF_ERROR(database_.Scan(Table::kVectors, VectorPrefix(base_.number()),
                                   VectorKey(base_.number(), range.first), append));
    if (expected != end) {
      return DataLoss(
          "document {} of base {} lacks the vector of chunk {}: the store is damaged; "
          "restore it from a backup",
          document.id(), base_.id(), expected);
    }
    return vectors;
  }

  Status MissingChunk() const {
    return DataLoss(
        "document {} of base {} lacks chunk {}: the store is damaged; restore it from a "
        "backup",
        next_->second.record.id(), base_.id(), next_->first + collected_.size());
  }

  struct Version {
    DocumentRecord record;
    bool in_index;
  };

  const DatabaseReader& database_;
  const Tokenizer& tokenizer_;
  const KnowledgeBaseRecord& base_;
  const BaseIndexOptions& index_;
  const PickVersion& pick_;
  LoadedBase loaded_;
  std::map<uint64_t, Version> versions_;              // live ones, by first chunk number
  std::map<uint64_t, Version>::const_iterator next_;  // the one chunks are collected for
  uint64_t file_users_ = 0;
  std::map<uint64_t, uint64_t> embedded_;  // pending versions: vectors there are, by first chunk
  std::vector<ChunkRange> missing_;        // in the index, ascending
  std::vector<ChunkRange>::const_iterator next_missing_;
  std::vector<IndexedChunk> collected_;
  std::vector<bool> missing_here_;  // which of collected_
};

}  // namespace

StatusOr<LoadedBase> LoadBase(const DatabaseReader& database, const Tokenizer& tokenizer,
                              const KnowledgeBaseRecord& base, const BaseIndexOptions& index,
                              const PickVersion& pick) {
  return BaseLoader(database, tokenizer, base, index, pick).Run();
}

}  // namespace hadal::retrieval
