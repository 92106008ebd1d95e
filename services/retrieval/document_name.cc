#include "services/retrieval/document_name.h"

#include "base/utf8.h"

namespace hadal::retrieval_service {
namespace {

constexpr size_t kMaxFileNameBytes = 255;
constexpr size_t kMaxIdBytes = 500;

// Control characters, also the C1 ones and the directional marks that make a name look like
// another.
bool IsUnprintable(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

std::string Printable(std::string_view text) {
  std::string printable;
  while (!text.empty()) {
    const DecodedChar c = DecodeUtf8(text);
    text.remove_prefix(c.size_bytes);
    if (!c.valid || IsUnprintable(c.code_point)) {
      printable.push_back('_');
    } else {
      AppendUtf8(c.code_point, printable);
    }
  }
  return printable;
}

// Cuts from the front: the end of a name, with its extension, tells more.
std::string LastBytes(std::string text, size_t limit) {
  if (text.size() <= limit) return text;
  size_t begin = text.size() - limit;
  while (begin < text.size() && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) ++begin;
  return text.substr(begin);
}

}  // namespace

std::string DisplayFileName(std::string_view file_name) {
  const size_t slash = file_name.find_last_of("/\\");
  if (slash != std::string_view::npos) file_name.remove_prefix(slash + 1);
  std::string name = LastBytes(Printable(file_name), kMaxFileNameBytes);
  return name.empty() ? "unnamed" : name;
}

std::string DocumentIdFromFileName(std::string_view file_name) {
  const std::string printable = Printable(file_name);
  std::string id;
  size_t begin = 0;
  while (begin <= printable.size()) {
    size_t end = printable.find_first_of("/\\", begin);
    if (end == std::string::npos) end = printable.size();
    const std::string_view part = std::string_view(printable).substr(begin, end - begin);
    if (!part.empty() && part != "." && part != "..") {
      if (!id.empty()) id += '/';
      id += part;
    }
    begin = end + 1;
  }
  id = LastBytes(std::move(id), kMaxIdBytes);
  return id.empty() ? "unnamed" : id;
}

}  // namespace hadal::retrieval_service
