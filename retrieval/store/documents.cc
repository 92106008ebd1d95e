#include <algorithm>
#include <utility>

#include "base/hex.h"
#include "base/utf8.h"
#include "retrieval/label_proto.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"
#include "retrieval/store/version_rules.h"

namespace hadal::retrieval {
namespace {

using store::v1::DocumentRecord;
using store::v1::UploadRecord;

constexpr size_t kMaxDocumentIdBytes = 512;
constexpr int32_t kDefaultPageSize = 100;

}  // namespace

Status CheckDocumentId(const std::string& id) {
  const auto control = [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; };
  if (id.empty() || id.size() > kMaxDocumentIdBytes || !IsValidUtf8(id) ||
      std::any_of(id.begin(), id.end(), control)) {
    return InvalidArgument(
        "document id of {} bytes: expected 1 to {} bytes of UTF-8 without control characters",
        id.size(), kMaxDocumentIdBytes);
  }
  return OkStatus();
}

Status CheckDates(int64_t effective_unix_ms, int64_t expires_unix_ms) {
  if (effective_unix_ms >= 0 && expires_unix_ms >= 0 &&
      (expires_unix_ms == 0 || expires_unix_ms > effective_unix_ms)) {
    return OkStatus();
  }
  return InvalidArgument(
      "the document is effective from {} and expires at {} (milliseconds since 1970): expected an "
      "end after the beginning, 0 for none",
      effective_unix_ms, expires_unix_ms);
}

bool HasFields(const DocumentRecord& record, absl::Span<const FieldMatch> fields) {
  return std::all_of(fields.begin(), fields.end(), [&record](const FieldMatch& wanted) {
    return std::any_of(record.fields().begin(), record.fields().end(),
                       [&wanted](const store::v1::DocumentField& field) {
                         return field.name() == wanted.name && field.normalized() == wanted.value;
                       });
  });
}

// A document without chunks shares its first chunk number with the next document.
int32_t KnowledgeStoreImpl::PendingChunks(uint32_t base, const DocumentRecord& record) const {
  return record.num_chunks() == 0 ? 0 : pending_.Chunks({base, record.first_chunk_number()});
}

StatusOr<DocumentInfo> KnowledgeStoreImpl::Describe(uint32_t base,
                                                    const DocumentRecord& record) const {
  ASSIGN_OR_RETURN(DocumentInfo info, InfoOfRecord(record));
  info.pending_chunks = PendingChunks(base, record);
  info.in_force = InForce({&record, 1}, NowMs()).has_value() && record.superseded_unix_ms() == 0;
  return info;
}

StatusOr<UploadInfo> KnowledgeStoreImpl::Describe(const UploadRecord& record) const {
  ASSIGN_OR_RETURN(UploadInfo info, InfoOfRecord(record));
  absl::MutexLock lock(&progress_mu_);
  const auto it = progress_.find(info.number);
  if (it != progress_.end() && info.state == DocumentState::kReceived) info.state = it->second;
  return info;
}

StatusOr<std::optional<DocumentInfo>> KnowledgeStoreImpl::Describe(
    uint32_t base, const std::optional<DocumentRecord>& record,
    const std::optional<UploadRecord>& upload, const AccessFilter& filter) const {
  std::optional<DocumentInfo> info;
  if (record && record->removed_unix_ms() == 0) {
    ASSIGN_OR_RETURN(info, Describe(base, *record));
    if (!filter.Allows(info->label)) return std::optional<DocumentInfo>();
  }
  if (!upload) return info;
  ASSIGN_OR_RETURN(UploadInfo waiting, Describe(*upload));
  if (!filter.Allows(waiting.file.label)) return info;
  if (!info) {
    info.emplace();
    info->id = waiting.file.document_id;
    info->title = waiting.file.given_title;
    info->file_name = waiting.file.file_name;
    info->label = waiting.file.label;
    info->sha256 = waiting.file.sha256;
    info->size_bytes = waiting.file.size_bytes;
    info->added_unix_ms = waiting.received_unix_ms;
    info->has_file = true;
    info->state = waiting.state;
  }
  info->upload = std::move(waiting);
  return info;
}

StatusOr<std::optional<DocumentRecord>> KnowledgeStoreImpl::FindRecord(
    uint32_t base, const std::string& document_id) const {
  return ReadOptional<DocumentRecord>(*database_, DocumentKey(base, document_id),
                                      "the record of " + document_id);
}

StatusOr<std::optional<UploadRecord>> KnowledgeStoreImpl::FindUpload(
    uint32_t base, const std::string& document_id) const {
  return ReadOptional<UploadRecord>(*database_, UploadKey(base, document_id),
                                    "the upload of " + document_id);
}

StatusOr<std::optional<DocumentRecord>> KnowledgeStoreImpl::FindVersion(
    uint32_t base, const std::string& document_id, int32_t version) const {
  ASSIGN_OR_RETURN(std::optional<DocumentRecord> newest, FindRecord(base, document_id));
  if (!newest || newest->removed_unix_ms() != 0) return std::optional<DocumentRecord>();
  if (newest->version() == version) return newest;
  return ReadOptional<DocumentRecord>(*database_, OlderVersionKey(base, document_id, version),
                                      "a version of " + document_id);
}

StatusOr<bool> KnowledgeStoreImpl::NewestAllows(uint32_t base, const DocumentRecord& version,
                                                const AccessFilter& filter) const {
  if (version.superseded_unix_ms() == 0) return true;
  ASSIGN_OR_RETURN(const std::optional<DocumentRecord> newest, FindRecord(base, version.id()));
  if (!newest || newest->removed_unix_ms() != 0) return false;
  ASSIGN_OR_RETURN(const Label label, LabelFromProto(newest->label()));
  return filter.Allows(label);
}

StatusOr<StoredDocument> KnowledgeStoreImpl::FindDocument(uint32_t base,
                                                          const std::string& document_id) const {
  StoredDocument stored;
  ASSIGN_OR_RETURN(std::optional<DocumentRecord> newest, FindRecord(base, document_id));
  if (!newest) return stored;
  stored.last_version = newest->version();
  if (newest->removed_unix_ms() != 0) return stored;
  const std::string prefix = OlderVersionPrefix(base, document_id);
  RETURN_IF_ERROR(database_->Scan(
      Table::kDocuments, prefix, prefix,
      [&stored](std::string_view, std::string_view value) -> StatusOr<bool> {
        ASSIGN_OR_RETURN(DocumentRecord record, DecodeRecord<DocumentRecord>(value, "a version"));
        stored.versions.push_back(std::move(record));
        return true;
      }));
  stored.versions.push_back(*std::move(newest));
  std::reverse(stored.versions.begin(), stored.versions.end());
  return stored;
}

StatusOr<DocumentInfo> KnowledgeStoreImpl::GetDocument(const std::string& base_id,
                                                       const std::string& document_id,
                                                       const AccessFilter& filter) const {
  ASSIGN_OR_RETURN(const uint32_t base, NumberOfBase(base_id));
  ASSIGN_OR_RETURN(const std::optional<DocumentRecord> record, FindRecord(base, document_id));
  ASSIGN_OR_RETURN(const std::optional<UploadRecord> upload, FindUpload(base, document_id));
  ASSIGN_OR_RETURN(std::optional<DocumentInfo> info, Describe(base, record, upload, filter));
  if (!info) return UnknownDocument(document_id);
  return *std::move(info);
}

StatusOr<std::vector<DocumentInfo>> KnowledgeStoreImpl::ListVersions(
    const std::string& base_id, const std::string& document_id, const AccessFilter& filter) const {
  ASSIGN_OR_RETURN(const uint32_t base, NumberOfBase(base_id));
  ASSIGN_OR_RETURN(const DocumentInfo newest, GetDocument(base_id, document_id, filter));
  ASSIGN_OR_RETURN(const StoredDocument stored, FindDocument(base, document_id));
  std::vector<DocumentInfo> infos;
  const std::optional<size_t> found = InForce(stored.versions, NowMs());
  for (size_t i = 0; i < stored.versions.size(); ++i) {
    ASSIGN_OR_RETURN(DocumentInfo info, Describe(base, stored.versions[i]));
    if (!filter.Allows(info.label)) continue;
    info.in_force = found == i;
    infos.push_back(std::move(info));
  }
  if (infos.empty()) return std::vector<DocumentInfo>{newest};  // an upload only
  infos.front().upload = newest.upload;
  return infos;
}

namespace {

/// One page's worth of records of one kind, in the order of their documents.
template <typename Record, typename Keep>
StatusOr<std::map<std::string, Record>> ReadPage(const Database& database,
                                                 const std::string& prefix,
                                                 const std::string& after, size_t wanted,
                                                 const Keep& keep) {
  std::map<std::string, Record> records;
  std::string begin = prefix + after;
  if (!after.empty()) begin.push_back('\0');  // the first key after it
  RETURN_IF_ERROR(database.Scan(
      Table::kDocuments, prefix, begin,
      [&](std::string_view key, std::string_view value) -> StatusOr<bool> {
        ASSIGN_OR_RETURN(Record record, DecodeRecord<Record>(value, "a document record"));
        ASSIGN_OR_RETURN(const bool kept, keep(record));
        if (kept) records.emplace(key.substr(prefix.size()), std::move(record));
        return records.size() < wanted;
      }));
  return records;
}

}  // namespace

StatusOr<DocumentPage> KnowledgeStoreImpl::ListDocuments(const std::string& base_id,
                                                         const AccessFilter& filter,
                                                         const ListOptions& options) const {
  ASSIGN_OR_RETURN(const uint32_t base, NumberOfBase(base_id));
  if (options.page_size < 0) {
    return InvalidArgument("page_size is {}, expected 0 or more", options.page_size);
  }
  const size_t wanted =
      static_cast<size_t>(std::min(options.page_size == 0 ? kDefaultPageSize : options.page_size,
                                   options_.max_documents_per_page));
  // The token names the last document shown, which its reader knows already.
  const StatusOr<std::string> after = HexDecode(options.page_token);
  if (!after.ok())
    return InvalidArgument("page_token was not made by an earlier page of this list");

  const auto readable = [&filter](const v1::Label& proto) -> StatusOr<bool> {
    ASSIGN_OR_RETURN(const Label label, LabelFromProto(proto));
    return filter.Allows(label);
  };
  const auto open_version = [&](const DocumentRecord& record) -> StatusOr<bool> {
    if (record.removed_unix_ms() != 0 || !HasFields(record, options.fields)) return false;
    return readable(record.label());
  };
  // An upload of a document whose version is hidden is hidden too.
  const auto open_upload = [&](const UploadRecord& upload) -> StatusOr<bool> {
    ASSIGN_OR_RETURN(const auto record, FindRecord(base, upload.document_id()));
    ASSIGN_OR_RETURN(const auto info, Describe(base, record, upload, filter));
    if (!options.state) return info.has_value();
    return info && info->upload && info->upload->state == *options.state;
  };
  std::map<std::string, DocumentRecord> records;
  if (options.state.value_or(DocumentState::kVisible) == DocumentState::kVisible) {
    ASSIGN_OR_RETURN(records, ReadPage<DocumentRecord>(*database_, DocumentPrefix(base), *after,
                                                       wanted + 1, open_version));
  }
  std::map<std::string, UploadRecord> uploads;
  if (options.fields.empty() && options.state != DocumentState::kVisible) {
    ASSIGN_OR_RETURN(uploads, ReadPage<UploadRecord>(*database_, UploadPrefix(base), *after,
                                                     wanted + 1, open_upload));
  }
  std::set<std::string> ids;
  for (const auto& [id, record] : records) ids.insert(id);
  for (const auto& [id, upload] : uploads) ids.insert(id);
  DocumentPage page;
  for (const std::string& id : ids) {
    if (page.documents.size() == wanted) {
      page.next_page_token = HexEncode(page.documents.back().id);
      break;
    }
    ASSIGN_OR_RETURN(const auto record, FindRecord(base, id));
    ASSIGN_OR_RETURN(const auto upload, FindUpload(base, id));
    ASSIGN_OR_RETURN(std::optional<DocumentInfo> info, Describe(base, record, upload, filter));
    if (info) page.documents.push_back(*std::move(info));  // else it went just now
  }
  return page;
}

StatusOr<DeletionReceipt> KnowledgeStoreImpl::DeleteDocument(const std::string& base_id,
                                                             const std::string& document_id,
                                                             const AccessFilter& filter) {
  absl::MutexLock write_lock(&write_mu_);
  ASSIGN_OR_RETURN(const Base base, FindBase(base_id));
  const uint32_t number = base.record.number();
  RETURN_IF_ERROR(GetDocument(base_id, document_id, filter).status());
  ASSIGN_OR_RETURN(const StoredDocument stored, FindDocument(number, document_id));
  ASSIGN_OR_RETURN(const std::optional<UploadRecord> upload, FindUpload(number, document_id));
  const ChunkRange before = IndexedRange(number, stored);

  StoreChange change;
  store::v1::ReceiptRecord receipt;
  receipt.set_knowledge_base(base_id);
  receipt.set_base_number(number);
  receipt.set_document_id(document_id);
  receipt.set_removed_unix_ms(std::max<int64_t>(NowMs(), 1));
  receipt.set_index_generation(base.index->generation().number);
  for (const DocumentRecord& version : stored.versions) {
    DropVersion(number, version, change);
    receipt.add_versions(version.version());
    if (&version == stored.newest()) continue;
    change.batch.Delete(Table::kDocuments, OlderVersionKey(number, document_id, version.version()));
  }
  for (const ChunkRange& range : change.removed) {
    store::v1::ReceiptRecord::Range& removed = *receipt.add_chunks();
    removed.set_first(range.first);
    removed.set_count(range.count);
  }
  if (upload) {
    change.batch.Delete(Table::kDocuments, UploadKey(number, document_id));
    --change.file_users[upload->sha256()];
  }
  ASSIGN_OR_RETURN(const uint64_t sequence, NextSequence(change.batch));
  receipt.set_sequence_number(sequence);
  if (!stored.versions.empty()) {
    DocumentRecord tombstone;
    tombstone.set_id(document_id);
    tombstone.set_version(stored.last_version);
    tombstone.set_sequence_number(sequence);
    tombstone.set_removed_unix_ms(receipt.removed_unix_ms());
    change.batch.Put(Table::kDocuments, DocumentKey(number, document_id),
                     tombstone.SerializeAsString());
    --change.documents;
  }
  // Before the receipt: it names the files that go.
  RETURN_IF_ERROR(CountFileUsers(number, change));
  ASSIGN_OR_RETURN(DeletionReceipt result, PutReceipt(std::move(receipt), change));
  RETURN_IF_ERROR(Commit(base, change));

  base.index->Replace(before, Label(), {}, {});
  timetable_.Forget({number, document_id});
  return result;
}

}  // namespace hadal::retrieval
