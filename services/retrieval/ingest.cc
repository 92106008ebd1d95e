#include "services/retrieval/ingest.h"

#include <utility>

#include "absl/time/clock.h"
#include "auth/crypto/digest.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/utf8.h"
#include "retrieval/clean/document_fields.h"
#include "retrieval/clean/min_hash.h"
#include "retrieval/label_proto.h"
#include "retrieval/parser.h"
#include "services/retrieval/document_name.h"

namespace hadal::retrieval_service {
namespace {

using internal::v1::ParsedDocument;
using retrieval::ReceivedFile;

constexpr size_t kMaxTitleBytes = 1024;
constexpr size_t kMaxFileNameBytes = 4096;
constexpr int kMaxLabelNames = 256;
constexpr size_t kMaxLabelNameBytes = 256;

std::string DocumentId(const v1::DocumentHeader& header) {
  return header.document_id().empty() ? DocumentIdFromFileName(header.file_name())
                                      : header.document_id();
}

Status CheckText(const std::string& text, size_t limit, std::string_view name) {
  if (text.size() <= limit && IsValidUtf8(text)) return OkStatus();
  return InvalidArgument("{} has {} bytes: expected at most {} bytes of UTF-8", name, text.size(),
                         limit);
}

template <typename Names>
Status CheckNames(const Names& names, std::string_view what) {
  if (names.size() > kMaxLabelNames) {
    return InvalidArgument("label names {} {}, at most {} are taken", names.size(), what,
                           kMaxLabelNames);
  }
  for (const std::string& name : names) {
    if (name.empty()) return InvalidArgument("an empty name among the label's {}", what);
    RETURN_IF_ERROR(CheckText(name, kMaxLabelNameBytes, what));
  }
  return OkStatus();
}

v1::AddDocumentResponse Refused(const std::string& document_id, std::string code,
                                std::string reason) {
  v1::AddDocumentResponse response;
  response.set_document_id(document_id);
  response.set_reason_code(std::move(code));
  response.set_reason(std::move(reason));
  response.set_state(v1::DOCUMENT_STATE_FAILED);
  return response;
}

v1::AddDocumentResponse Accepted(const std::string& document_id,
                                 const retrieval::AddResult& added) {
  v1::AddDocumentResponse response;
  response.set_document_id(document_id);
  response.set_accepted(true);
  response.set_version(added.version);
  response.set_chunks(added.chunks);
  response.set_unchanged(added.unchanged);
  response.set_relabelled(added.relabelled);
  response.set_chunks_pending(added.pending_chunks);
  response.set_state(v1::DOCUMENT_STATE_VISIBLE);
  return response;
}

// The next attempt may end otherwise: the machine was short of something, or busy.
bool MayPass(std::string_view code) {
  return code == "parser_crashed" || code == "timeout" || code == "memory_limit";
}

int64_t MillisSince(absl::Time begin) { return absl::ToInt64Milliseconds(absl::Now() - begin); }

// A title is one short line.
std::string TitleOf(const ReceivedFile& file, const ParsedDocument& parsed) {
  for (const std::string* title : {&file.given_title, &parsed.title()}) {
    std::string_view text = *title;
    const size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) continue;
    text = text.substr(begin, text.find_first_of("\r\n", begin) - begin);
    text = text.substr(0, std::min(text.size(), kMaxTitleBytes));
    return std::string(text.substr(0, CompleteUtf8Prefix(text)));
  }
  return file.file_name;
}

retrieval::NewDocument MakeDocument(const retrieval::UploadInfo& upload,
                                    const ParsedDocument& parsed,
                                    const retrieval::TextFolder& folder) {
  const ReceivedFile& file = upload.file;
  const std::string text = retrieval::ExtractedText(parsed);
  retrieval::NewDocument document;
  document.id = file.document_id;
  document.title = TitleOf(file, parsed);
  document.file_name = file.file_name;
  document.format = parsed.format();
  document.label = file.label;
  document.sha256 = file.sha256;
  document.text_sha256 = HexEncode(auth::Sha256(text));
  document.size_bytes = file.size_bytes;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) ++document.characters;
  }
  document.pages = parsed.pages();
  document.fields = retrieval::FindDocumentFields(parsed, folder);
  document.signature = retrieval::SignatureOf(folder.Fold(text));
  document.given_title = file.given_title;
  document.effective_unix_ms = file.effective_unix_ms;
  document.expires_unix_ms = file.expires_unix_ms;
  document.warnings.assign(parsed.warnings().begin(), parsed.warnings().end());
  document.upload = upload.number;
  return document;
}

StatusOr<ReceivedFile> FileOf(const v1::DocumentHeader& header, const std::string& content) {
  ReceivedFile file;
  file.document_id = DocumentId(header);
  file.given_title = header.title();
  file.file_name = DisplayFileName(header.file_name());
  ASSIGN_OR_RETURN(file.label, retrieval::LabelFromProto(header.label()));
  file.sha256 = HexEncode(auth::Sha256(content));
  file.size_bytes = static_cast<int64_t>(content.size());
  file.effective_unix_ms = header.effective_unix_ms();
  file.expires_unix_ms = header.expires_unix_ms();
  return file;
}

}  // namespace

Status Ingest::CheckHeader(const v1::DocumentHeader& header) const {
  RETURN_IF_ERROR(retrieval::LabelFromProto(header.label()).status());
  RETURN_IF_ERROR(CheckNames(header.label().compartments(), "compartments"));
  RETURN_IF_ERROR(CheckNames(header.label().groups(), "groups"));
  RETURN_IF_ERROR(CheckText(header.title(), kMaxTitleBytes, "title"));
  RETURN_IF_ERROR(CheckText(header.file_name(), kMaxFileNameBytes, "file_name"));
  if (header.document_id().empty() && header.file_name().empty()) {
    return InvalidArgument("the header has neither document_id nor file_name: give one");
  }
  return OkStatus();
}

v1::AddDocumentResponse Ingest::TooLarge(const v1::DocumentHeader& header) const {
  return Refused(DocumentId(header), "too_large",
                 fmt::format("the file is larger than {} bytes, the most that is taken",
                             options_.max_document_bytes));
}

Ingest::Ingest(IngestOptions options, std::shared_ptr<parser::ParserPool> pool,
               std::shared_ptr<const retrieval::TextFolder> folder)
    : options_(options),
      settings_(fmt::format("parser={} {}", retrieval::kParserVersion,
                            retrieval::ChunkerFingerprint(options.chunker))),
      pool_(std::move(pool)),
      folder_(std::move(folder)) {}

IngestOutcome Ingest::Add(retrieval::KnowledgeStore& store, retrieval::TokenCounter& tokens,
                          const v1::DocumentHeader& header, const std::string& content) const {
  if (const Status valid = CheckHeader(header); !valid.ok()) return {valid, std::nullopt};
  if (static_cast<int64_t>(content.size()) > options_.max_document_bytes) {
    return {TooLarge(header), std::nullopt};
  }
  const StatusOr<ReceivedFile> file = FileOf(header, content);
  if (!file.ok()) return {file.status(), std::nullopt};
  const StatusOr<retrieval::ReceiveResult> received =
      store.Receive(header.knowledge_base(), *file, content, settings_);
  if (!received.ok()) return {received.status(), std::nullopt};
  if (received->current) return {Accepted(file->document_id, *received->current), std::nullopt};
  retrieval::UploadTask task = {header.knowledge_base(), {}};
  task.upload.number = received->upload;
  task.upload.file = *file;
  return Read(store, tokens, task, content);
}

IngestOutcome Ingest::Resume(retrieval::KnowledgeStore& store, retrieval::TokenCounter& tokens,
                             const retrieval::UploadTask& task) const {
  const StatusOr<std::string> content = store.ReadFile(task.base, task.upload.file.sha256);
  // Deleted since it was queued: the attempt finds out.
  if (absl::IsNotFound(content.status())) return Read(store, tokens, task, "");
  if (!content.ok()) return {content.status(), task};
  return Read(store, tokens, task, *content);
}

IngestOutcome Ingest::Read(retrieval::KnowledgeStore& store, retrieval::TokenCounter& tokens,
                           const retrieval::UploadTask& task, const std::string& content) const {
  using Kind = retrieval::AttemptFailure::Kind;
  const std::string& id = task.upload.file.document_id;
  const uint64_t number = task.upload.number;
  const StatusOr<bool> begun = store.BeginAttempt(task.base, id, number);
  if (!begun.ok()) return {begun.status(), task};
  if (!*begun) {
    return {Cancelled("the upload of '{}' was deleted, replaced or given up meanwhile", id),
            std::nullopt};
  }
  IngestOutcome outcome = {TryRead(store, tokens, task, content), std::nullopt};
  store.SetProgress(number, retrieval::DocumentState::kVisible);
  retrieval::AttemptFailure failure;
  if (!outcome.response.ok()) {
    const Status& status = outcome.response.status();
    if (absl::IsCancelled(status)) return outcome;
    failure = {absl::IsInvalidArgument(status) ? Kind::kRefused : Kind::kNotItsFault, "unavailable",
               StatusMessage(status)};
  } else if (!outcome.response->accepted()) {
    const std::string& code = outcome.response->reason_code();
    failure = {MayPass(code) ? Kind::kFailed : Kind::kRefused, code, outcome.response->reason()};
  } else {
    return outcome;
  }
  const Status noted = store.FailAttempt(task.base, id, number, failure);
  if (!noted.ok()) {
    LogWarning("what became of '{}' could not be noted: {}", id, StatusMessage(noted));
  }
  // The store counts: the next attempt may find that there were enough.
  if (failure.kind != Kind::kRefused) outcome.again = task;
  return outcome;
}

StatusOr<v1::AddDocumentResponse> Ingest::TryRead(retrieval::KnowledgeStore& store,
                                                  retrieval::TokenCounter& tokens,
                                                  const retrieval::UploadTask& task,
                                                  const std::string& content) const {
  using retrieval::DocumentState;
  const ReceivedFile& file = task.upload.file;
  if (HexEncode(auth::Sha256(content)) != file.sha256) {
    return DataLoss(
        "the kept file of '{}' does not have its digest: the store is damaged; add the "
        "file again",
        file.document_id);
  }
  const absl::Time begin = absl::Now();
  ASSIGN_OR_RETURN(const internal::v1::ParseOutcome outcome, pool_->Parse(file.file_name, content));
  if (!outcome.has_document()) {
    const internal::v1::ParseRejection& rejection = outcome.rejection();
    return Refused(file.document_id, rejection.code().empty() ? "unreadable" : rejection.code(),
                   rejection.message());
  }
  store.SetProgress(task.upload.number, DocumentState::kParsed);
  const ParsedDocument& parsed = outcome.document();
  retrieval::NewDocument document = MakeDocument(task.upload, parsed, *folder_);
  document.settings = settings_;
  document.parse_ms = MillisSince(begin);
  ASSIGN_OR_RETURN(document.chunks,
                   retrieval::ChunkDocument(parsed, document.title, options_.chunker, tokens));
  store.SetProgress(task.upload.number, DocumentState::kChunked);
  if (document.chunks.empty()) {
    return Refused(file.document_id, "no_text", "no text was found in the file");
  }
  if (static_cast<int64_t>(document.chunks.size()) > options_.max_chunks_per_document) {
    return Refused(file.document_id, "too_large",
                   fmt::format("the text gives {} chunks, at most {} are taken: split the file",
                               document.chunks.size(), options_.max_chunks_per_document));
  }
  ASSIGN_OR_RETURN(const retrieval::AddResult added, store.AddDocument(task.base, document));
  v1::AddDocumentResponse response = Accepted(file.document_id, added);
  *response.mutable_warnings() = parsed.warnings();
  return response;
}

Status UploadBudget::Share::Grow(int64_t bytes) {
  if (!budget_.Take(bytes)) {
    return ResourceExhausted("too many files are being received at once: try again in a moment");
  }
  bytes_ += bytes;
  return OkStatus();
}

bool UploadBudget::Take(int64_t bytes) {
  absl::MutexLock lock(&mu_);
  if (bytes > free_) return false;
  free_ -= bytes;
  return true;
}

void UploadBudget::GiveBack(int64_t bytes) {
  absl::MutexLock lock(&mu_);
  free_ += bytes;
}

}  // namespace hadal::retrieval_service
