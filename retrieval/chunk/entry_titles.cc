#include "retrieval/chunk/entry_titles.h"

#include <charconv>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kLeastEntries = 3;
constexpr int kMaxCodeChars = 16;
constexpr int kMaxTitleChars = 60;

struct Code {
  std::string pattern;  ///< with '#' for every number; empty: the line begins with no code
  uint64_t number = 0;  ///< the last one
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// Of a Latin letter, or of any character beyond ASCII.
bool IsLetterByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}

bool EndsCode(char32_t c) { return IsSpace(c) || c == ':' || c == U'：'; }

/// Figures and tables are numbered too, yet head nothing.
bool NamesFigure(std::string_view code) {
  for (std::string_view word : {"图", "圖", "表", "附图", "附圖", "附表", "Fig", "Table"}) {
    if (code.starts_with(word)) return true;
  }
  return false;
}

/// `code` has letters, and a number at its end.
Code PatternOf(std::string_view code) {
  Code found;
  bool letters = false;
  for (size_t at = 0; at < code.size();) {
    if (!IsDigit(code[at])) {
      letters = letters || IsLetterByte(code[at]);
      found.pattern += code[at++];
      continue;
    }
    const size_t begin = at;
    while (at < code.size() && IsDigit(code[at])) ++at;
    std::from_chars(code.data() + begin, code.data() + at, found.number);
    found.pattern += '#';
  }
  if (!letters || !IsDigit(code.back()) || NamesFigure(code)) found.pattern.clear();
  return found;
}

Code CodeOf(std::string_view line) {
  size_t end = 0;
  int chars = 0;
  std::string_view rest = line;
  while (!rest.empty() && chars <= kMaxCodeChars) {
    const DecodedChar c = DecodeUtf8(rest);
    if (EndsCode(c.code_point)) break;
    rest.remove_prefix(c.size_bytes);
    end += c.size_bytes;
    ++chars;
  }
  if (end == 0 || rest.empty() || chars > kMaxCodeChars) return {};
  for (; !rest.empty(); ++chars) {
    if (chars > kMaxTitleChars) return {};
    rest.remove_prefix(DecodeUtf8(rest).size_bytes);
  }
  return PatternOf(line.substr(0, end));
}

/// The lines that share a pattern so far, and whether they are still a series.
struct Series {
  std::vector<size_t> lines;
  uint64_t number = 0;
  bool broken = false;

  void Add(size_t line, uint64_t next) {
    broken = broken || (!lines.empty() && (next <= number || line == lines.back() + 1));
    lines.push_back(line);
    number = next;
  }
};

}  // namespace

void FindEntryTitles(const internal::v1::ParsedDocument& document, std::vector<BlockInfo>& blocks) {
  std::map<std::string, Series> found;
  for (size_t b = 0; b + 1 < blocks.size(); ++b) {
    const std::string_view text = document.blocks(static_cast<int>(b)).text();
    if (blocks[b].role != BlockRole::kText || EndsLikeSentence(text)) continue;
    Code code = CodeOf(text);
    if (!code.pattern.empty()) found[std::move(code.pattern)].Add(b, code.number);
  }
  int series = 0;
  for (const auto& [pattern, entries] : found) {
    if (entries.broken || entries.lines.size() < kLeastEntries) continue;
    ++series;
    for (const size_t line : entries.lines) {
      blocks[line].role = BlockRole::kHeading;
      blocks[line].series = series;
    }
  }
}

}  // namespace hadal::retrieval
