#include "inference/constraint/regex_syntax.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/utf8.h"

namespace hadal::inference {
namespace {

using Kind = RegexNode::Kind;

constexpr size_t kMaxPatternBytes = 4096;
constexpr int kMaxDepth = 64;
constexpr int64_t kMaxRepeat = 1000;  // RE2's

const CharSet kDigits = {{'0', '9'}};
const CharSet kWordChars = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CharSet kSpaces = {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};  // Perl's, as RE2 has them
// White space and line ends of ECMA-262.
const CharSet kAllSpaces = {{'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680},
                            {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                            {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};

struct NamedClass {
  std::string_view name;
  CharSet set;
};
const NamedClass kPosixClasses[] = {
    {"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
    {"alpha", {{'A', 'Z'}, {'a', 'z'}}},
    {"ascii", {{0, 0x7F}}},
    {"blank", {{'\t', '\t'}, {' ', ' '}}},
    {"cntrl", {{0, 0x1F}, {0x7F, 0x7F}}},
    {"digit", {{'0', '9'}}},
    {"graph", {{'!', '~'}}},
    {"lower", {{'a', 'z'}}},
    {"print", {{' ', '~'}}},
    {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
    {"space", {{'\t', '\r'}, {' ', ' '}}},
    {"upper", {{'A', 'Z'}}},
    {"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
    {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
};

bool IsAsciiPunctuation(char32_t c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

RegexNode SetNode(CharSet set) {
  RegexNode node;
  node.kind = Kind::kSet;
  node.set = std::move(set);
  return node;
}

RegexNode Assertion(Kind kind) {
  RegexNode node;
  node.kind = kind;
  return node;
}

/// Recursive descent: alternation > concatenation > repetition > atom.
class Parser {
 public:
  Parser(std::string_view pattern, RegexDialect dialect) : pattern_(pattern), dialect_(dialect) {}

  StatusOr<RegexNode> Parse() {
    if (pattern_.size() > kMaxPatternBytes) {
      return InvalidArgument("the regular expression has {} bytes; at most {} are allowed",
                             pattern_.size(), kMaxPatternBytes);
    }
    if (!IsValidUtf8(pattern_)) {
      return InvalidArgument("the regular expression is not valid UTF-8");
    }
    ASSIGN_OR_RETURN(RegexNode node, ParseAlternatives());
    if (!AtEnd()) return Error("unmatched ')'");
    return node;
  }

 private:
  bool AtEnd() const { return at_ == pattern_.size(); }
  bool Peek(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }
  bool Take(std::string_view text) {
    if (!Peek(text)) return false;
    at_ += text.size();
    return true;
  }
  char32_t TakeChar() {
    const DecodedChar next = DecodeUtf8(pattern_.substr(at_));
    at_ += next.size_bytes;
    return next.code_point;
  }
  Status Error(std::string_view problem) const {
    return InvalidArgument("regular expression, byte {}: {}", at_, problem);
  }

  StatusOr<RegexNode> ParseAlternatives() {
    RegexNode alternatives;
    alternatives.kind = Kind::kAlternate;
    do {
      ASSIGN_OR_RETURN(RegexNode branch, ParseSequence());
      alternatives.children.push_back(std::move(branch));
    } while (Take("|"));
    if (alternatives.children.size() > 1) return alternatives;
    return std::move(alternatives.children.front());
  }

  StatusOr<RegexNode> ParseSequence() {
    RegexNode sequence;
    sequence.kind = Kind::kConcat;
    while (!AtEnd() && !Peek("|") && !Peek(")")) {
      ASSIGN_OR_RETURN(RegexNode atom, ParseAtom());
      ASSIGN_OR_RETURN(atom, ParseQuantifier(std::move(atom)));
      sequence.children.push_back(std::move(atom));
    }
    return sequence;
  }

  StatusOr<RegexNode> ParseQuantifier(RegexNode atom) {
    int64_t min = 0;
    int64_t max = 0;
    if (Take("*")) {
      max = kUnlimited;
    } else if (Take("+")) {
      min = 1;
      max = kUnlimited;
    } else if (Take("?")) {
      max = 1;
    } else if (const size_t length = CountQuantifierLength(); length > 0) {
      ParseCounts(pattern_.substr(at_ + 1, length - 2), min, max);
      if (min > kMaxRepeat || (max != kUnlimited && max > kMaxRepeat)) {
        return Error(fmt::format("more than {} repetitions", kMaxRepeat));
      }
      if (min > max) return Error("the least repetition count is above the largest");
      at_ += length;
    } else {
      return atom;
    }
    Take("?");  // lazy
    if (Peek("*") || Peek("+") || Peek("?") || CountQuantifierLength() > 0) {
      return Error("a quantifier after a quantifier");
    }
    RegexNode repeat;
    repeat.kind = Kind::kRepeat;
    repeat.min = min;
    repeat.max = max;
    repeat.children.push_back(std::move(atom));
    return repeat;
  }

  /// Bytes of a `{n}`, `{n,}` or `{n,m}` here; 0: a brace is an ordinary character.
  size_t CountQuantifierLength() const {
    if (!Peek("{")) return 0;
    size_t end = at_ + 1;
    const auto digits = [&] {
      const size_t begin = end;
      while (end < pattern_.size() && pattern_[end] >= '0' && pattern_[end] <= '9') ++end;
      return end - begin;
    };
    if (digits() == 0) return 0;
    if (end < pattern_.size() && pattern_[end] == ',') {
      ++end;
      digits();
    }
    return end < pattern_.size() && pattern_[end] == '}' ? end + 1 - at_ : 0;
  }

  static void ParseCounts(std::string_view text, int64_t& min, int64_t& max) {
    const auto number = [](std::string_view digits) {
      int64_t value = 0;
      for (const char digit : digits) value = std::min(value * 10 + (digit - '0'), kMaxRepeat + 1);
      return value;
    };
    const size_t comma = text.find(',');
    min = number(text.substr(0, comma));
    if (comma == std::string_view::npos) {
      max = min;
    } else {
      const std::string_view upper = text.substr(comma + 1);
      max = upper.empty() ? kUnlimited : number(upper);
    }
  }

  StatusOr<RegexNode> ParseAtom() {
    if (Peek("*") || Peek("+") || Peek("?") || CountQuantifierLength() > 0) {
      return Error("a quantifier with nothing before it");
    }
    if (Take("(")) return ParseGroup();
    if (Take("[")) return ParseClass();
    if (Take("^")) return Assertion(Kind::kBegin);
    if (Take("$")) return Assertion(Kind::kEnd);
    if (Take("\\A")) return Assertion(Kind::kBegin);
    if (Take("\\z")) return Assertion(Kind::kEnd);
    if (Take(".")) {
      if (dialect_ == RegexDialect::kRe2) return SetNode(Complement({{'\n', '\n'}}));
      return SetNode(Complement({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}));
    }
    if (Peek("\\")) {
      ASSIGN_OR_RETURN(CharSet set, ParseEscape());
      return SetNode(std::move(set));
    }
    const char32_t c = TakeChar();
    return SetNode({{c, c}});
  }

  StatusOr<RegexNode> ParseGroup() {
    if (++depth_ > kMaxDepth) return Error(fmt::format("more than {} nested groups", kMaxDepth));
    if (Peek("?") && !Take("?:") && !TakeGroupName()) {
      return Error("look-around and flags are not supported; only (...), (?:...), (?<name>...)");
    }
    ASSIGN_OR_RETURN(RegexNode node, ParseAlternatives());
    if (!Take(")")) return Error("expected ')'");
    --depth_;
    return node;
  }

  bool TakeGroupName() {
    const size_t begin = at_;
    if (Take("?P<") || Take("?<")) {
      const size_t name = at_;
      while (!AtEnd() && (IsWordChar(pattern_[at_]))) ++at_;
      if (at_ > name && Take(">")) return true;
    }
    at_ = begin;
    return false;
  }
  static bool IsWordChar(char c) {
    return std::any_of(kWordChars.begin(), kWordChars.end(), [c](const CharRange& range) {
      const auto code_point = static_cast<char32_t>(static_cast<unsigned char>(c));
      return code_point >= range.first && code_point <= range.last;
    });
  }

  /// A backslash and what follows, as the characters it stands for.
  StatusOr<CharSet> ParseEscape() {
    const size_t begin = at_;
    Take("\\");
    if (AtEnd()) return Error("a backslash at the end");
    const char32_t c = TakeChar();
    const CharSet& not_space = dialect_ == RegexDialect::kRe2 ? kSpaces : kAllSpaces;
    switch (c) {
      case 'd':
        return kDigits;
      case 'D':
        return Complement(kDigits);
      case 'w':
        return kWordChars;
      case 'W':
        return Complement(kWordChars);
      case 's':
        return kSpaces;
      case 'S':
        return Complement(not_space);
      case 't':
        return CharSet{{'\t', '\t'}};
      case 'n':
        return CharSet{{'\n', '\n'}};
      case 'r':
        return CharSet{{'\r', '\r'}};
      case 'f':
        return CharSet{{'\f', '\f'}};
      case 'v':
        return CharSet{{'\v', '\v'}};
      case 'x':
      case 'u':
        if (const std::optional<char32_t> code_point = TakeHex(c == 'x' ? 2 : 4)) {
          return CharSet{{*code_point, *code_point}};
        }
        break;
      default:
        if (IsAsciiPunctuation(c)) return CharSet{{c, c}};
    }
    at_ = begin;
    return Error("this escape is not supported (or names no character)");
  }

  /// `digits` hexadecimal digits, or any number of them in braces.
  std::optional<char32_t> TakeHex(size_t digits) {
    const bool braces = Take("{");
    char32_t value = 0;
    size_t taken = 0;
    while (!AtEnd() && HexValue(pattern_[at_]) >= 0 && (braces ? taken < 8 : taken < digits)) {
      value = value * 16 + static_cast<char32_t>(HexValue(pattern_[at_++]));
      ++taken;
    }
    if (braces ? taken == 0 || !Take("}") : taken != digits) return std::nullopt;
    if (value > kMaxCodePoint || (value >= 0xD800 && value <= 0xDFFF)) return std::nullopt;
    return value;
  }

  StatusOr<RegexNode> ParseClass() {
    const bool negated = Take("^");
    CharSet ranges;
    bool first = true;
    while (first || !Peek("]")) {
      if (AtEnd()) return Error("expected ']'");
      RETURN_IF_ERROR(ParseClassItem(ranges));
      first = false;
    }
    Take("]");
    CharSet set = MakeCharSet(std::move(ranges));
    return SetNode(negated ? Complement(set) : std::move(set));
  }

  Status ParseClassItem(CharSet& ranges) {
    if (Take("[:")) {
      const bool negated = Take("^");
      const size_t end = pattern_.find(":]", at_);
      for (const NamedClass& named : kPosixClasses) {
        if (end == std::string_view::npos || pattern_.substr(at_, end - at_) != named.name)
          continue;
        const CharSet set = negated ? Complement(named.set) : named.set;
        ranges.insert(ranges.end(), set.begin(), set.end());
        at_ = end + 2;
        return OkStatus();
      }
      return Error("unknown character class");
    }
    ASSIGN_OR_RETURN(const CharSet low, ParseClassChar());
    const bool is_range = Peek("-") && !Peek("-]") && at_ + 1 < pattern_.size();
    if (!is_range) {
      ranges.insert(ranges.end(), low.begin(), low.end());
      return OkStatus();
    }
    Take("-");
    ASSIGN_OR_RETURN(const CharSet high, ParseClassChar());
    const auto single = [](const CharSet& set) {
      return set.size() == 1 && set[0].first == set[0].last;
    };
    if (!single(low) || !single(high) || low[0].first > high[0].first) {
      return Error("a range that is none");
    }
    ranges.push_back({low[0].first, high[0].first});
    return OkStatus();
  }

  StatusOr<CharSet> ParseClassChar() {
    if (Peek("\\")) return ParseEscape();
    const char32_t c = TakeChar();
    return CharSet{{c, c}};
  }

  const std::string_view pattern_;
  const RegexDialect dialect_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

StatusOr<RegexNode> ParseRegex(std::string_view pattern, RegexDialect dialect) {
  return Parser(pattern, dialect).Parse();
}

}  // namespace hadal::inference
