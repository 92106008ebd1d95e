#include "retrieval/store/records.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "retrieval/label_proto.h"

namespace hadal::retrieval {
namespace {

// High half: kind; low half: version of that kind's layout.
constexpr char kFormat = 0x01;
constexpr char kCounter = 0x02;
constexpr char kBase = 0x03;
constexpr char kNextChunk = 0x04;
constexpr char kPending = 0x05;
constexpr char kSealedValues = 0x06;
constexpr char kImport = 0x07;
constexpr char kReceipt = 0x08;
constexpr char kUnfinishedFile = 0x09;
constexpr char kDocument = 0x11;
constexpr char kOlderVersion = 0x12;
constexpr char kUpload = 0x13;
constexpr char kChunk = 0x21;
constexpr char kVector = 0x31;
constexpr char kFilePiece = 0x41;
constexpr char kFileUsers = 0x42;

static_assert(std::endian::native == std::endian::little, "vectors are stored little-endian");

template <typename Integer>
void AppendBigEndian(Integer value, std::string& out) {
  for (int shift = static_cast<int>(sizeof(Integer)) * 8 - 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

std::string NumberedKey(char kind, uint32_t base) {
  std::string key(1, kind);
  AppendBigEndian(base, key);
  return key;
}

std::string NumberedKey(char kind, uint32_t base, uint64_t number) {
  std::string key = NumberedKey(kind, base);
  AppendBigEndian(number, key);
  return key;
}

uint64_t ReadBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = (value << 8) | static_cast<uint8_t>(c);
  return value;
}

}  // namespace

std::string FormatKey() { return std::string(1, kFormat); }
std::string SequenceKey() { return std::string(1, kCounter) + "s"; }
std::string NextBaseKey() { return std::string(1, kCounter) + "b"; }
std::string BasePrefix() { return std::string(1, kBase); }
std::string BaseKey(std::string_view base_id) { return BasePrefix().append(base_id); }
std::string NextChunkKey(uint32_t base) { return NumberedKey(kNextChunk, base); }
std::string PendingPrefix(uint32_t base) { return NumberedKey(kPending, base); }
std::string PendingKey(uint32_t base, uint64_t first_chunk) {
  return NumberedKey(kPending, base, first_chunk);
}
std::string SealedValuesKey(uint32_t base) { return NumberedKey(kSealedValues, base); }
std::string GenerationKey() { return std::string(1, kCounter) + "g"; }
std::string UnfinishedFilesPrefix() { return std::string(1, kUnfinishedFile); }
std::string UnfinishedFilePrefix(uint32_t base) { return NumberedKey(kUnfinishedFile, base); }
std::string UnfinishedFileKey(uint32_t base, std::string_view sha256) {
  return UnfinishedFilePrefix(base).append(sha256);
}
std::string ImportPrefix() { return std::string(1, kImport); }
std::string ImportKey(uint32_t base) { return NumberedKey(kImport, base); }
std::string ReceiptPrefix() { return std::string(1, kReceipt); }
std::string ReceiptKey(uint64_t sequence) {
  std::string key = ReceiptPrefix();
  AppendBigEndian(sequence, key);
  return key;
}
std::string DocumentPrefix(uint32_t base) { return NumberedKey(kDocument, base); }
std::string DocumentKey(uint32_t base, std::string_view document_id) {
  return DocumentPrefix(base).append(document_id);
}
std::string OlderVersionsPrefix(uint32_t base) { return NumberedKey(kOlderVersion, base); }
// A document id holds no control characters: the zero ends it.
std::string OlderVersionPrefix(uint32_t base, std::string_view document_id) {
  return OlderVersionsPrefix(base).append(document_id).append(1, '\0');
}
std::string OlderVersionKey(uint32_t base, std::string_view document_id, int32_t version) {
  std::string key = OlderVersionPrefix(base, document_id);
  AppendBigEndian(static_cast<uint32_t>(version), key);
  return key;
}
std::string UploadPrefix(uint32_t base) { return NumberedKey(kUpload, base); }
std::string UploadKey(uint32_t base, std::string_view document_id) {
  return UploadPrefix(base).append(document_id);
}
std::string ChunkPrefix(uint32_t base) { return NumberedKey(kChunk, base); }
std::string ChunkKey(uint32_t base, uint64_t number) { return NumberedKey(kChunk, base, number); }
std::string VectorPrefix(uint32_t base) { return NumberedKey(kVector, base); }
std::string VectorKey(uint32_t base, uint64_t number) { return NumberedKey(kVector, base, number); }

std::string FilesPrefix(uint32_t base) { return NumberedKey(kFilePiece, base); }
std::string FilePrefix(uint32_t base, std::string_view sha256) {
  return FilesPrefix(base).append(sha256);
}
std::string FilePieceKey(uint32_t base, std::string_view sha256, uint32_t piece) {
  std::string key = FilePrefix(base, sha256);
  AppendBigEndian(piece, key);
  return key;
}
std::string FileUsersPrefix(uint32_t base) { return NumberedKey(kFileUsers, base); }
std::string FileUsersKey(uint32_t base, std::string_view sha256) {
  return FileUsersPrefix(base).append(sha256);
}

const std::array<ExportedKind, 9> kExportedKinds = {{{Table::kMeta, NextChunkKey},
                                                     {Table::kMeta, PendingPrefix},
                                                     {Table::kDocuments, DocumentPrefix},
                                                     {Table::kDocuments, OlderVersionsPrefix},
                                                     {Table::kDocuments, UploadPrefix},
                                                     {Table::kChunks, ChunkPrefix},
                                                     {Table::kVectors, VectorPrefix},
                                                     {Table::kFiles, FilesPrefix},
                                                     {Table::kFiles, FileUsersPrefix}}};

const ExportedKind* FindExportedKind(char kind, uint32_t base) {
  for (const ExportedKind& exported : kExportedKinds) {
    if (exported.prefix(base)[0] == kind) return &exported;
  }
  return nullptr;
}

std::string EndOfPrefix(std::string prefix) {
  while (!prefix.empty() && static_cast<uint8_t>(prefix.back()) == 0xFF) prefix.pop_back();
  CHECK(!prefix.empty());
  ++prefix.back();
  return prefix;
}

StatusOr<uint32_t> BaseOfKey(std::string_view key) {
  if (key.size() < 1 + sizeof(uint32_t)) {
    return DataLoss("a key of {} bytes names no knowledge base: the store is damaged", key.size());
  }
  return static_cast<uint32_t>(ReadBigEndian(key.substr(1, sizeof(uint32_t))));
}

StatusOr<uint64_t> NumberOfKey(std::string_view key) {
  constexpr size_t kNumberedKeyBytes = 1 + sizeof(uint32_t) + sizeof(uint64_t);
  if (key.size() != kNumberedKeyBytes) {
    return DataLoss("a chunk key has {} bytes, expected {}: the store is damaged", key.size(),
                    kNumberedKeyBytes);
  }
  return ReadBigEndian(key.substr(1 + sizeof(uint32_t)));
}

std::string EncodeCounter(uint64_t value) {
  std::string bytes;
  AppendBigEndian(value, bytes);
  return bytes;
}

StatusOr<uint64_t> DecodeCounter(std::string_view value) {
  if (value.size() != sizeof(uint64_t)) {
    return DataLoss("a counter has {} bytes, expected 8: the store is damaged", value.size());
  }
  return ReadBigEndian(value);
}

std::string EncodeVector(absl::Span<const float> vector) {
  return std::string(reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float));
}

Status DecodeVector(std::string_view value, int32_t dim, std::vector<float>& out) {
  if (value.size() != static_cast<size_t>(dim) * sizeof(float)) {
    return DataLoss("a vector has {} bytes, expected {} ({} dimensions): the store is damaged",
                    value.size(), static_cast<size_t>(dim) * sizeof(float), dim);
  }
  const size_t begin = out.size();
  out.resize(begin + static_cast<size_t>(dim));
  std::memcpy(out.data() + begin, value.data(), value.size());
  for (size_t i = begin; i < out.size(); ++i) {
    if (!std::isfinite(out[i])) return DataLoss("a vector holds a number that is not finite");
  }
  return OkStatus();
}

namespace {

StatusOr<Label> StoredLabel(const v1::Label& proto, const std::string& document_id) {
  StatusOr<Label> label = LabelFromProto(proto);
  if (label.ok()) return label;
  return DataLoss("document {} is stored without a valid label: {}", document_id,
                  StatusMessage(label.status()));
}

}  // namespace

StatusOr<DocumentInfo> InfoOfRecord(const store::v1::DocumentRecord& record) {
  DocumentInfo info;
  info.id = record.id();
  info.title = record.title();
  info.file_name = record.file_name();
  info.format = record.format();
  ASSIGN_OR_RETURN(info.label, StoredLabel(record.label(), record.id()));
  info.sha256 = record.sha256();
  info.size_bytes = record.size_bytes();
  info.characters = record.characters();
  info.pages = record.pages();
  info.version = record.version();
  info.num_chunks = record.num_chunks();
  info.added_unix_ms = record.added_unix_ms();
  info.has_file = record.has_file();
  info.given_title = record.given_title();
  info.settings = record.settings();
  for (const store::v1::DocumentField& field : record.fields()) {
    info.fields.push_back({field.name(), field.value(), field.normalized()});
  }
  info.signature.assign(record.signature().begin(), record.signature().end());
  info.warnings.assign(record.warnings().begin(), record.warnings().end());
  info.effective_unix_ms = record.effective_unix_ms();
  info.expires_unix_ms = record.expires_unix_ms();
  info.superseded_unix_ms = record.superseded_unix_ms();
  info.superseded_by = record.superseded_by();
  info.attempts = record.attempts();
  info.parse_ms = record.parse_ms();
  info.embed_ms = record.embed_ms();
  return info;
}

StatusOr<UploadInfo> InfoOfRecord(const store::v1::UploadRecord& record) {
  UploadInfo info;
  info.number = record.sequence_number();
  info.file.document_id = record.document_id();
  info.file.given_title = record.given_title();
  info.file.file_name = record.file_name();
  ASSIGN_OR_RETURN(info.file.label, StoredLabel(record.label(), record.document_id()));
  info.file.sha256 = record.sha256();
  info.file.size_bytes = record.size_bytes();
  info.file.effective_unix_ms = record.effective_unix_ms();
  info.file.expires_unix_ms = record.expires_unix_ms();
  info.state = record.failed() ? DocumentState::kFailed : DocumentState::kReceived;
  info.reason_code = record.reason_code();
  info.reason = record.reason();
  info.attempts = record.attempts();
  info.received_unix_ms = record.received_unix_ms();
  info.changed_unix_ms = record.changed_unix_ms();
  return info;
}

SearchHit HitOf(const DocumentInfo& version, store::v1::ChunkRecord record) {
  SearchHit hit;
  hit.chunk_id = fmt::format("{}#{}.{}", version.id, version.version, record.ordinal());
  hit.document_id = version.id;
  hit.document_version = version.version;
  hit.title = version.title;
  hit.label = version.label;
  hit.chunk = ChunkOfRecord(std::move(record));
  return hit;
}

Chunk ChunkOfRecord(store::v1::ChunkRecord record) {
  Chunk chunk;
  chunk.text = std::move(*record.mutable_text());
  chunk.start = record.start();
  chunk.end = record.end();
  chunk.page = record.page();
  chunk.heading_path.assign(record.heading_path().begin(), record.heading_path().end());
  chunk.language = record.language();
  chunk.tokens = record.tokens();
  chunk.section_first = record.section_first();
  chunk.section_last = record.section_last();
  chunk.context = std::move(*record.mutable_context());
  return chunk;
}

store::v1::ChunkRecord RecordOfChunk(const Chunk& chunk) {
  store::v1::ChunkRecord record;
  record.set_text(chunk.text);
  record.set_start(chunk.start);
  record.set_end(chunk.end);
  record.set_page(chunk.page);
  record.mutable_heading_path()->Add(chunk.heading_path.begin(), chunk.heading_path.end());
  record.set_language(chunk.language);
  record.set_tokens(chunk.tokens);
  record.set_section_first(chunk.section_first);
  record.set_section_last(chunk.section_last);
  record.set_context(chunk.context);
  return record;
}

}  // namespace hadal::retrieval
