#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/utf8.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/loader.h"
#include "retrieval/store/records.h"
#include "retrieval/store/version_rules.h"

namespace hadal::retrieval {
namespace {

using store::v1::KnowledgeBaseRecord;

constexpr size_t kMaxBaseIdBytes = 63;
constexpr size_t kMaxDescriptionBytes = 4096;
constexpr int32_t kMaxKeptVersions = 10'000;

bool IsBaseIdChar(char c, bool first) {
  if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return true;
  return !first && (c == '_' || c == '-');
}

}  // namespace

Status CheckBaseId(const std::string& id) {
  bool valid = !id.empty() && id.size() <= kMaxBaseIdBytes;
  for (size_t i = 0; valid && i < id.size(); ++i) valid = IsBaseIdChar(id[i], i == 0);
  if (valid) return OkStatus();
  return InvalidArgument(
      "knowledge base id '{}': expected 1 to {} of a-z, 0-9, - and _, beginning with a letter or "
      "digit",
      SanitizeUtf8(id.substr(0, 80)), kMaxBaseIdBytes);
}

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
  ASSIGN_OR_RETURN(
      std::unique_ptr<Database> database,
      Database::Open({options.path, options.min_free_bytes, options.cipher, options.env}));
  auto store = std::make_unique<KnowledgeStoreImpl>(
      options, std::move(database), std::move(tokenizer), std::move(embedder), std::move(clock));
  RETURN_IF_ERROR(store->Load());
  return std::unique_ptr<KnowledgeStore>(std::move(store));
}

KnowledgeStoreImpl::~KnowledgeStoreImpl() {
  pending_.Stop();
  if (background_.joinable()) background_.join();
  if (maintenance_.joinable()) maintenance_.join();
}

Status KnowledgeStoreImpl::Load() {
  RETURN_IF_ERROR(ReadAll());
  background_ = std::thread([this] { EmbedPending(); });
  if (!options_.index_folder.empty()) maintenance_ = std::thread([this] { MaintainIndexes(); });
  return OkStatus();
}

Status KnowledgeStoreImpl::ReadAll() {
  absl::MutexLock write_lock(&write_mu_);
  RETURN_IF_ERROR(RaiseFormat());
  RETURN_IF_ERROR(DropUnfinishedImports());
  RETURN_IF_ERROR(DropUnfinished());
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
      Base base;
      base.record = std::move(record);
      RETURN_IF_ERROR(DropContent(base).status());
      continue;
    }
    ASSIGN_OR_RETURN(const bool changed, LoadDataKey(record));
    rewrapped |= changed;
    RETURN_IF_ERROR(CheckModel(record));
    ASSIGN_OR_RETURN(const BaseIndexOptions index, IndexOptions(record));
    const int64_t now_ms = NowMs();
    ASSIGN_OR_RETURN(LoadedBase loaded,
                     LoadBase(*database_, *tokenizer_, record, index,
                              [now_ms](Versions versions) { return InForce(versions, now_ms); }));
    Publish(std::move(record), std::move(loaded));
  }
  RETURN_IF_ERROR(RemoveStrayIndexes());
  if (!rewrapped) return OkStatus();
  // Who gets hold of the old master key finds nothing here any more that it opens.
  return database_->Purge({{{Table::kMeta, BasePrefix(), EndOfPrefix(BasePrefix())}}});
}

// The records of the older layouts are read as they are: what they lack has its default.
Status KnowledgeStoreImpl::RaiseFormat() {
  const StatusOr<std::string> format = database_->Get(Table::kMeta, FormatKey());
  if (!absl::IsNotFound(format.status())) {
    RETURN_IF_ERROR(format.status());
    if (*format == kFormatVersion) return OkStatus();
    if (std::find(std::begin(kOlderFormats), std::end(kOlderFormats), *format) ==
        std::end(kOlderFormats)) {
      return FailedPrecondition(
          "{} has layout version {}, this program reads {} and the older {}: use the program "
          "version that wrote it",
          options_.path, *format, kFormatVersion, fmt::join(kOlderFormats, ", "));
    }
  }
  Database::Batch batch;
  batch.Put(Table::kMeta, FormatKey(), kFormatVersion);
  return database_->Commit(batch);
}

void KnowledgeStoreImpl::Publish(KnowledgeBaseRecord record, LoadedBase loaded) {
  for (PendingDocument& document : loaded.pending) pending_.Add(std::move(document));
  const int64_t now_ms = NowMs();
  for (const LoadedBase::Dated& dated : loaded.dated) {
    timetable_.Set({record.number(), dated.document_id}, dated.indexed,
                   NextChangeMs(dated.versions, now_ms));
  }
  absl::MutexLock lock(&mu_);
  const std::string id = record.id();
  bases_[id] = {std::move(record), std::move(loaded.index), loaded.documents, loaded.chunks};
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

StatusOr<uint32_t> KnowledgeStoreImpl::NumberOfBase(const std::string& id) const {
  absl::ReaderMutexLock lock(&mu_);
  const auto it = bases_.find(id);
  if (it == bases_.end() || it->second.record.erasing()) return UnknownBase(id);
  return it->second.record.number();
}

StatusOr<uint64_t> ReadCounterOf(const DatabaseReader& database, const std::string& key) {
  const StatusOr<std::string> value = database.Get(Table::kMeta, key);
  if (absl::IsNotFound(value.status())) return uint64_t{0};
  RETURN_IF_ERROR(value.status());
  return DecodeCounter(*value);
}

StatusOr<uint64_t> KnowledgeStoreImpl::ReadCounter(const std::string& key) const {
  return ReadCounterOf(*database_, key);
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
  RETURN_IF_ERROR(CreateDataKey(base.record));
  ASSIGN_OR_RETURN(const BaseIndexOptions index, IndexOptions(base.record));
  ASSIGN_OR_RETURN(base.index, BaseIndex::Open(index));
  Database::Batch batch;
  RETURN_IF_ERROR(NextSequence(batch).status());
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
          options_.cipher == nullptr ? "" : options_.cipher->Algorithm(base.record.number()),
          base.record.keep_versions()};
}

Status KnowledgeStoreImpl::SetKeepVersions(const std::string& id, int32_t versions) {
  if (versions < 0 || versions > kMaxKeptVersions) {
    return InvalidArgument("{} older versions are to be kept, expected 0 to {}", versions,
                           kMaxKeptVersions);
  }
  absl::MutexLock write_lock(&write_mu_);
  ASSIGN_OR_RETURN(Base base, FindBase(id));
  base.record.set_keep_versions(versions);
  Database::Batch batch;
  RETURN_IF_ERROR(NextSequence(batch).status());
  batch.Put(Table::kMeta, BaseKey(id), base.record.SerializeAsString());
  RETURN_IF_ERROR(database_->Commit(batch));
  absl::MutexLock lock(&mu_);
  bases_[id].record = std::move(base.record);
  return OkStatus();
}

void KnowledgeStoreImpl::DropBase(uint32_t number, Database::Batch& batch) {
  const auto drop = [&batch](Table table, const std::string& prefix) {
    batch.DeleteRange(table, prefix, EndOfPrefix(prefix));
  };
  for (const ExportedKind& kind : kExportedKinds) drop(kind.table, kind.prefix(number));
  drop(Table::kMeta, UnfinishedFilePrefix(number));
  batch.Delete(Table::kMeta, SealedValuesKey(number));
}

StatusOr<DeletionReceipt> KnowledgeStoreImpl::DeleteBase(const std::string& id) {
  absl::MutexLock write_lock(&write_mu_);
  return EraseBase(id);
}

StatusOr<DeletionReceipt> KnowledgeStoreImpl::EraseBase(const std::string& id) {
  Base base;
  {
    absl::ReaderMutexLock lock(&mu_);
    const auto it = bases_.find(id);
    if (it == bases_.end()) return UnknownBase(id);
    base = it->second;
  }
  const uint32_t number = base.record.number();
  if (!base.record.data_key().empty()) {
    RETURN_IF_ERROR(DestroyDataKey(base.record));
    // Nobody reads its records any more, whatever becomes of the rest.
    pending_.RemoveBase(number);
    timetable_.ForgetBase(number);
    absl::MutexLock lock(&mu_);
    bases_[id].record = base.record;
  }
  ASSIGN_OR_RETURN(DeletionReceipt receipt, DropContent(base));
  pending_.RemoveBase(number);
  timetable_.ForgetBase(number);
  RemoveIndexFolder(number);
  absl::MutexLock lock(&mu_);
  bases_.erase(id);
  return receipt;
}

// In this order: as long as the record says so, an interrupted erasure is taken up again.
StatusOr<DeletionReceipt> KnowledgeStoreImpl::DropContent(const Base& base) {
  const std::string key = BaseKey(base.record.id());
  if (base.record.erasing()) {
    RETURN_IF_ERROR(database_->Purge({{{Table::kMeta, key, key + '\0'}}}));
  }
  const uint32_t number = base.record.number();
  StoreChange change;
  ASSIGN_OR_RETURN(const uint64_t sequence, NextSequence(change.batch));
  change.batch.Delete(Table::kMeta, key);
  DropBase(number, change.batch);
  store::v1::ReceiptRecord record;
  record.set_knowledge_base(base.record.id());
  record.set_base_number(number);
  record.set_sequence_number(sequence);
  record.set_removed_unix_ms(std::max<int64_t>(NowMs(), 1));
  record.set_documents(base.documents);
  record.add_chunks()->set_count(static_cast<uint64_t>(base.chunks));
  if (base.index != nullptr) record.set_index_generation(base.index->generation().number);
  ASSIGN_OR_RETURN(DeletionReceipt receipt, PutReceipt(std::move(record), change));
  RETURN_IF_ERROR(database_->Commit(change.batch));
  return receipt;
}

}  // namespace hadal::retrieval
