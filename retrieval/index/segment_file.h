#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "base/file.h"
#include "base/status.h"

namespace hadal::retrieval {

/// The parts of a segment's file. Numbers are little-endian; a part begins at a multiple of 64.
enum class Section : uint32_t {
  kNumbers,        ///< u64 [slots] ascending
  kLengths,        ///< u32 [slots]
  kLanguages,      ///< u8 [slots] index into the names
  kLanguageNames,  ///< each with a zero byte behind it
  kVectors,        ///< f32 [slots, dim]
  kCodes,          ///< i8 [slots, CodeStride(dim)]
  kScales,         ///< f32 [slots]
  kErrors,         ///< f32 [slots]
  kTerms,          ///< TermEntry [terms] ascending
  kBlocks,         ///< PostingBlock, term by term
  kPostings,       ///< packed blocks and kPackedSlack
  kGraphs,         ///< graphs over some of the slots; may be empty
  kCount,
};
constexpr size_t kSections = static_cast<size_t>(Section::kCount);

/// Seals the bytes of a file's parts and opens them again, for encryption at rest: a seam, without
/// an implementation here. `context` names file and part, and belongs to what is authenticated.
/// Opened parts lie in memory, not in the page cache. Thread-safe.
class SectionCipher {
 public:
  virtual ~SectionCipher() = default;
  virtual StatusOr<std::string> Seal(std::string_view context, std::string_view plain) const = 0;
  virtual StatusOr<std::string> Open(std::string_view context, std::string_view sealed) const = 0;
};

/// What a file must have been written for, to be used.
struct SegmentIdentity {
  int32_t dim = 0;
  std::string embedding_model;  ///< at most 255 bytes
  uint64_t sequence = 0;        ///< of the file in its folder
};

/// The parts of one segment, in memory or mapped.
struct SegmentParts {
  uint32_t slots = 0;
  float max_norm = 0;
  std::array<absl::Span<const uint8_t>, kSections> bytes;

  absl::Span<const uint8_t>& operator[](Section section) {
    return bytes[static_cast<size_t>(section)];
  }
  absl::Span<const uint8_t> operator[](Section section) const {
    return bytes[static_cast<size_t>(section)];
  }
};

/// Writes a new file: under a temporary name, synced, then renamed. cipher may be null.
/// RESOURCE_EXHAUSTED for a full disk; nothing is left then.
Status WriteSegmentFile(const std::string& path, const SegmentIdentity& identity,
                        const SegmentParts& parts, const SectionCipher* cipher);

/// A file whose header and checksums hold: DATA_LOSS where it is damaged, FAILED_PRECONDITION where
/// it is of another layout, dimension, model or tokenizer. What the parts say is not looked at.
class SegmentFile {
 public:
  static StatusOr<std::unique_ptr<SegmentFile>> Open(const std::string& path,
                                                     const SegmentIdentity& identity,
                                                     const SectionCipher* cipher);

  const SegmentParts& parts() const { return parts_; }

 private:
  std::unique_ptr<MappedFile> file_;
  std::vector<std::string> opened_;  // with a cipher: the parts
  SegmentParts parts_;
};

/// Puts fitting checksums into a file's header, for files made by hand in tests. False when `bytes`
/// are too short for one.
bool RepairChecksums(std::string& bytes);

/// Syncs a folder: files made, renamed or removed in it stay so after a power cut.
Status SyncFolder(const std::string& folder);

}  // namespace hadal::retrieval
