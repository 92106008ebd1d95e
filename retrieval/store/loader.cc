#include "retrieval/store/loader.h"

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

/// Walks the chunks in the order of their numbers beside the documents they must belong to.
class BaseLoader {
 public:
  BaseLoader(const Database& database, const Tokenizer& tokenizer, const KnowledgeBaseRecord& base)
      : database_(database), tokenizer_(tokenizer), base_(base) {}

  StatusOr<LoadedBase> Run() {
    ASSIGN_OR_RETURN(loaded_.index, BaseIndex::Open({.dim = base_.embedding_dim()}));
    RETURN_IF_ERROR(ReadDocuments());
    RETURN_IF_ERROR(ReadPending());
    next_ = documents_.begin();
    const std::string prefix = ChunkPrefix(base_.number());
    RETURN_IF_ERROR(database_.Scan(
        Table::kChunks, prefix, prefix,
        [this](std::string_view key, std::string_view value) { return AddChunk(key, value); }));
    if (next_ != documents_.end()) return MissingChunk();
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
    const std::string prefix = DocumentPrefix(base_.number());
    return database_.Scan(
        Table::kDocuments, prefix, prefix,
        [this](std::string_view, std::string_view value) -> StatusOr<bool> {
          ASSIGN_OR_RETURN(DocumentRecord record,
                           DecodeRecord<DocumentRecord>(value, "a document record"));
          if (record.removed_unix_ms() != 0) return true;
          ++loaded_.documents;
          if (record.num_chunks() == 0) return true;
          const uint64_t first = record.first_chunk_number();
          const std::string id = record.id();
          if (!documents_.emplace(first, std::move(record)).second) {
            return DataLoss(
                "two documents of base {} start at chunk {}; one is {}: the store is "
                "damaged; restore it from a backup",
                base_.id(), first, id);
          }
          return true;
        });
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

  StatusOr<bool> AddChunk(std::string_view key, std::string_view value) {
    ASSIGN_OR_RETURN(const uint64_t number, NumberOfKey(key));
    if (next_ == documents_.end() || number < next_->first) {
      return DataLoss(
          "chunk {} of base {} belongs to no document: the store is damaged; restore it "
          "from a backup",
          number, base_.id());
    }
    const DocumentRecord& document = next_->second;
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
    collected_.push_back(
        {number, chunk.language, tokenizer_.Count(PassageText(document.title(), chunk))});
    if (collected_.size() == static_cast<size_t>(document.num_chunks())) {
      RETURN_IF_ERROR(FinishDocument());
    }
    return true;
  }

  Status FinishDocument() {
    const DocumentRecord& document = next_->second;
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
    const bool whole = embedded.count == range.count;
    loaded_.index->Replace({}, info.label, collected_,
                           whole ? absl::MakeConstSpan(vectors) : absl::Span<const float>());
    if (!whole) loaded_.index->SetVectors(embedded, vectors);
    loaded_.chunks += static_cast<int64_t>(collected_.size());
    collected_.clear();
    ++next_;
    return OkStatus();
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
        next_->second.id(), base_.id(), next_->first + collected_.size());
  }

  const Database& database_;
  const Tokenizer& tokenizer_;
  const KnowledgeBaseRecord& base_;
  LoadedBase loaded_;
  std::map<uint64_t, DocumentRecord> documents_;             // live ones, by first chunk number
  std::map<uint64_t, DocumentRecord>::const_iterator next_;  // the one chunks are collected for
  std::map<uint64_t, uint64_t> embedded_;  // pending versions: vectors there are, by first chunk
  std::vector<IndexedChunk> collected_;
};

}  // namespace

StatusOr<LoadedBase> LoadBase(const Database& database, const Tokenizer& tokenizer,
                              const KnowledgeBaseRecord& base) {
  return BaseLoader(database, tokenizer, base).Run();
}

}  // namespace hadal::retrieval
