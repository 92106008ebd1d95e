#include "retrieval/parse/mime_part.h"

#include <algorithm>
#include <utility>

#include "retrieval/parse/characters.h"
#include "retrieval/parse/mime_encoding.h"

namespace hadal::retrieval {
namespace {

/// Cuts a multipart's body at the lines of its boundary. Empty when there is none of them.
std::vector<std::string_view> CutAtBoundary(std::string_view body, std::string_view boundary) {
  std::vector<std::string_view> pieces;
  const std::string mark = "--" + std::string(boundary);
  size_t begin = std::string_view::npos;  // of the piece at hand
  for (size_t line = 0; line < body.size();) {
    const size_t line_end = std::min(body.find('\n', line), body.size());
    std::string_view text = body.substr(line, line_end - line);
    const bool marked = text.starts_with(mark);
    std::string_view rest = marked ? text.substr(mark.size()) : std::string_view();
    const bool last = rest.starts_with("--");
    if (last) rest.remove_prefix(2);
    if (marked && rest.find_first_not_of(" \t\r") == std::string_view::npos) {
      if (begin != std::string_view::npos) {
        // The line end before the mark belongs to the mark.
        std::string_view piece = body.substr(begin, line - begin);
        if (piece.ends_with('\n')) piece.remove_suffix(1);
        if (piece.ends_with('\r')) piece.remove_suffix(1);
        pieces.push_back(piece);
      }
      begin = std::min(line_end + 1, body.size());
      if (last) return pieces;
    }
    line = line_end + 1;
  }
  // A mail cut off before its last mark.
  if (begin < body.size()) pieces.push_back(body.substr(begin));
  return pieces;
}

class MimeReader {
 public:
  explicit MimeReader(const MimeLimits& limits) : limits_(limits) {}

  Status Read(std::string_view content, int depth, MimePart& part) {
    if (depth > limits_.max_depth) {
      return OutOfRange("the mail nests its parts more than {} levels deep; no real mail does",
                        limits_.max_depth);
    }
    if (++parts_ > limits_.max_parts) {
      return ResourceExhausted("the mail has more than {} parts; no real mail does",
                               limits_.max_parts);
    }
    part.body = content;
    part.header = TakeHeader(part.body);
    part.type = ParseMimeValue(FieldValue(part.header, "content-type"));
    part.disposition = ParseMimeValue(FieldValue(part.header, "content-disposition"));
    if (part.type.value.empty()) part.type.value = "text/plain";
    if (!part.IsMultipart()) return OkStatus();
    const std::string_view boundary = part.type.Parameter("boundary");
    const std::vector<std::string_view> pieces =
        boundary.empty() ? std::vector<std::string_view>() : CutAtBoundary(part.body, boundary);
    if (pieces.empty()) {  // a multipart in name only
      part.type.value = "text/plain";
      return OkStatus();
    }
    part.body = {};
    for (const std::string_view piece : pieces) {
      RETURN_IF_ERROR(Read(piece, depth + 1, part.parts.emplace_back()));
    }
    return OkStatus();
  }

 private:
  const MimeLimits limits_;
  int parts_ = 0;
};

}  // namespace

std::string_view MimePart::FileName() const {
  const std::string_view name = disposition.Parameter("filename");
  return name.empty() ? type.Parameter("name") : name;
}

std::string MimePart::Bytes() const {
  const std::string_view field = FieldValue(header, "content-transfer-encoding");
  const std::string encoding = LowerAscii(field.substr(0, field.find_first_of(" ;\t")));
  if (encoding == "base64") return DecodeBase64(body);
  if (encoding == "quoted-printable") return DecodeQuotedPrintable(body);
  return std::string(body);
}

StatusOr<MimePart> ReadMime(std::string_view content, const MimeLimits& limits) {
  MimePart mail;
  RETURN_IF_ERROR(MimeReader(limits).Read(content, 0, mail));
  return mail;
}

}  // namespace hadal::retrieval
