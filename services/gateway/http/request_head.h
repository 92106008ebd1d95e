#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hadal::gateway {

/// The parts of an HTTP/1.1 request head that the gateway acts upon.
struct ParsedHead {
  std::string method;
  std::string path;  ///< the target up to '?'
  std::string authorization;
  std::string content_type;
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool expect_continue = false;
  bool keep_alive = true;
};

/// Reads the bytes of a request head up to and with the empty line, by the letter of RFC 9112. What
/// lenient servers forgive is refused, since two servers that forgive differently disagree on where
/// a request ends: bare CR or LF, folded lines, space before a colon, control characters, several
/// or signed lengths, a length beside a transfer coding, any coding but one "chunked", a target
/// that is not a path, no or several Host lines. The error carries the HTTP status (400, 501, 505).
StatusOr<ParsedHead> ParseRequestHead(std::string_view head);

}  // namespace hadal::gateway
