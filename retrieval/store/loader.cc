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
      : database_(database), tokenizer_(tokenizer), base_(base) {
    loaded_.index = std::make_unique<BaseIndex>(base.embedding_dim());
  }

  StatusOr<LoadedBase> Run() {
    RETURN_IF_ERROR(ReadDocuments());
    next_ = documents_.begin();
    const std::string prefix = ChunkPrefix(base_.number());
    RETURN_IF_ERROR(database_.Scan(
        Table::kChunks, prefix, prefix,
        [this](std::string_view key, std::string_view value) { return AddChunk(key, value); }));
    if (next_ != documents_.end()) return MissingChunk();
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

  StatusOr<bool> AddChunk(std::string_view key, std::string_view value) {
    ASSIGN_OR_RETURN(const uint64_t number, NumberOfKey(key));
    if (next_ == documents_.end() || number < next_->first) {
      return DataLoss(
          "chunk {} of base {} belongs to no document: the store is damaged; restore it "
          "from a backup",
          number, base_.id());
    }
    const DocumentRecord& document = next_->second;
    if (number != next_->first + pending_.size()) return MissingChunk();
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
    pending_.push_back(
        {number, chunk.language, tokenizer_.Count(PassageText(document.title(), chunk))});
    if (pending_.size() == static_cast<size_t>(document.num_chunks())) {
      RETURN_IF_ERROR(FinishDocument());
    }
    return true;
  }

  Status FinishDocument() {
    const DocumentRecord& document = next_->second;
    const uint64_t first = next_->first;
    std::vector<float> vectors;
    vectors.reserve(pending_.size() * static_cast<size_t>(base_.embedding_dim()));
    uint64_t expected = first;
    const uint64_t end = first + pending_.size();
    const auto append = [&](std::string_view key, std::string_view value) -> StatusOr<bool> {
      ASSIGN_OR_RETURN(const uint64_t number, NumberOfKey(key));
      if (number >= end || number != expected) return false;
      RETURN_IF_ERROR(DecodeVector(value, base_.embedding_dim(), vectors));
      return ++expected < end;
    };
    RETURN_IF_ERROR(database_.Scan(Table::kVectors, VectorPrefix(base_.number()),
                                   VectorKey(base_.number(), first), append));
    if (expected != end) {
      return DataLoss(
          "document {} of base {} lacks the vector of chunk {}: the store is damaged; "
          "restore it from a backup",
          document.id(), base_.id(), expected);
    }
    ASSIGN_OR_RETURN(const DocumentInfo info, InfoOfRecord(document));
    loaded_.index->Replace({}, info.label, pending_, vectors);
    loaded_.chunks += static_cast<int64_t>(pending_.size());
    pending_.clear();
    ++next_;
    return OkStatus();
  }

  Status MissingChunk() const {
    return DataLoss(
        "document {} of base {} lacks chunk {}: the store is damaged; restore it from a "
        "backup",
        next_->second.id(), base_.id(), next_->first + pending_.size());
  }

  const Database& database_;
  const Tokenizer& tokenizer_;
  const KnowledgeBaseRecord& base_;
  LoadedBase loaded_;
  std::map<uint64_t, DocumentRecord> documents_;             // live ones, by first chunk number
  std::map<uint64_t, DocumentRecord>::const_iterator next_;  // the one chunks are collected for
  std::vector<IndexedChunk> pending_;
};

}  // namespace

StatusOr<LoadedBase> LoadBase(const Database& database, const Tokenizer& tokenizer,
                              const KnowledgeBaseRecord& base) {
  return BaseLoader(database, tokenizer, base).Run();
}

}  // namespace hadal::retrieval
