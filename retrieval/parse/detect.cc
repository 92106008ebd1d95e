#include "retrieval/parse/detect.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace hadal::retrieval {
namespace {

struct Signature {
  std::string_view bytes;
  FileKind kind;
};

using namespace std::string_view_literals;
constexpr std::array kSignatures = {
    Signature{"PK\x03\x04"sv, FileKind::kZip},
    Signature{"PK\x05\x06"sv, FileKind::kZip},
    Signature{"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv, FileKind::kOle},
    Signature{"\x89PNG\r\n"sv, FileKind::kImage},
    Signature{"\xFF\xD8\xFF"sv, FileKind::kImage},
    Signature{"GIF87a"sv, FileKind::kImage},
    Signature{"GIF89a"sv, FileKind::kImage},
    Signature{"II*\0"sv, FileKind::kImage},
    Signature{"MM\0*"sv, FileKind::kImage},
    Signature{"BM"sv, FileKind::kImage},
    Signature{"{\\rtf"sv, FileKind::kRtf},
    Signature{"\x1F\x8B"sv, FileKind::kArchive},
    Signature{"BZh"sv, FileKind::kArchive},
    Signature{"\xFD"
              "7zXZ\0"sv,
              FileKind::kArchive},
    Signature{"7z\xBC\xAF\x27\x1C"sv, FileKind::kArchive},
    Signature{"Rar!\x1A\x07"sv, FileKind::kArchive},
    Signature{"\x28\xB5\x2F\xFD"sv, FileKind::kArchive},
    Signature{"\x7F"
              "ELF"sv,
              FileKind::kExecutable},
    Signature{"MZ\x90\0"sv, FileKind::kExecutable},
    Signature{"OggS"sv, FileKind::kMedia},
    Signature{"ID3\x03"sv, FileKind::kMedia},
    Signature{"ID3\x04"sv, FileKind::kMedia},
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string Extension(std::string_view file_name) {
  const size_t dot = file_name.rfind('.');
  return dot == std::string_view::npos ? std::string() : Lower(file_name.substr(dot + 1));
}

/// A document element or doctype at the start, white space, comments and an XML declaration aside;
/// or any typical HTML element when the name agrees.
bool LooksLikeHtml(const std::string& head, const std::string& extension) {
  size_t at = 0;
  if (head.starts_with("\xEF\xBB\xBF")) at = 3;
  for (;;) {
    at = head.find_first_not_of(" \t\r\n\f", at);
    if (at == std::string::npos) return false;
    const std::string_view rest = std::string_view(head).substr(at);
    size_t end = std::string::npos;
    if (rest.starts_with("<!--")) {
      end = head.find("-->", at);
    } else if (rest.starts_with("<?xml")) {
      end = head.find("?>", at);
    } else {
      if (rest.starts_with("<!doctype html") || rest.starts_with("<html") ||
          rest.starts_with("<head") || rest.starts_with("<body")) {
        return true;
      }
      break;
    }
    if (end == std::string::npos) return false;
    at = end + 2;
    while (at < head.size() && head[at] == '>') ++at;
  }
  if (extension != "html" && extension != "htm" && extension != "xhtml") return false;
  return head.find('<') != std::string::npos && head.find('>') != std::string::npos;
}

/// Header lines at the very start, two of those every mail has among them. The last line of `head`
/// may be cut off and says nothing.
bool LooksLikeEmail(const std::string& head) {
  int known = 0;
  size_t at = 0;
  for (;;) {
    const size_t end = head.find('\n', at);
    if (end == std::string::npos) break;
    const std::string_view line = std::string_view(head).substr(at, end - at);
    at = end + 1;
    if (line.empty() || line == "\r") break;
    if (line[0] == ' ' || line[0] == '\t') continue;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos ||
        line.substr(0, colon).find(' ') != std::string_view::npos) {
      return false;
    }
    for (std::string_view name : {"from", "to", "subject", "date", "received", "mime-version",
                                  "message-id", "content-type", "return-path"}) {
      known += line.substr(0, colon) == name;
    }
  }
  return known >= 2;
}

}  // namespace

size_t FindPdfSignature(std::string_view content) { return content.substr(0, 1024).find("%PDF-"); }

FileKind DetectFileKind(std::string_view file_name, std::string_view content) {
  if (content.empty()) return FileKind::kEmpty;
  for (const Signature& signature : kSignatures) {
    // "BM" alone also starts words: a bitmap has zero bytes soon after.
    if (signature.bytes == "BM" && content.substr(0, 16).find('\0') == std::string_view::npos) {
      continue;
    }
    if (content.starts_with(signature.bytes)) return signature.kind;
  }
  if (content.size() > 12 && content.starts_with("RIFF")) {
    return content.substr(8, 4) == "WEBP" ? FileKind::kImage : FileKind::kMedia;
  }
  if (content.size() > 12 && content.substr(4, 4) == "ftyp") return FileKind::kMedia;
  if (content.size() > 512 && content.substr(257, 5) == "ustar") return FileKind::kArchive;
  const std::string extension = Extension(file_name);
  const std::string head = Lower(content.substr(0, 4096));
  if (FindPdfSignature(content) != std::string_view::npos) return FileKind::kPdf;
  if (LooksLikeHtml(head, extension)) return FileKind::kHtml;
  if (LooksLikeEmail(head)) return FileKind::kEmail;
  for (std::string_view binary : {"pdf", "docx", "xlsx", "pptx", "doc", "xls", "ppt", "png", "jpg",
                                  "jpeg", "tif", "tiff", "zip"}) {
    if (extension == binary) return FileKind::kMisnamed;
  }
  if (extension == "md" || extension == "markdown") return FileKind::kMarkdown;
  if (extension == "csv" || extension == "tsv") return FileKind::kCsv;
  return FileKind::kText;
}

}  // namespace hadal::retrieval
