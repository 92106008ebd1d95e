#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hadal/internal/v1/parse.pb.h"
#include "retrieval/document.h"

namespace hadal::retrieval {

/// Raised when the same blocks may be cut otherwise than before.
inline constexpr int32_t kChunkerVersion = 1;

struct ChunkerOptions {
  int32_t target_chars = 400;   ///< CJK characters; other letters weigh a third
  int32_t max_chars = 600;
  int32_t overlap_chars = 60;
};

/// The extracted text of a parsed document: the blocks' texts, each followed by one newline.
std::string ExtractedText(const internal::v1::ParsedDocument& document);

/// Cuts along headings, paragraphs, rows and sentences; never inside a character. Each chunk is an
/// exact span of ExtractedText(). Linear time, also for one line of many megabytes.
std::vector<Chunk> ChunkDocument(const internal::v1::ParsedDocument& document,
                                 const ChunkerOptions& options);

}  // namespace hadal::retrieval
