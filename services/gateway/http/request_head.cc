#include "services/gateway/http/request_head.h"

#include <algorithm>
#include <set>
#include <utility>

#include "services/gateway/http/http_types.h"

namespace hadal::gateway {
namespace {

constexpr size_t kMaxTargetBytes = 2048;
constexpr size_t kMaxMethodBytes = 16;
constexpr int kMaxHeaders = 64;

template <typename... Args>
Status Bad(int http_status, fmt::format_string<Args...> format, Args&&... args) {
  return WithDetail(InvalidArgument(format, std::forward<Args>(args)...),
                    {.http_status = http_status, .code = "bad_request"});
}

// RFC 9110 §5.6.2.
bool IsTokenChar(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenChar);
}
// RFC 9110 §5.5: visible characters, obs-text, space and tab.
bool IsFieldChar(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}
bool IsTargetChar(char c) { return c > 0x20 && c < 0x7f; }

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::string_view TrimSpace(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Takes one line off the front, without its CRLF.
StatusOr<std::string_view> TakeLine(std::string_view& rest) {
  const size_t end = rest.find("\r\n");
  if (end == std::string_view::npos) return Bad(400, "the request head ends inside a line");
  const std::string_view line = rest.substr(0, end);
  if (line.find('\n') != std::string_view::npos || line.find('\r') != std::string_view::npos) {
    return Bad(400, "a line of the request head ends with a lone CR or LF; expected CR LF");
  }
  rest.remove_prefix(end + 2);
  return line;
}

Status ParseRequestLine(std::string_view line, ParsedHead& head) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return Bad(400, "expected a request line 'METHOD /path HTTP/1.1'");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!IsToken(method) || method.size() > kMaxMethodBytes) return Bad(400, "bad method");
  if (version != "HTTP/1.1") {
    const bool http = version.size() == 8 && version.substr(0, 5) == "HTTP/";
    return Bad(http ? 505 : 400, "only HTTP/1.1 is spoken here");
  }
  if (target.empty() || target[0] != '/' || target.size() > kMaxTargetBytes ||
      !std::all_of(target.begin(), target.end(), IsTargetChar) ||
      target.find('#') != std::string_view::npos) {
    return Bad(400, "the request target must be a path of at most {} bytes", kMaxTargetBytes);
  }
  head.method = method;
  head.path = target.substr(0, target.find('?'));
  return OkStatus();
}

StatusOr<uint64_t> ParseLength(std::string_view value) {
  // 15 digits: beyond every limit here, far below overflow.
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (value.empty() || value.size() > 15 || !std::all_of(value.begin(), value.end(), is_digit)) {
    return Bad(400, "Content-Length must be a plain number");
  }
  uint64_t length = 0;
  for (const char c : value) length = length * 10 + static_cast<uint64_t>(c - '0');
  return length;
}

Status ApplyConnection(std::string_view value, ParsedHead& head) {
  while (!value.empty()) {
    const size_t comma = value.find(',');
    const std::string option = Lower(TrimSpace(value.substr(0, comma)));
    if (option == "close") head.keep_alive = false;
    value = comma == std::string_view::npos ? std::string_view{} : value.substr(comma + 1);
  }
  return OkStatus();
}

Status ApplyHeader(const std::string& name, std::string_view value, ParsedHead& head) {
  if (name == "content-length") {
    ASSIGN_OR_RETURN(head.content_length, ParseLength(value));
  } else if (name == "transfer-encoding") {
    if (Lower(value) != "chunked") {
      return Bad(501, "the only transfer coding understood is 'chunked'");
    }
    head.chunked = true;
  } else if (name == "expect") {
    if (Lower(value) != "100-continue") return Bad(417, "the only expectation is 100-continue");
    head.expect_continue = true;
  } else if (name == "connection") {
    return ApplyConnection(value, head);
  } else if (name == "authorization") {
    head.authorization = value;
  } else if (name == "content-type") {
    head.content_type = value;
  }
  return OkStatus();
}

// Headers that say something once: a second one makes the request ambiguous.
bool IsSingular(const std::string& name) {
  return name == "host" || name == "content-length" || name == "transfer-encoding" ||
         name == "authorization" || name == "content-type" || name == "expect";
}

}  // namespace

StatusOr<ParsedHead> ParseRequestHead(std::string_view head) {
  ParsedHead parsed;
  ASSIGN_OR_RETURN(const std::string_view request_line, TakeLine(head));
  RETURN_IF_ERROR(ParseRequestLine(request_line, parsed));
  std::set<std::string> seen;
  for (int count = 0;; ++count) {
    ASSIGN_OR_RETURN(const std::string_view line, TakeLine(head));
    if (line.empty()) break;
    if (count == kMaxHeaders) return Bad(431, "more than {} header lines", kMaxHeaders);
    const size_t colon = line.find(':');
    // A folded line or a space before the colon fails here: neither is a token character.
    if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) {
      return Bad(400, "a header line is not 'Name: value'");
    }
    const std::string name = Lower(line.substr(0, colon));
    const std::string_view value = TrimSpace(line.substr(colon + 1));
    if (!std::all_of(value.begin(), value.end(), IsFieldChar)) {
      return Bad(400, "a control character in a header value");
    }
    if (IsSingular(name) && !seen.insert(name).second) return Bad(400, "two '{}' lines", name);
    RETURN_IF_ERROR(ApplyHeader(name, value, parsed));
  }
  if (!head.empty()) return Bad(400, "bytes after the empty line of the head");
  if (seen.count("host") == 0) return Bad(400, "no Host line");
  if (parsed.chunked && parsed.content_length.has_value()) {
    return Bad(400, "both Content-Length and Transfer-Encoding");
  }
  return parsed;
}

}  // namespace hadal::gateway
