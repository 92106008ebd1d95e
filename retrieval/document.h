#pragma once

#include <cstdint>
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
};

/// A document as stored.
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
};

struct KnowledgeBaseInfo {
  std::string id;
  std::string description;
  int64_t documents = 0;
  int64_t chunks = 0;
  int64_t created_unix_ms = 0;
  std::string encryption;  ///< algorithm of what is stored; empty: not encrypted
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
  bool complete = true;         ///< every allowed chunk was considered, by its words at least
  int64_t chunks_allowed = 0;
  int64_t chunks_pending = 0;  ///< of them, considered by words only: no vector yet
};

}  // namespace hadal::retrieval
