#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "hadal/store/v1/document.pb.h"
#include "retrieval/document.h"
#include "retrieval/passage_text.h"
#include "retrieval/store/database.h"

namespace hadal::retrieval {

/// The layout that this code writes. It reads the two before it, whose records are the same with
/// less in them; opening raises the version, so that a program that knows less refuses the store.
inline constexpr std::string_view kFormatVersion = "3";
inline constexpr std::string_view kOlderFormats[] = {"1", "2"};

/// Keys; integers are big-endian, so the order of keys is the order of numbers. See key_format.md.
std::string FormatKey();
std::string SequenceKey();
std::string NextBaseKey();
std::string BasePrefix();
std::string BaseKey(std::string_view base_id);
std::string NextChunkKey(uint32_t base);
std::string PendingPrefix(uint32_t base);
std::string PendingKey(uint32_t base, uint64_t first_chunk);
std::string SealedValuesKey(uint32_t base);
/// Generation of the files on the disk.
std::string GenerationKey();
/// A file whose pieces are being written and belong to nothing yet.
std::string UnfinishedFilesPrefix();
std::string UnfinishedFilePrefix(uint32_t base);
std::string UnfinishedFileKey(uint32_t base, std::string_view sha256);
/// A base that is being imported under this number.
std::string ImportPrefix();
std::string ImportKey(uint32_t base);
std::string ReceiptPrefix();
std::string ReceiptKey(uint64_t sequence);
std::string DocumentPrefix(uint32_t base);
std::string DocumentKey(uint32_t base, std::string_view document_id);
/// Versions that are not the newest, ascending.
std::string OlderVersionsPrefix(uint32_t base);
std::string OlderVersionPrefix(uint32_t base, std::string_view document_id);
std::string OlderVersionKey(uint32_t base, std::string_view document_id, int32_t version);
std::string UploadPrefix(uint32_t base);
std::string UploadKey(uint32_t base, std::string_view document_id);
std::string ChunkPrefix(uint32_t base);
std::string ChunkKey(uint32_t base, uint64_t number);
std::string VectorPrefix(uint32_t base);
std::string VectorKey(uint32_t base, uint64_t number);
std::string FilesPrefix(uint32_t base);
std::string FilePrefix(uint32_t base, std::string_view sha256);
std::string FilePieceKey(uint32_t base, std::string_view sha256, uint32_t piece);
std::string FileUsersPrefix(uint32_t base);
std::string FileUsersKey(uint32_t base, std::string_view sha256);
/// What belongs to a base besides its record, by the kinds of its keys.
struct ExportedKind {
  Table table;
  std::string (*prefix)(uint32_t base);
};
extern const std::array<ExportedKind, 9> kExportedKinds;
/// nullptr when a base has no keys that begin with `kind`.
const ExportedKind* FindExportedKind(char kind, uint32_t base);
/// The first key after all that start with `prefix`, which must not be all 0xFF.
std::string EndOfPrefix(std::string prefix);
/// The base that a key of a document, chunk, vector or file begins with, or one of kinds 04 to 07
/// and 09.
StatusOr<uint32_t> BaseOfKey(std::string_view key);
/// The chunk number at the end of a chunk, vector or pending key.
StatusOr<uint64_t> NumberOfKey(std::string_view key);

/// Values.
std::string EncodeCounter(uint64_t value);
StatusOr<uint64_t> DecodeCounter(std::string_view value);
/// float32, little-endian.
std::string EncodeVector(absl::Span<const float> vector);
/// Appends to `out`. DATA_LOSS unless there are exactly `dim` finite numbers.
Status DecodeVector(std::string_view value, int32_t dim, std::vector<float>& out);

template <typename Message>
StatusOr<Message> DecodeRecord(std::string_view value, std::string_view what) {
  Message message;
  if (!message.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return DataLoss("{} does not parse although its checksum holds: written by another version?",
                    what);
  }
  return message;
}

/// The record under `key` of the documents; nullopt when there is none.
template <typename Message>
StatusOr<std::optional<Message>> ReadOptional(const DatabaseReader& database,
                                              const std::string& key, std::string_view what) {
  const StatusOr<std::string> value = database.Get(Table::kDocuments, key);
  if (absl::IsNotFound(value.status())) return std::optional<Message>();
  RETURN_IF_ERROR(value.status());
  ASSIGN_OR_RETURN(Message message, DecodeRecord<Message>(*value, what));
  return std::optional<Message>(std::move(message));
}

StatusOr<DocumentInfo> InfoOfRecord(const store::v1::DocumentRecord& record);
StatusOr<UploadInfo> InfoOfRecord(const store::v1::UploadRecord& record);
Chunk ChunkOfRecord(store::v1::ChunkRecord record);
store::v1::ChunkRecord RecordOfChunk(const Chunk& chunk);
/// A chunk of a version as a search shows it, without scores.
SearchHit HitOf(const DocumentInfo& version, store::v1::ChunkRecord record);

}  // namespace hadal::retrieval
