#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "retrieval/access_filter.h"

namespace hadal::retrieval {

/// A span of a document's extracted text; `start` and `end` count code points of that text.
struct Chunk {
  std::string text;  ///< exactly the span, as shown to people
  int64_t start = 0;
  int64_t end = 0;
  int32_t page = 0;  ///< page of the first character, 1-based; 0 where there are none
  std::vector<std::string> heading_path;
  /// What the span is read under and does not hold itself, a line each: a table's caption and
  /// header rows, a list's lead-in, a question's words. Embedded and indexed with it; never cited.
  std::string context;
  std::string language;  ///< "zh", "en" or empty
  int32_t tokens = 0;    ///< of the embedding model, title and headings included; 0: not counted
  /// Ordinals of the first and the last chunk of the section (or table) it stands in: its parent.
  int32_t section_first = 0;
  int32_t section_last = 0;
};

/// What a document says of itself in a fixed form ("document_number", "issuer", "date", ...): one
/// can filter by it and match it exactly.
struct DocumentField {
  std::string name;
  std::string value;       ///< as written
  std::string normalized;  ///< as compared: folded, brackets alike, dates as 2024-12-31
  bool operator==(const DocumentField&) const = default;
};

/// A parsed and chunked document on its way into the store.
struct NewDocument {
  std::string id;
  std::string title;
  std::string file_name;
  std::string format;
  Label label;
  std::string sha256;       ///< of the file, hexadecimal
  std::string text_sha256;  ///< of the extracted text
  int64_t size_bytes = 0;
  int64_t characters = 0;
  int32_t pages = 0;
  std::vector<DocumentField> fields;
  std::vector<uint32_t> signature;  ///< MinHash of the text; empty: not computed
  std::vector<Chunk> chunks;

  std::string given_title;  ///< what the sender called it; empty: `title` is the document's own
  std::string settings;     ///< names parser and chunker settings: other ones, another reading
  std::vector<std::string> warnings;
  int64_t effective_unix_ms = 0;  ///< found from then on; 0: at once
  int64_t expires_unix_ms = 0;    ///< found until then; 0: for ever
  int64_t parse_ms = 0;
  uint64_t upload = 0;  ///< the received file it was read from; 0: none was stored
};

/// How far a file has come. kParsed to kEmbedded are on their way and begin again after a restart.
enum class DocumentState : uint8_t { kReceived, kParsed, kChunked, kEmbedded, kVisible, kFailed };

/// A file on its way into the store, as its sender names it.
struct ReceivedFile {
  std::string document_id;
  std::string given_title;
  std::string file_name;
  Label label;
  std::string sha256;  ///< 64 hexadecimal digits
  int64_t size_bytes = 0;
  int64_t effective_unix_ms = 0;
  int64_t expires_unix_ms = 0;
};

/// A received file that is no version (yet).
struct UploadInfo {
  uint64_t number = 0;  ///< names this upload; never given twice
  ReceivedFile file;
  DocumentState state = DocumentState::kReceived;  ///< or on its way, or kFailed
  std::string reason_code;                         ///< of the last attempt that failed
  std::string reason;
  int32_t attempts = 0;
  int64_t received_unix_ms = 0;
  int64_t changed_unix_ms = 0;  ///< when an attempt began or ended; 0: none has begun
};

/// A document as stored: one version of it.
struct DocumentInfo {
  std::string id;
  std::string title;
  std::string file_name;
  std::string format;
  Label label;
  std::string sha256;
  int64_t size_bytes = 0;
  int64_t characters = 0;
  int32_t pages = 0;
  int32_t version = 0;
  int32_t num_chunks = 0;
  int32_t pending_chunks = 0;  ///< of them, found by words only: their vectors are still to be made
  int64_t added_unix_ms = 0;

  /// kReceived, kFailed ...: there is no version yet (`version` is 0), only `upload`.
  DocumentState state = DocumentState::kVisible;
  bool in_force = false;  ///< what a search finds now; else of another time, or superseded
  bool has_file = false;  ///< can be read again from its bytes
  std::string given_title;
  std::string settings;
  std::vector<DocumentField> fields;
  std::vector<uint32_t> signature;
  std::vector<std::string> warnings;
  int64_t effective_unix_ms = 0;
  int64_t expires_unix_ms = 0;
  int64_t superseded_unix_ms = 0;
  int32_t superseded_by = 0;
  int32_t attempts = 0;
  int64_t parse_ms = 0;
  int64_t embed_ms = 0;
  std::optional<UploadInfo> upload;  ///< a newer file of the same document, with its own label
};

struct KnowledgeBaseInfo {
  std::string id;
  std::string description;
  int64_t documents = 0;
  int64_t chunks = 0;
  int64_t created_unix_ms = 0;
  std::string encryption;  ///< algorithm of what is stored; empty: not encrypted
  int32_t keep_versions = 0;  ///< older versions kept of each document
};

struct SearchHit {
  std::string chunk_id;  ///< "<document id>#<version>.<ordinal>"
  std::string document_id;
  int32_t document_version = 0;
  std::string title;
  Label label;
  Chunk chunk;
  double score = 0;            ///< fused
  float dense_score = 0;       ///< cosine of query and passage; 0 while the chunk has no vector
  float lexical_score = 0;     ///< BM25
  float lexical_coverage = 0;  ///< share of the query's idf weight standing in the chunk, 0..1
};

/// A chunk and those beside it in its section, in the document's order; without scores.
struct ChunkInPlace {
  SearchHit chunk;
  std::vector<SearchHit> before;
  std::vector<SearchHit> after;
};

struct SearchResult {
  std::vector<SearchHit> hits;  ///< best first
  /// Every allowed chunk was considered, by its words at least: these are the best of all. False
  /// where graphs chose the candidates, or hits vanished under the search.
  bool complete = true;
  int64_t chunks_allowed = 0;
  int64_t chunks_examined = 0;  ///< of them, whose vector was compared with the query's
  int64_t chunks_pending = 0;  ///< of them, considered by words only: no vector yet
};

}  // namespace hadal::retrieval
