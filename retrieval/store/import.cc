// A base out of an export: written under a number of its own, checked like a store that is opened,
// and only then there. What a failure or a kill leaves goes at the next opening.

#include <utility>

#include "retrieval/label_proto.h"
#include "retrieval/store/export_stream.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {
namespace {

using store::v1::ChunkRecord;
using store::v1::DocumentRecord;
using store::v1::KnowledgeBaseRecord;
using store::v1::UploadRecord;

constexpr int64_t kBatchBytes = int64_t{4} << 20;

Status Mismatch(std::string_view what, const std::string& id) {
  return DataLoss("the export holds {} of '{}' under another key: it is damaged", what, id);
}

/// The key in this store, and the value as it is written here: records get the import's sequence
/// number, since that of the other store says nothing here.
StatusOr<std::string> CheckValue(uint32_t base, uint64_t sequence, const std::string& key,
                                 std::string value) {
  const char kind = key[0];
  if (kind == DocumentPrefix(base)[0] || kind == OlderVersionsPrefix(base)[0]) {
    ASSIGN_OR_RETURN(DocumentRecord record, DecodeRecord<DocumentRecord>(value, "a document"));
    RETURN_IF_ERROR(CheckDocumentId(record.id()));
    const bool newest = kind == DocumentPrefix(base)[0];
    if (key != (newest ? DocumentKey(base, record.id())
                       : OlderVersionKey(base, record.id(), record.version()))) {
      return Mismatch("the record", record.id());
    }
    if (record.removed_unix_ms() == 0) {
      RETURN_IF_ERROR(LabelFromProto(record.label()).status());
      RETURN_IF_ERROR(CheckDates(record.effective_unix_ms(), record.expires_unix_ms()));
    }
    if (record.version() < 1 || record.num_chunks() < 0) {
      return DataLoss("the export holds version {} of '{}' with {} chunks: it is damaged",
                      record.version(), record.id(), record.num_chunks());
    }
    record.set_sequence_number(sequence);
    return record.SerializeAsString();
  }
  if (kind == UploadPrefix(base)[0]) {
    ASSIGN_OR_RETURN(UploadRecord record, DecodeRecord<UploadRecord>(value, "an upload"));
    RETURN_IF_ERROR(CheckDocumentId(record.document_id()));
    RETURN_IF_ERROR(LabelFromProto(record.label()).status());
    if (key != UploadKey(base, record.document_id())) {
      return Mismatch("the upload", record.document_id());
    }
    return record.SerializeAsString();
  }
  if (kind == ChunkPrefix(base)[0]) {
    RETURN_IF_ERROR(NumberOfKey(key).status());
    RETURN_IF_ERROR(DecodeRecord<ChunkRecord>(value, "a chunk record").status());
  }
  return value;
}

}  // namespace

StatusOr<uint32_t> KnowledgeStoreImpl::BeginImport(const std::string& id, uint64_t& sequence) {
  RETURN_IF_ERROR(CheckBaseId(id));
  absl::MutexLock write_lock(&write_mu_);
  if (FindBase(id).ok()) return AlreadyExists("knowledge base '{}' exists already", id);
  Database::Batch batch;
  ASSIGN_OR_RETURN(sequence, NextSequence(batch));
  ASSIGN_OR_RETURN(const uint64_t number, ReadCounter(NextBaseKey()));
  batch.Put(Table::kMeta, NextBaseKey(), EncodeCounter(number + 1));
  batch.Put(Table::kMeta, ImportKey(static_cast<uint32_t>(number)), "");
  RETURN_IF_ERROR(database_->Commit(batch));
  return static_cast<uint32_t>(number);
}

StatusOr<KnowledgeBaseRecord> KnowledgeStoreImpl::ReadImport(uint32_t number, uint64_t sequence,
                                                             const ReadPart& read) {
  ExportReader reader(read);
  ASSIGN_OR_RETURN(std::optional<ExportEntry> entry, reader.Next());
  if (!entry || entry->kind != BasePrefix()[0]) {
    return DataLoss("the export does not begin with its knowledge base: it is damaged");
  }
  ASSIGN_OR_RETURN(KnowledgeBaseRecord record,
                   DecodeRecord<KnowledgeBaseRecord>(entry->value, "a knowledge base record"));
  RETURN_IF_ERROR(CheckModel(record));
  Database::Batch batch;
  while (true) {
    ASSIGN_OR_RETURN(entry, reader.Next());
    if (!entry || batch.bytes() > kBatchBytes) {
      RETURN_IF_ERROR(database_->Commit(batch));
      batch = Database::Batch();
    }
    if (!entry) return record;
    const ExportedKind* kind = FindExportedKind(entry->kind, number);
    if (kind == nullptr) {
      return DataLoss(
          "the export holds a record of kind {:02x}, which no base has: it is damaged "
          "or of a newer program",
          static_cast<uint8_t>(entry->kind));
    }
    const std::string key = kind->prefix(number) + entry->suffix;
    ASSIGN_OR_RETURN(const std::string value,
                     CheckValue(number, sequence, key, std::move(entry->value)));
    batch.Put(kind->table, key, value);
  }
}

StatusOr<KnowledgeBaseInfo> KnowledgeStoreImpl::FinishImport(KnowledgeBaseRecord record) {
  const auto pick = [now_ms = NowMs()](Versions versions) { return InForce(versions, now_ms); };
  ASSIGN_OR_RETURN(const BaseIndexOptions index, IndexOptions(record));
  ASSIGN_OR_RETURN(LoadedBase loaded, LoadBase(*database_, *tokenizer_, record, index, pick));
  absl::MutexLock write_lock(&write_mu_);
  const std::string id = record.id();
  if (FindBase(id).ok()) return AlreadyExists("knowledge base '{}' exists already", id);
  StoreChange change;
  RETURN_IF_ERROR(RenameUploads(record.number(), change.batch));
  change.batch.Put(Table::kMeta, BaseKey(id), record.SerializeAsString());
  change.batch.Delete(Table::kMeta, ImportKey(record.number()));
  RETURN_IF_ERROR(database_->Commit(change.batch));
  Publish(std::move(record), std::move(loaded));
  ASSIGN_OR_RETURN(const Base base, FindBase(id));
  return Describe(base);
}

// Uploads are named by this store's numbers.
Status KnowledgeStoreImpl::RenameUploads(uint32_t base, Database::Batch& batch) {
  ASSIGN_OR_RETURN(uint64_t sequence, ReadCounter(SequenceKey()));
  RETURN_IF_ERROR(database_->Scan(
      Table::kDocuments, UploadPrefix(base), UploadPrefix(base),
      [&](std::string_view key, std::string_view value) -> StatusOr<bool> {
        ASSIGN_OR_RETURN(auto record, DecodeRecord<UploadRecord>(value, "an upload"));
        record.set_sequence_number(++sequence);
        batch.Put(Table::kDocuments, key, record.SerializeAsString());
        return true;
      }));
  batch.Put(Table::kMeta, SequenceKey(), EncodeCounter(sequence));
  return OkStatus();
}

StatusOr<KnowledgeBaseInfo> KnowledgeStoreImpl::Import(const std::string& id,
                                                       const ReadPart& read) {
  uint64_t sequence = 0;
  ASSIGN_OR_RETURN(const uint32_t number, BeginImport(id, sequence));
  const auto take = [&]() -> StatusOr<KnowledgeBaseInfo> {
    // A key of its own, before anything of it is written; what a kill leaves nobody can read.
    KnowledgeBaseRecord own;
    own.set_number(number);
    RETURN_IF_ERROR(CreateDataKey(own));
    ASSIGN_OR_RETURN(KnowledgeBaseRecord record, ReadImport(number, sequence, read));
    record.set_id(id);
    record.set_number(number);
    record.set_data_key(own.data_key());
    record.clear_erasing();
    return FinishImport(std::move(record));
  };
  const StatusOr<KnowledgeBaseInfo> info = take();
  if (info.ok()) return info;
  if (options_.cipher != nullptr) options_.cipher->DropKey(number);
  RemoveIndexFolder(number);
  Database::Batch batch;
  DropBase(number, batch);
  batch.Delete(Table::kMeta, ImportKey(number));
  // Else the next opening does it.
  if (const Status dropped = database_->Commit(batch); !dropped.ok()) return dropped;
  return info;
}

Status KnowledgeStoreImpl::DropUnfinishedImports() {
  std::vector<uint32_t> numbers;
  RETURN_IF_ERROR(database_->Scan(Table::kMeta, ImportPrefix(), ImportPrefix(),
                                  [&](std::string_view key, std::string_view) -> StatusOr<bool> {
                                    ASSIGN_OR_RETURN(const uint32_t number, BaseOfKey(key));
                                    numbers.push_back(number);
                                    return true;
                                  }));
  for (const uint32_t number : numbers) {
    Database::Batch batch;
    DropBase(number, batch);
    batch.Delete(Table::kMeta, ImportKey(number));
    RETURN_IF_ERROR(database_->Commit(batch));
  }
  return OkStatus();
}

}  // namespace hadal::retrieval
