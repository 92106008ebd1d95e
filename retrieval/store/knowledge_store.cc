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
                   Database::Open({options.path, options.min_free_bytes}));
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
  if (*format != kFormatVersion && *format != kFormatWithPending) {
    return FailedPrecondition(
        "{} has layout version {}, this program reads {} and {}: use the program version that "
        "wrote it",
        options_.path, *format, kFormatVersion, kFormatWithPending);
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
  for (KnowledgeBaseRecord& record : records) {
    RETURN_IF_ERROR(CheckModel(record));
    ASSIGN_OR_RETURN(LoadedBase loaded, LoadBase(*database_, *tokenizer_, record));
    for (PendingDocument& document : loaded.pending) pending_.Add(std::move(document));
    absl::MutexLock lock(&mu_);
    const std::string id = record.id();
    bases_[id] = {std::move(record), std::move(loaded.index), loaded.documents, loaded.chunks};
  }
  return OkStatus();
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
  if (it == bases_.end()) return UnknownBase(id);
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
  batch.Put(Table::kMeta, NextBaseKey(), EncodeCounter(number + 1));
  batch.Put(Table::kMeta, BaseKey(id), base.record.SerializeAsString());
  RETURN_IF_ERROR(database_->Commit(batch));
  const KnowledgeBaseInfo info = {id, description, 0, 0, base.record.created_unix_ms()};
  absl::MutexLock lock(&mu_);
  bases_[id] = std::move(base);
  return info;
}

std::vector<KnowledgeBaseInfo> KnowledgeStoreImpl::ListBases() const {
  absl::ReaderMutexLock lock(&mu_);
  std::vector<KnowledgeBaseInfo> infos;
  for (const auto& [id, base] : bases_) {
    infos.push_back({id, base.record.description(), base.documents, base.chunks,
                     base.record.created_unix_ms()});
  }
  return infos;
}

StatusOr<int64_t> KnowledgeStoreImpl::DeleteBase(const std::string& id) {
  absl::MutexLock write_lock(&write_mu_);
  ASSIGN_OR_RETURN(const Base base, FindBase(id));
  const uint32_t number = base.record.number();
  Database::Batch batch;
  RETURN_IF_ERROR(NextSequence(batch).status());
  batch.Delete(Table::kMeta, BaseKey(id));
  batch.Delete(Table::kMeta, NextChunkKey(number));
  const auto drop = [&batch](Table table, const std::string& prefix) {
    batch.DeleteRange(table, prefix, EndOfPrefix(prefix));
  };
  drop(Table::kMeta, PendingPrefix(number));
  drop(Table::kDocuments, DocumentPrefix(number));
  drop(Table::kChunks, ChunkPrefix(number));
  drop(Table::kVectors, VectorPrefix(number));
  RETURN_IF_ERROR(database_->Commit(batch));
  pending_.RemoveBase(number);
  absl::MutexLock lock(&mu_);
  bases_.erase(id);
  return base.documents;
}

}  // namespace hadal::retrieval
