#include "retrieval/parse/format_code.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "base/utf8.h"

namespace hadal::retrieval {
namespace {

using Kind = FormatToken::Kind;

constexpr size_t kMaxSections = 4;
constexpr size_t kMaxTokens = 256;  // Excel allows codes of 255 characters

char LowerOf(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool StartsWithIgnoringCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(),
                    [](char a, char b) { return LowerOf(a) == LowerOf(b); });
}

bool IsDateLetter(char c) {
  return std::string_view("ymdhsea").find(LowerOf(c)) != std::string_view::npos;
}

/// Reads one section from the front of a code.
class SectionReader {
 public:
  explicit SectionReader(std::string_view code) : rest_(code) {}

  /// Stops after ';' or at the end.
  FormatSection Read() {
    FormatSection section;
    while (!rest_.empty() && rest_[0] != ';') {
      const size_t before = rest_.size();
      ReadToken(section);
      if (rest_.size() == before) rest_.remove_prefix(1);
      if (section.tokens.size() > kMaxTokens) rest_ = {};
    }
    ended_ = rest_.empty();
    if (!ended_) rest_.remove_prefix(1);
    section.is_date =
        std::any_of(section.tokens.begin(), section.tokens.end(), [](const FormatToken& token) {
          return token.kind == Kind::kDate || token.kind == Kind::kElapsed;
        });
    return section;
  }
  bool ended() const { return ended_; }

 private:
  static void Add(FormatSection& section, Kind kind, std::string_view text) {
    section.tokens.push_back({kind, std::string(text)});
  }

  /// The character at offset `at`, whole.
  std::string_view CharacterAt(size_t at) const {
    if (at >= rest_.size()) return {};
    return rest_.substr(at, DecodeUtf8(rest_.substr(at)).size_bytes);
  }

  void Take(FormatSection& section, Kind kind, size_t size) {
    Add(section, kind, rest_.substr(0, size));
    rest_.remove_prefix(std::min(size, rest_.size()));
  }

  void ReadToken(FormatSection& section) {
    static constexpr std::string_view kHalfDays[] = {"AM/PM", "A/P", "上午/下午"};
    for (const std::string_view form : kHalfDays) {
      if (StartsWithIgnoringCase(rest_, form)) return Take(section, Kind::kHalfDay, form.size());
    }
    if (StartsWithIgnoringCase(rest_, "General")) return Take(section, Kind::kGeneral, 7);
    if (rest_.starts_with("E+") || rest_.starts_with("E-") || rest_.starts_with("e+") ||
        rest_.starts_with("e-")) {
      return Take(section, Kind::kExponent, 2);
    }
    const char c = rest_[0];
    if (c == '"') return ReadQuoted(section);
    if (c == '[') return ReadBracket(section);
    if (c == '\\' || c == '!') return ReadEscaped(section);
    if (c == '_' || c == '*') {  // a blank as wide as the next character, or a fill with it
      rest_.remove_prefix(std::min(rest_.size(), 1 + CharacterAt(1).size()));
      return;
    }
    if (c == '0' || c == '#' || c == '?') return Take(section, Kind::kDigit, 1);
    if (c == '.') return Take(section, Kind::kPoint, 1);
    if (c == ',') return Take(section, Kind::kComma, 1);
    if (c == '%') return Take(section, Kind::kPercent, 1);
    if (c == '/') return Take(section, Kind::kSlash, 1);
    if (c == '@') return Take(section, Kind::kText, 1);
    if (IsDateLetter(c)) {
      size_t run = 1;
      while (run < rest_.size() && LowerOf(rest_[run]) == LowerOf(c)) ++run;
      Take(section, Kind::kDate, run);
      for (char& letter : section.tokens.back().text) letter = LowerOf(letter);
      return;
    }
    Take(section, Kind::kLiteral, CharacterAt(0).size());
  }

  void ReadQuoted(FormatSection& section) {
    const size_t end = std::min(rest_.find('"', 1), rest_.size());
    Add(section, Kind::kLiteral, rest_.substr(1, end - 1));
    rest_.remove_prefix(std::min(rest_.size(), end + 1));
  }

  void ReadEscaped(FormatSection& section) {
    const std::string_view character = CharacterAt(1);
    Add(section, Kind::kLiteral, character);
    rest_.remove_prefix(1 + character.size());
  }

  /// [Red], [DBNum1], [$¥-804], [>=100] or [hh].
  void ReadBracket(FormatSection& section) {
    const size_t end = rest_.find(']');
    if (end == std::string_view::npos) return Take(section, Kind::kLiteral, 1);
    const std::string_view inside = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    if (inside.starts_with('$')) {
      Add(section, Kind::kLiteral, inside.substr(1, inside.find('-') - 1));
    } else if (const size_t digits = inside.find_first_not_of("<>=");
               digits != 0 && digits != std::string_view::npos) {
      section.comparison = std::string(inside.substr(0, digits));
      section.operand = std::strtod(std::string(inside.substr(digits)).c_str(), nullptr);
    } else if (!inside.empty() &&
               std::string_view("hms").find(LowerOf(inside[0])) != std::string_view::npos &&
               std::all_of(inside.begin(), inside.end(),
                           [&](char c) { return LowerOf(c) == LowerOf(inside[0]); })) {
      Add(section, Kind::kElapsed, std::string(inside.size(), LowerOf(inside[0])));
    }
  }

  std::string_view rest_;
  bool ended_ = false;
};

}  // namespace

std::vector<FormatSection> ParseFormatCode(std::string_view code) {
  std::vector<FormatSection> sections;
  SectionReader reader(code);
  do {
    sections.push_back(reader.Read());
  } while (!reader.ended() && sections.size() < kMaxSections);
  return sections;
}

}  // namespace hadal::retrieval
