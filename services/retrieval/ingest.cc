#include "services/retrieval/ingest.h"

#include <utility>

#include "auth/crypto/digest.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "retrieval/clean/document_fields.h"
#include "retrieval/clean/min_hash.h"
#include "retrieval/label_proto.h"
#include "services/retrieval/document_name.h"

namespace hadal::retrieval_service {
namespace {

using internal::v1::ParsedDocument;

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

v1::AddDocumentResponse Refused(const v1::DocumentHeader& header, std::string code,
                                std::string reason) {
  v1::AddDocumentResponse response;
  response.set_document_id(DocumentId(header));
  response.set_reason_code(std::move(code));
  response.set_reason(std::move(reason));
  return response;
}

// A title is one short line.
std::string TitleOf(const v1::DocumentHeader& header, const ParsedDocument& parsed) {
  for (const std::string* title : {&header.title(), &parsed.title()}) {
    std::string_view text = *title;
    const size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) continue;
    text = text.substr(begin, text.find_first_of("\r\n", begin) - begin);
    text = text.substr(0, std::min(text.size(), kMaxTitleBytes));
    return std::string(text.substr(0, CompleteUtf8Prefix(text)));
  }
  return DisplayFileName(header.file_name());
}

retrieval::NewDocument MakeDocument(const v1::DocumentHeader& header, retrieval::Label label,
                                    const ParsedDocument& parsed, const std::string& content,
                                    const retrieval::TextFolder& folder) {
  const std::string text = retrieval::ExtractedText(parsed);
  retrieval::NewDocument document;
  document.id = DocumentId(header);
  document.title = TitleOf(header, parsed);
  document.file_name = DisplayFileName(header.file_name());
  document.format = parsed.format();
  document.label = std::move(label);
  document.sha256 = HexEncode(auth::Sha256(content));
  document.text_sha256 = HexEncode(auth::Sha256(text));
  document.size_bytes = static_cast<int64_t>(content.size());
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) ++document.characters;
  }
  document.pages = parsed.pages();
  document.fields = retrieval::FindDocumentFields(parsed, folder);
  document.signature = retrieval::SignatureOf(folder.Fold(text));
  return document;
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
  return Refused(header, "too_large",
                 fmt::format("the file is larger than {} bytes, the most that is taken",
                             options_.max_document_bytes));
}

StatusOr<v1::AddDocumentResponse> Ingest::Add(retrieval::KnowledgeStore& store,
                                              retrieval::TokenCounter& tokens,
                                              const v1::DocumentHeader& header,
                                              const std::string& content) const {
  RETURN_IF_ERROR(CheckHeader(header));
  if (static_cast<int64_t>(content.size()) > options_.max_document_bytes) return TooLarge(header);
  ASSIGN_OR_RETURN(retrieval::Label label, retrieval::LabelFromProto(header.label()));
  ASSIGN_OR_RETURN(const internal::v1::ParseOutcome outcome,
                   pool_->Parse(DisplayFileName(header.file_name()), content));
  if (!outcome.has_document()) {
    const internal::v1::ParseRejection& rejection = outcome.rejection();
    return Refused(header, rejection.code().empty() ? "unreadable" : rejection.code(),
                   rejection.message());
  }
  const ParsedDocument& parsed = outcome.document();
  retrieval::NewDocument document =
      MakeDocument(header, std::move(label), parsed, content, *folder_);
  ASSIGN_OR_RETURN(document.chunks,
                   retrieval::ChunkDocument(parsed, document.title, options_.chunker, tokens));
  if (document.chunks.empty()) {
    return Refused(header, "no_text", "no text was found in the file");
  }
  if (static_cast<int64_t>(document.chunks.size()) > options_.max_chunks_per_document) {
    return Refused(header, "too_large",
                   fmt::format("the text gives {} chunks, at most {} are taken: split the file",
                               document.chunks.size(), options_.max_chunks_per_document));
  }
  ASSIGN_OR_RETURN(const retrieval::AddResult added,
                   store.AddDocument(header.knowledge_base(), document));
  v1::AddDocumentResponse response;
  response.set_document_id(document.id);
  response.set_accepted(true);
  response.set_version(added.version);
  response.set_chunks(added.chunks);
  response.set_unchanged(added.unchanged);
  response.set_chunks_pending(added.pending_chunks);
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
