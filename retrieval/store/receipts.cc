// Deletions and what proves them: the receipt is written with the deletion, Purge() rewrites the
// files, VerifyDeleted() reads them.

#include <algorithm>
#include <utility>

#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {
namespace {

using store::v1::DocumentRecord;
using store::v1::ReceiptRecord;
using store::v1::UploadRecord;

KeyRange Below(Table table, const std::string& prefix) {
  return {table, prefix, EndOfPrefix(prefix)};
}

KeyRange Exactly(Table table, const std::string& key) { return {table, key, key + '\0'}; }

std::vector<KeyRange> RangesOfBase(const ReceiptRecord& receipt) {
  std::vector<KeyRange> ranges = {Exactly(Table::kMeta, BaseKey(receipt.knowledge_base()))};
  for (const ExportedKind& kind : kExportedKinds) {
    ranges.push_back(Below(kind.table, kind.prefix(receipt.base_number())));
  }
  return ranges;
}

/// Where everything stood that the receipt names.
std::vector<KeyRange> RangesOf(const ReceiptRecord& receipt) {
  if (receipt.document_id().empty()) return RangesOfBase(receipt);
  const uint32_t base = receipt.base_number();
  const std::string& id = receipt.document_id();
  std::vector<KeyRange> ranges = {Exactly(Table::kDocuments, DocumentKey(base, id)),
                                  Below(Table::kDocuments, OlderVersionPrefix(base, id)),
                                  Exactly(Table::kDocuments, UploadKey(base, id))};
  for (const ReceiptRecord::Range& chunks : receipt.chunks()) {
    const uint64_t end = chunks.first() + chunks.count();
    ranges.push_back({Table::kChunks, ChunkKey(base, chunks.first()), ChunkKey(base, end)});
    ranges.push_back({Table::kVectors, VectorKey(base, chunks.first()), VectorKey(base, end)});
  }
  for (const std::string& sha256 : receipt.file_sha256()) {
    ranges.push_back(Below(Table::kFiles, FilePrefix(base, sha256)));
  }
  return ranges;
}

DeletionReceipt InfoOf(const ReceiptRecord& record) {
  DeletionReceipt receipt;
  receipt.knowledge_base = record.knowledge_base();
  receipt.document_id = record.document_id();
  receipt.sequence = record.sequence_number();
  receipt.removed_unix_ms = record.removed_unix_ms();
  receipt.versions.assign(record.versions().begin(), record.versions().end());
  receipt.documents = record.documents();
  for (const ReceiptRecord::Range& range : record.chunks()) {
    receipt.chunks += static_cast<int64_t>(range.count());
  }
  receipt.file_sha256.assign(record.file_sha256().begin(), record.file_sha256().end());
  receipt.gone_at_generation = record.gone_at_generation();
  receipt.index_generation = record.index_generation();
  return receipt;
}

/// Whether a document's record is older than the deletion: the id may have come again since.
bool FromBefore(uint64_t deletion, std::string_view key, std::string_view value) {
  const int size = static_cast<int>(value.size());
  if (key.substr(0, 1) == UploadPrefix(0).substr(0, 1)) {
    UploadRecord upload;
    return !upload.ParseFromArray(value.data(), size) || upload.sequence_number() < deletion;
  }
  DocumentRecord record;
  return !record.ParseFromArray(value.data(), size) || record.sequence_number() < deletion;
}

}  // namespace

StatusOr<DeletionReceipt> KnowledgeStoreImpl::PutReceipt(ReceiptRecord record,
                                                         StoreChange& change) {
  ASSIGN_OR_RETURN(const uint64_t generation, ReadCounter(GenerationKey()));
  change.batch.UseReserve();
  for (const std::string& sha256 : change.removed_files) record.add_file_sha256(sha256);
  record.set_last_change(database_->LastChange());
  // A purge that runs may have passed by what goes now.
  record.set_gone_at_generation(generation + (purging_ ? 2 : 1));
  change.batch.Put(Table::kMeta, ReceiptKey(record.sequence_number()), record.SerializeAsString());
  return InfoOf(record);
}

StatusOr<ReceiptRecord> KnowledgeStoreImpl::ReadReceipt(uint64_t sequence) const {
  const StatusOr<std::string> value = database_->Get(Table::kMeta, ReceiptKey(sequence));
  if (absl::IsNotFound(value.status())) {
    return NotFound(
        "there is no deletion receipt {}: receipts are numbered by the deletions that "
        "gave them",
        sequence);
  }
  RETURN_IF_ERROR(value.status());
  return DecodeRecord<ReceiptRecord>(*value, "a deletion receipt");
}

StatusOr<DeletionReceipt> KnowledgeStoreImpl::FindReceipt(uint64_t sequence) const {
  ASSIGN_OR_RETURN(const ReceiptRecord record, ReadReceipt(sequence));
  return InfoOf(record);
}

StatusOr<uint64_t> KnowledgeStoreImpl::Purge() {
  absl::MutexLock purge_lock(&purge_mu_);
  std::vector<KeyRange> ranges;
  uint64_t generation = 0;
  {
    absl::MutexLock write_lock(&write_mu_);
    ASSIGN_OR_RETURN(generation, ReadCounter(GenerationKey()));
    ++generation;
    RETURN_IF_ERROR(database_->Scan(
        Table::kMeta, ReceiptPrefix(), ReceiptPrefix(),
        [&](std::string_view, std::string_view value) -> StatusOr<bool> {
          ASSIGN_OR_RETURN(const auto receipt,
                           DecodeRecord<ReceiptRecord>(value, "a deletion receipt"));
          if (receipt.gone_at_generation() < generation) return true;
          for (KeyRange& range : RangesOf(receipt)) ranges.push_back(std::move(range));
          return true;
        }));
    purging_ = true;
  }
  // What the receipts name left the indexes before write_mu_ was free.
  Status purged = PurgeIndexes();
  if (purged.ok()) purged = database_->Purge(ranges);
  absl::MutexLock write_lock(&write_mu_);
  purging_ = false;
  RETURN_IF_ERROR(purged);
  Database::Batch batch;
  batch.UseReserve();
  batch.Put(Table::kMeta, GenerationKey(), EncodeCounter(generation));
  RETURN_IF_ERROR(database_->Commit(batch));
  return generation;
}

StatusOr<DeletionCheck> KnowledgeStoreImpl::VerifyDeleted(uint64_t sequence,
                                                          const std::string& text) const {
  ASSIGN_OR_RETURN(const ReceiptRecord receipt, ReadReceipt(sequence));
  DeletionCheck check;
  ASSIGN_OR_RETURN(check.generation, ReadCounter(GenerationKey()));
  Database::RemainsQuery query;
  query.last_change = receipt.last_change();
  query.text = text;
  query.ranges = RangesOf(receipt);
  // A file that came again since is there by right: its records say so.
  std::set<std::string> again;
  for (const std::string& sha256 : receipt.file_sha256()) {
    ASSIGN_OR_RETURN(const int64_t users, FileUsers(receipt.base_number(), sha256));
    if (users > 0) again.insert(FilePrefix(receipt.base_number(), sha256));
  }
  query.counts = [&](Table table, std::string_view key, std::string_view value) {
    if (table == Table::kDocuments) return FromBefore(sequence, key, value);
    const auto has_key = [key](const std::string& prefix) { return key.starts_with(prefix); };
    if (table == Table::kFiles) return std::none_of(again.begin(), again.end(), has_key);
    if (table != Table::kMeta || !has_key(BasePrefix())) return true;
    store::v1::KnowledgeBaseRecord base;
    return !base.ParseFromArray(value.data(), static_cast<int>(value.size())) ||
           base.number() == receipt.base_number();
  };
  ASSIGN_OR_RETURN(check.remains, database_->FindRemains(query));
  for (std::string& remains : FindIndexRemains(receipt)) {
    check.remains.push_back(std::move(remains));
  }
  check.gone = check.remains.empty();
  return check;
}

Status KnowledgeStoreImpl::Snapshot(const std::string& folder) const {
  return database_->Checkpoint(folder);
}

}  // namespace hadal::retrieval
