#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "hadal/internal/v1/parse.pb.h"
#include "retrieval/document.h"
#include "retrieval/token_counter.h"

namespace hadal::retrieval {

/// How a knowledge base is cut, in tokens of its embedding model.
struct ChunkerOptions {
  int32_t target_tokens = 288;   ///< of a chunk's own text
  int32_t max_tokens = 448;      ///< with title, headings and context, as embedded
  int32_t overlap_tokens = 40;   ///< of running text that the next chunk repeats
  int32_t parent_tokens = 1024;  ///< of the section around a chunk
  bool operator==(const ChunkerOptions&) const = default;
};

/// INVALID_ARGUMENT when a setting is outside its bounds, or they contradict each other.
Status ValidateChunkerOptions(const ChunkerOptions& options);

/// One short line that two bases share exactly when this code cuts alike for both, the embedding
/// model aside: the version of the chunker and every setting. Made to be stored and compared.
std::string ChunkerFingerprint(const ChunkerOptions& options);

/// The extracted text of a parsed document: the blocks' texts, each followed by one newline.
std::string ExtractedText(const internal::v1::ParsedDocument& document);

/// Cuts along headings, articles, tables, lists, questions with their answers, paragraphs and
/// sentences; never inside a character. Each chunk is an exact span of ExtractedText(), in order,
/// and together they hold all that is visible. PassageText(title, chunk) has Chunk::tokens, at
/// most options.max_tokens. INVALID_ARGUMENT for options that are not valid or want more than the
/// counter's model reads; otherwise fails as the counter does. Linear time, also for one line of
/// many megabytes.
StatusOr<std::vector<Chunk>> ChunkDocument(const internal::v1::ParsedDocument& document,
                                           const std::string& title, const ChunkerOptions& options,
                                           TokenCounter& counter);

/// The same by estimated sizes, for programs that have no model (tests, fuzzing).
std::vector<Chunk> ChunkDocument(const internal::v1::ParsedDocument& document,
                                 const ChunkerOptions& options);

}  // namespace hadal::retrieval
