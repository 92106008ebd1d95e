// Files that were received: what waits to be read, what was given up.

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "retrieval/label_proto.h"
#include "retrieval/store/knowledge_store_impl.h"
#include "retrieval/store/records.h"

namespace hadal::retrieval {
namespace {

using store::v1::DocumentRecord;
using store::v1::UploadRecord;

constexpr size_t kDigestDigits = 64;
constexpr char kInterrupted[] = "interrupted";

Status CheckReceived(const ReceivedFile& file, std::string_view content) {
  RETURN_IF_ERROR(CheckDocumentId(file.document_id));
  RETURN_IF_ERROR(CheckDates(file.effective_unix_ms, file.expires_unix_ms));
  if (file.label.classification == Classification::kNone) {
    return InvalidArgument("document '{}' has no classification: a label is never guessed",
                           file.document_id);
  }
  const auto digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (file.sha256.size() != kDigestDigits ||
      !std::all_of(file.sha256.begin(), file.sha256.end(), digit)) {
    return InvalidArgument("the digest of '{}' is not {} hexadecimal digits", file.document_id,
                           kDigestDigits);
  }
  if (file.size_bytes != static_cast<int64_t>(content.size())) {
    return InvalidArgument("'{}' has {} bytes, its sender says {}", file.document_id,
                           content.size(), file.size_bytes);
  }
  return OkStatus();
}

/// Whether reading the file again could only give the version that is there.
bool IsVersion(const DocumentRecord& version, const ReceivedFile& file,
               const std::string& settings) {
  const StatusOr<Label> label = LabelFromProto(version.label());
  return version.removed_unix_ms() == 0 && version.has_file() && label.ok() &&
         *label == file.label && version.sha256() == file.sha256 &&
         version.given_title() == file.given_title && version.file_name() == file.file_name &&
         version.effective_unix_ms() == file.effective_unix_ms &&
         version.expires_unix_ms() == file.expires_unix_ms && version.settings() == settings;
}

UploadRecord RecordOf(const ReceivedFile& file, int64_t now_ms) {
  UploadRecord record;
  record.set_document_id(file.document_id);
  record.set_received_unix_ms(now_ms);
  *record.mutable_label() = LabelToProto(file.label);
  record.set_given_title(file.given_title);
  record.set_file_name(file.file_name);
  record.set_sha256(file.sha256);
  record.set_size_bytes(file.size_bytes);
  record.set_effective_unix_ms(file.effective_unix_ms);
  record.set_expires_unix_ms(file.expires_unix_ms);
  return record;
}

UploadRecord RecordOf(const DocumentRecord& version, int64_t now_ms) {
  UploadRecord record;
  record.set_document_id(version.id());
  record.set_received_unix_ms(now_ms);
  *record.mutable_label() = version.label();
  record.set_given_title(version.given_title());
  record.set_file_name(version.file_name());
  record.set_sha256(version.sha256());
  record.set_size_bytes(version.size_bytes());
  record.set_effective_unix_ms(version.effective_unix_ms());
  record.set_expires_unix_ms(version.expires_unix_ms());
  return record;
}

}  // namespace

// The upload that waits already goes with the same batch.
Status KnowledgeStoreImpl::PutUpload(uint32_t base, const UploadRecord& record,
                                     StoreChange& change) {
  ASSIGN_OR_RETURN(const auto old, FindUpload(base, record.document_id()));
  if (old) --change.file_users[old->sha256()];
  ++change.file_users[record.sha256()];
  change.batch.Put(Table::kDocuments, UploadKey(base, record.document_id()),
                   record.SerializeAsString());
  return OkStatus();
}

StatusOr<ReceiveResult> KnowledgeStoreImpl::Receive(const std::string& base_id,
                                                    const ReceivedFile& file,
                                                    std::string_view content,
                                                    const std::string& settings) {
  RETURN_IF_ERROR(CheckReceived(file, content));
  absl::MutexLock file_lock(&file_mu_);
  std::optional<uint32_t> written;  // under the number of this base
  while (true) {
    {
      absl::MutexLock write_lock(&write_mu_);
      ASSIGN_OR_RETURN(const Base base, FindBase(base_id));
      const uint32_t number = base.record.number();
      StoreChange change;
      ASSIGN_OR_RETURN(const auto newest, FindRecord(number, file.document_id));
      ASSIGN_OR_RETURN(const auto waiting, FindUpload(number, file.document_id));
      if (newest && IsVersion(*newest, file, settings)) {
        if (waiting) {
          change.batch.Delete(Table::kDocuments, UploadKey(number, file.document_id));
          --change.file_users[waiting->sha256()];
          RETURN_IF_ERROR(Commit(base, change));
        }
        return ReceiveResult{0, AddResult{newest->version(), newest->num_chunks(),
                                          PendingChunks(number, *newest), true, false}};
      }
      ASSIGN_OR_RETURN(const int64_t users, FileUsers(number, file.sha256));
      if (written == number || users > 0) {
        UploadRecord record = RecordOf(file, NowMs());
        ASSIGN_OR_RETURN(const uint64_t sequence, NextSequence(change.batch));
        record.set_sequence_number(sequence);
        RETURN_IF_ERROR(PutUpload(number, record, change));
        change.batch.Delete(Table::kMeta, UnfinishedFileKey(number, file.sha256));
        RETURN_IF_ERROR(Commit(base, change));
        return ReceiveResult{sequence, std::nullopt};
      }
    }
    // No record names the file, and none can while we write it: only uploads bring files in.
    ASSIGN_OR_RETURN(const uint32_t number, NumberOfBase(base_id));
    RETURN_IF_ERROR(PutPieces(number, file.sha256, content));
    written = number;
  }
}

StatusOr<uint64_t> KnowledgeStoreImpl::Reparse(const std::string& base_id,
                                               const std::string& document_id,
                                               const AccessFilter& filter) {
  absl::MutexLock write_lock(&write_mu_);
  ASSIGN_OR_RETURN(const Base base, FindBase(base_id));
  const uint32_t number = base.record.number();
  ASSIGN_OR_RETURN(const DocumentInfo info, GetDocument(base_id, document_id, filter));
  StoreChange change;
  ASSIGN_OR_RETURN(const uint64_t sequence, NextSequence(change.batch));
  UploadRecord record;
  if (info.upload) {
    ASSIGN_OR_RETURN(auto waiting, FindUpload(number, document_id));
    if (!waiting->failed()) return waiting->sequence_number();
    record = *std::move(waiting);
    record.set_failed(false);
    record.set_attempts(0);
    record.set_changed_unix_ms(NowMs());
  } else if (info.has_file) {
    ASSIGN_OR_RETURN(const auto newest, FindRecord(number, document_id));
    record = RecordOf(*newest, NowMs());
  } else {
    return FailedPrecondition(
        "the file of document '{}' is not kept (it was added by an older program): add the file "
        "again",
        document_id);
  }
  record.set_sequence_number(sequence);
  RETURN_IF_ERROR(PutUpload(number, record, change));
  RETURN_IF_ERROR(Commit(base, change));
  return sequence;
}

StatusOr<std::vector<UploadTask>> KnowledgeStoreImpl::WaitingUploads() const {
  std::vector<UploadTask> tasks;
  for (const KnowledgeBaseInfo& base : ListBases()) {
    ASSIGN_OR_RETURN(const uint32_t number, NumberOfBase(base.id));
    const std::string prefix = UploadPrefix(number);
    RETURN_IF_ERROR(database_->Scan(
        Table::kDocuments, prefix, prefix,
        [&](std::string_view, std::string_view value) -> StatusOr<bool> {
          ASSIGN_OR_RETURN(const auto record, DecodeRecord<UploadRecord>(value, "an upload"));
          if (record.failed()) return true;
          ASSIGN_OR_RETURN(UploadInfo info, Describe(record));
          tasks.push_back({base.id, std::move(info)});
          return true;
        }));
  }
  std::sort(tasks.begin(), tasks.end(), [](const UploadTask& a, const UploadTask& b) {
    return a.upload.number < b.upload.number;
  });
  return tasks;
}

StatusOr<bool> KnowledgeStoreImpl::BeginAttempt(const std::string& base_id,
                                                const std::string& document_id, uint64_t upload) {
  absl::MutexLock write_lock(&write_mu_);
  const StatusOr<Base> base = FindBase(base_id);
  if (!base.ok()) return false;
  const uint32_t number = base->record.number();
  ASSIGN_OR_RETURN(std::optional<UploadRecord> record, FindUpload(number, document_id));
  if (!record || record->failed() || record->sequence_number() != upload) return false;
  const bool begins = record->attempts() < options_.max_attempts;
  record->set_changed_unix_ms(NowMs());
  if (begins) {
    record->set_attempts(record->attempts() + 1);
  } else {
    record->set_failed(true);
    if (record->reason_code().empty()) {
      record->set_reason_code(kInterrupted);
      record->set_reason(
          fmt::format("the service ended {} times while it read this file", record->attempts()));
    }
  }
  StoreChange change;
  RETURN_IF_ERROR(PutUpload(number, *record, change));
  RETURN_IF_ERROR(Commit(*base, change));
  if (begins) SetProgress(upload, DocumentState::kReceived);
  return begins;
}

void KnowledgeStoreImpl::SetProgress(uint64_t upload, DocumentState state) {
  absl::MutexLock lock(&progress_mu_);
  if (state == DocumentState::kParsed || state == DocumentState::kChunked ||
      state == DocumentState::kEmbedded) {
    progress_[upload] = state;
  } else {
    progress_.erase(upload);
  }
}

Status KnowledgeStoreImpl::FailAttempt(const std::string& base_id, const std::string& document_id,
                                       uint64_t upload, const AttemptFailure& failure) {
  SetProgress(upload, DocumentState::kFailed);
  absl::MutexLock write_lock(&write_mu_);
  const StatusOr<Base> base = FindBase(base_id);
  if (!base.ok()) return OkStatus();
  const uint32_t number = base->record.number();
  ASSIGN_OR_RETURN(std::optional<UploadRecord> record, FindUpload(number, document_id));
  if (!record || record->sequence_number() != upload) return OkStatus();
  using Kind = AttemptFailure::Kind;
  if (failure.kind == Kind::kNotItsFault) record->set_attempts(std::max(record->attempts() - 1, 0));
  const bool spent = record->attempts() >= options_.max_attempts;
  record->set_failed(failure.kind == Kind::kRefused || (failure.kind == Kind::kFailed && spent));
  record->set_reason_code(failure.reason_code);
  record->set_reason(SanitizeUtf8(failure.reason));
  record->set_changed_unix_ms(NowMs());
  StoreChange change;
  RETURN_IF_ERROR(PutUpload(number, *record, change));
  return Commit(*base, change);
}

}  // namespace hadal::retrieval
