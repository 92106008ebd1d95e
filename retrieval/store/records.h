#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "hadal/store/v1/document.pb.h"
#include "retrieval/document.h"
#include "retrieval/passage_text.h"

namespace hadal::retrieval {

/// The layouts that this code reads. A store becomes kFormatWithPending with its first pending key,
/// so that a program that knows none refuses it rather than miss vectors.
inline constexpr std::string_view kFormatVersion = "1";
inline constexpr std::string_view kFormatWithPending = "2";
/// With its first encrypted base: a program that has no keys must not take ciphertext for records.
inline constexpr std::string_view kFormatEncrypted = "3";

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
std::string DocumentPrefix(uint32_t base);
std::string DocumentKey(uint32_t base, std::string_view document_id);
std::string ChunkPrefix(uint32_t base);
std::string ChunkKey(uint32_t base, uint64_t number);
std::string VectorPrefix(uint32_t base);
std::string VectorKey(uint32_t base, uint64_t number);
/// The first key after all that start with `prefix`, which must not be all 0xFF.
std::string EndOfPrefix(std::string prefix);
/// The base that a key of a document, chunk or vector begins with.
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

StatusOr<DocumentInfo> InfoOfRecord(const store::v1::DocumentRecord& record);
Chunk ChunkOfRecord(store::v1::ChunkRecord record);
store::v1::ChunkRecord RecordOfChunk(const Chunk& chunk);

}  // namespace hadal::retrieval
