#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/loader.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {
namespace {

using store::v1::KnowledgeBaseRecord;

constexpr size_t kMaxBaseIdBytes = 63;
constexpr size_t kMaxDescriptionBytes = 4096;

bool IsBaseIdChar(char c, bool first) {
  if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return true;
  return !first && (c == '_' || c == '-');
}

Status CheckBaseId(const std::string& id) {
  bool valid = !id.empty() && id.size() <= kMaxBaseIdBytes;
  for (size_t i = 0; valid && i < id.size(); ++i) valid = IsBaseIdChar(id[i], i == 0);
  if (valid) return OkStatus();
  return InvalidArgument(
      "knowledge base id '{}': expected 1 to {} of a-z, 0-9, - and _, beginning with a letter or "
      "digit",
      SanitizeUtf8(id.substr(0, 80)), kMaxBaseIdBytes);
}

}  // namespace

Status UnknownBase(const std::string& id) {
  return NotFound("no knowledge base '{}'; `hadal kb ls` shows those there are", id);
}

// The same words whether the document is absent or only hidden from this reader.
Status UnknownDocument(const std::string& id) {
  return NotFound("no document '{}' that you may read", id);
}

StatusOr<std::unique_ptr<KnowledgeStore>> KnowledgeStore::Open(const KnowledgeStoreOptions& options,
                                                               std::shared_ptr<Embedder> embedder,
                                                               std::shared_ptr<const Clock> clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<Tokenizer> tokenizer, Tokenizer::Create());
  ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                   Database::Open({options.path, options.min_free_bytes, options.cipher}));
  auto store = std::make_unique<KnowledgeStoreImpl>(
      options, std::move(database), std::move(tokenizer), std::move(embedder), std::move(clock));
  RETURN_IF_ERROR(store->Load());
  return std::unique_ptr<KnowledgeStore>(std::move(store));
}

KnowledgeStoreImpl::~KnowledgeStoreImpl() {
  pending_.Stop();
  if (background_.joinable()) background_.join();
}

Status KnowledgeStoreImpl::Load() {
  RETURN_IF_ERROR(ReadAll());
  background_ = std::thread([this] { EmbedPending(); });
  return OkStatus();
}

Status KnowledgeStoreImpl::ReadAll() {
  absl::MutexLock write_lock(&write_mu_);
  const StatusOr<std::string> format = database_->Get(Table::kMeta, FormatKey());
  if (absl::IsNotFound(format.status())) {
    Database::Batch batch;
    batch.Put(Table::kMeta, FormatKey(), kFormatVersion);
    return database_->Commit(batch);
  }
  RETURN_IF_ERROR(format.status());
  if (*format != kFormatVersion && *format != kFormatWithPending && *format != kFormatEncrypted) {
    return FailedPrecondition(
        "{} has layout version {}, this program reads {} to {}: use the program version that "
        "wrote it",
        options_.path, *format, kFormatVersion, kFormatEncrypted);
  }
  std::vector<KnowledgeBaseRecord> records;
  RETURN_IF_ERROR(database_->Scan(
      Table::kMeta, BasePrefix(), BasePrefix(),
      [&records](std::string_view, std::string_view value) -> StatusOr<bool> {
        ASSIGN_OR_RETURN(KnowledgeBaseRecord record,
                         DecodeRecord<KnowledgeBaseRecord>(value, "a knowledge base record"));
        records.push_back(std::move(record));
        return true;
      }));
  bool rewrapped = false;
  for (KnowledgeBaseRecord& record : records) {
    if (record.erasing()) {
      RETURN_IF_ERROR(FinishErasing(record));
      continue;
    }
    ASSIGN_OR_RETURN(const bool changed, LoadDataKey(record));
    rewrapped |= changed;
    RETURN_IF_ERROR(CheckModel(record));
    ASSIGN_OR_RETURN(LoadedBase loaded, LoadBase(*database_, *tokenizer_, record));
    for (PendingDocument& document : loaded.pending) pending_.Add(std::move(document));
    absl::MutexLock lock(&mu_);
    const std::string id = record.id();
    bases_[id] = {std::move(record), std::move(loaded.index), loaded.documents, loaded.chunks};
  }
  // Who gets hold of the old master key finds nothing here any more that it opens.
  return rewrapped ? database_->Scrub(Table::kMeta) : OkStatus();
}

Status KnowledgeStoreImpl::CheckModel(const KnowledgeBaseRecord& base) const {
  if (base.embedding_model() == embedder_->model_id() && base.embedding_dim() == embedder_->dim()) {
    return OkStatus();
  }
  return FailedPrecondition(
      "knowledge base '{}' was built with embedding model {} ({} dimensions), the inference "
      "service "
      "offers {} ({}): vectors of two models never mix; start it with the first model, or delete "
      "the "
      "base and add its documents again",
      base.id(), base.embedding_model(), base.embedding_dim(), embedder_->model_id(),
      embedder_->dim());
}

StatusOr<Base> KnowledgeStoreImpl::FindBase(const std::string& id) const {
  absl::ReaderMutexLock lock(&mu_);
  const auto it = bases_.find(id);
  if (it == bases_.end() || it->second.record.erasing()) return UnknownBase(id);
  return it->second;
}

StatusOr<uint64_t> KnowledgeStoreImpl::ReadCounter(const std::string& key) const {
  const StatusOr<std::string> value = database_->Get(Table::kMeta, key);
  if (absl::IsNotFound(value.status())) return uint64_t{0};
  RETURN_IF_ERROR(value.status());
  return DecodeCounter(*value);
}

StatusOr<uint64_t> KnowledgeStoreImpl::NextSequence(Database::Batch& batch) {
  ASSIGN_OR_RETURN(const uint64_t last, ReadCounter(SequenceKey()));
  batch.Put(Table::kMeta, SequenceKey(), EncodeCounter(last + 1));
  return last + 1;
}

StatusOr<KnowledgeBaseInfo> KnowledgeStoreImpl::CreateBase(const std::string& id,
                                                           const std::string& description) {
  RETURN_IF_ERROR(CheckBaseId(id));
  if (description.size() > kMaxDescriptionBytes || !IsValidUtf8(description)) {
    return InvalidArgument("description of {} bytes: expected at most {} bytes of UTF-8",
                           description.size(), kMaxDescriptionBytes);
  }
  absl::MutexLock write_lock(&write_mu_);
  if (FindBase(id).ok()) return AlreadyExists("knowledge base '{}' exists already", id);
  // What is left of one that could not be deleted wholly would be forgotten with its record.
  if (const Status erased = EraseBase(id).status(); !erased.ok() && !absl::IsNotFound(erased)) {
    return erased;
  }
  ASSIGN_OR_RETURN(const uint64_t number, ReadCounter(NextBaseKey()));
  Base base;
  base.record.set_id(id);
  base.record.set_description(description);
  base.record.set_created_unix_ms(NowMs());
  base.record.set_embedding_model(embedder_->model_id());
  base.record.set_embedding_dim(embedder_->dim());
  base.record.set_number(static_cast<uint32_t>(number));
  ASSIGN_OR_RETURN(base.index, BaseIndex::Open({.dim = embedder_->dim()}));
  Database::Batch batch;
  RETURN_IF_ERROR(NextSequence(batch).status());
  RETURN_IF_ERROR(CreateDataKey(base.record, batch));
  batch.Put(Table::kMeta, NextBaseKey(), EncodeCounter(number + 1));
  batch.Put(Table::kMeta, BaseKey(id), base.record.SerializeAsString());
  RETURN_IF_ERROR(database_->Commit(batch));
  const KnowledgeBaseInfo info = Describe(base);
  absl::MutexLock lock(&mu_);
  bases_[id] = std::move(base);
  return info;
}

std::vector<KnowledgeBaseInfo> KnowledgeStoreImpl::ListBases() const {
  absl::ReaderMutexLock lock(&mu_);
  std::vector<KnowledgeBaseInfo> infos;
  for (const auto& [id, base] : bases_) {
    if (!base.record.erasing()) infos.push_back(Describe(base));
  }
  return infos;
}

KnowledgeBaseInfo KnowledgeStoreImpl::Describe(const Base& base) const {
  return {base.record.id(),
          base.record.description(),
          base.documents,
          base.chunks,
          base.record.created_unix_ms(),
          options_.cipher == nullptr ? "" : options_.cipher->Algorithm(base.record.number())};
}

StatusOr<int64_t> KnowledgeStoreImpl::DeleteBase(const std::string& id) {
  absl::MutexLock write_lock(&write_mu_);
  return EraseBase(id);
}

StatusOr<int64_t> KnowledgeStoreImpl::EraseBase(const std::string& id) {
  Base base;
  {
    absl::ReaderMutexLock lock(&mu_);
    const auto it = bases_.find(id);
    if (it == bases_.end()) return UnknownBase(id);
    base = it->second;
  }
  if (!base.record.data_key().empty()) {
    RETURN_IF_ERROR(DestroyDataKey(base.record));
    absl::MutexLock lock(&mu_);
    bases_[id].record = base.record;
  }
  RETURN_IF_ERROR(base.record.erasing() ? FinishErasing(base.record) : DropContent(base.record));
  pending_.RemoveBase(base.record.number());
  absl::MutexLock lock(&mu_);
  bases_.erase(id);
  return base.documents;
}

Status KnowledgeStoreImpl::DropContent(const KnowledgeBaseRecord& base) {
  Database::Batch batch;
  RETURN_IF_ERROR(NextSequence(batch).status());
  batch.Delete(Table::kMeta, BaseKey(base.id()));
  batch.Delete(Table::kMeta, NextChunkKey(base.number()));
  batch.Delete(Table::kMeta, SealedValuesKey(base.number()));
  const auto drop = [&batch](Table table, const std::string& prefix) {
    batch.DeleteRange(table, prefix, EndOfPrefix(prefix));
  };
  drop(Table::kMeta, PendingPrefix(base.number()));
  drop(Table::kDocuments, DocumentPrefix(base.number()));
  drop(Table::kChunks, ChunkPrefix(base.number()));
  drop(Table::kVectors, VectorPrefix(base.number()));
  return database_->Commit(batch);
}

}  // namespace hadal::retrieval
