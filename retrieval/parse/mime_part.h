#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "retrieval/parse/mime_header.h"

namespace hadal::retrieval {

/// A mail or a part of one (RFC 2045, RFC 2046). Views point into the bytes it was read from.
struct MimePart {
  std::vector<MimeField> header;
  MimeValue type;         ///< "text/plain" where none is declared
  MimeValue disposition;  ///< "attachment", "inline" or ""
  std::string_view body;  ///< still in its transfer encoding; empty for a multipart
  std::vector<MimePart> parts;

  bool IsMultipart() const { return type.value.starts_with("multipart/"); }
  /// The name of the file it carries, "" without one.
  std::string_view FileName() const;
  /// The body's bytes, out of their transfer encoding.
  std::string Bytes() const;
};

struct MimeLimits {
  int max_depth = 20;  ///< real mails stay below 6
  int max_parts = 1000;
};

/// Reads a mail into its tree of parts. OUT_OF_RANGE when multiparts nest deeper than the limit,
/// RESOURCE_EXHAUSTED when there are more parts. Everything else is read as well as it can be.
StatusOr<MimePart> ReadMime(std::string_view content, const MimeLimits& limits = {});

}  // namespace hadal::retrieval
