#include "retrieval/parse/mime_header.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <utility>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"
#include "retrieval/parse/charset.h"
#include "retrieval/parse/mime_encoding.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxFields = 1000;
constexpr size_t kMaxFieldBytes = 64 * 1024;  // of one value
constexpr size_t kMaxParameters = 64;
constexpr size_t kMaxEncodedWord = 2000;  // RFC 2047 allows 75 bytes; many mailers write more
constexpr std::string_view kBlanks = " \t\r\n";

/// Text whatever the bytes are.
std::string DecodeBytes(std::string_view bytes, std::string_view charset) {
  const StatusOr<DecodedText> text = DecodeDeclared(bytes, charset);
  return text.ok() ? text->utf8 : SanitizeUtf8(bytes);
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

/// One line without its end, taken off the front of `text`.
std::string_view TakeLine(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + 1));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// An encoded word at the front of text: =?charset?B?bytes?=
struct EncodedWord {
  std::string charset;
  std::string bytes;
  size_t size = 0;  ///< 0: none there
};

EncodedWord ReadEncodedWord(std::string_view text) {
  EncodedWord word;
  if (!text.starts_with("=?")) return word;
  text = text.substr(0, kMaxEncodedWord);
  const size_t charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end > 80) return word;
  const size_t payload = charset_end + 3;
  if (payload > text.size() || text[charset_end + 2] != '?') return word;
  const size_t end = text.find("?=", payload);
  if (end == std::string_view::npos) return word;
  const std::string_view encoded = text.substr(payload, end - payload);
  const char kind =
      static_cast<char>(std::toupper(static_cast<unsigned char>(text[charset_end + 1])));
  if (kind == 'B') {
    word.bytes = DecodeBase64(encoded);
  } else if (kind == 'Q') {
    word.bytes = DecodeQuotedPrintable(encoded, /*underscores=*/true);
  } else {
    return word;
  }
  // A language may follow the charset (RFC 2231, 5).
  word.charset = LowerAscii(text.substr(2, std::min(charset_end, text.find('*', 2)) - 2));
  word.size = end + 2;
  return word;
}

/// Takes a token or a quoted string off the front of `text`.
std::string TakeParameterValue(std::string_view& text) {
  std::string value;
  if (!text.starts_with('"')) {
    const size_t end = std::min(text.find(';'), text.size());
    value = Trim(text.substr(0, end));
    text.remove_prefix(end);
    return value;
  }
  size_t at = 1;
  for (; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    value.push_back(text[at]);
  }
  text.remove_prefix(std::min(text.size(), at + 1));
  return value;
}

std::string DecodePercents(std::string_view text) {
  std::string bytes;
  for (size_t at = 0; at < text.size(); ++at) {
    const std::string hex(text.substr(at + 1 < text.size() ? at + 1 : at, 2));
    char* end = nullptr;
    if (text[at] == '%' && hex.size() == 2) {
      const long code = std::strtol(hex.c_str(), &end, 16);
      if (end == hex.c_str() + 2) {
        bytes.push_back(static_cast<char>(code));
        at += 2;
        continue;
      }
    }
    bytes.push_back(text[at]);
  }
  return bytes;
}

/// Parameters in pieces (name*0*=utf-8''%E4..., name*1*=..., RFC 2231) become whole.
class ParameterPieces {
 public:
  /// `name` as it stands, with its stars.
  void Add(std::string_view name, std::string value) {
    const size_t star = name.find('*');
    Parameter& parameter = parameters_[std::string(name.substr(0, star))];
    if (star == std::string_view::npos) {
      // Not allowed by the standard, and done by most: an encoded word as the value.
      parameter.plain = DecodeFieldText(value);
      return;
    }
    const int index = std::atoi(std::string(name.substr(star + 1)).c_str());
    if (name.ends_with('*')) {
      const size_t charset_end = value.find('\'');
      const size_t language_end =
          charset_end == std::string::npos ? charset_end : value.find('\'', charset_end + 1);
      if (index == 0 && language_end != std::string::npos) {
        parameter.charset = LowerAscii(std::string_view(value).substr(0, charset_end));
        value.erase(0, language_end + 1);
      }
      value = DecodePercents(value);
    }
    if (parameter.pieces.size() < kMaxParameters) parameter.pieces[index] = std::move(value);
  }

  std::map<std::string, std::string, std::less<>> Join() const {
    std::map<std::string, std::string, std::less<>> joined;
    for (const auto& [name, parameter] : parameters_) {
      std::string bytes;
      for (const auto& [index, piece] : parameter.pieces) bytes += piece;
      joined[name] =
          parameter.pieces.empty() ? parameter.plain : DecodeBytes(bytes, parameter.charset);
    }
    return joined;
  }

 private:
  struct Parameter {
    std::string plain;
    std::string charset;
    std::map<int, std::string> pieces;
  };
  std::map<std::string, Parameter> parameters_;
};

}  // namespace

std::vector<MimeField> TakeHeader(std::string_view& text) {
  std::vector<MimeField> header;
  while (!text.empty()) {
    const std::string_view line = TakeLine(text);
    if (line.empty()) break;
    if (line[0] == ' ' || line[0] == '\t') {
      if (!header.empty() && header.back().value.size() < kMaxFieldBytes) {
        header.back().value.append(" ").append(Trim(line));
      }
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || header.size() >= kMaxFields) continue;
    header.push_back(
        {LowerAscii(Trim(line.substr(0, colon))), std::string(Trim(line.substr(colon + 1)))});
  }
  return header;
}

std::string_view FieldValue(const std::vector<MimeField>& header, std::string_view name) {
  for (const MimeField& field : header) {
    if (field.name == name) return field.value;
  }
  return {};
}

std::string_view MimeValue::Parameter(std::string_view name) const {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string_view() : std::string_view(found->second);
}

MimeValue ParseMimeValue(std::string_view text) {
  MimeValue parsed;
  const size_t end = std::min(text.find(';'), text.size());
  parsed.value = LowerAscii(Trim(text.substr(0, end)));
  text.remove_prefix(end);
  ParameterPieces pieces;
  for (size_t count = 0; count < kMaxParameters && !text.empty(); ++count) {
    text.remove_prefix(std::min(text.find_first_not_of("; \t"), text.size()));
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) break;
    const std::string name = LowerAscii(Trim(text.substr(0, equals)));
    text.remove_prefix(equals + 1);
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    pieces.Add(name, TakeParameterValue(text));
  }
  parsed.parameters = pieces.Join();
  return parsed;
}

std::string DecodeFieldText(std::string_view text) {
  std::string decoded;
  std::string plain;  // since the last encoded word
  std::string bytes;  // of the encoded words of one charset in a row
  std::string charset;
  const auto flush_words = [&] { decoded += DecodeBytes(std::exchange(bytes, {}), charset); };
  const auto flush_plain = [&] { decoded += DecodeBytes(std::exchange(plain, {}), {}); };
  for (size_t at = 0; at < text.size();) {
    EncodedWord word = ReadEncodedWord(text.substr(at));
    if (word.size == 0) {
      plain.push_back(text[at++]);
      continue;
    }
    // Blanks between encoded words are not shown.
    if (bytes.empty() || !Trim(plain).empty()) {
      flush_words();
      flush_plain();
    } else if (word.charset != charset) {
      flush_words();
    }
    plain.clear();
    charset = word.charset;
    bytes += word.bytes;
    at += word.size;
  }
  flush_words();
  flush_plain();
  return decoded;
}

}  // namespace hadal::retrieval
