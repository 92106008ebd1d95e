#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal::retrieval {

/// One piece of a spreadsheet's number format code.
struct FormatToken {
  enum class Kind {
    kLiteral,   ///< text as it is
    kDigit,     ///< '0', '#' or '?'
    kPoint,     ///< '.'
    kComma,     ///< ',': grouping or scaling by its place
    kPercent,   ///< '%'
    kExponent,  ///< "E+" or "E-"
    kSlash,     ///< '/' of a fraction, a literal in dates
    kDate,      ///< a run of y, m, d, h, s, e or a
    kElapsed,   ///< [h], [mm], [s]
    kHalfDay,   ///< AM/PM, A/P, 上午/下午
    kText,      ///< '@'
    kGeneral,
  };
  Kind kind = Kind::kLiteral;
  std::string text;
};

/// One of up to four sections of a format code.
struct FormatSection {
  std::vector<FormatToken> tokens;
  std::string comparison;  ///< "<", ">=", ... of a condition such as [<100]; empty without one
  double operand = 0;
  bool is_date = false;
};

/// Cuts a code into its sections. Never fails: what means nothing is a literal.
std::vector<FormatSection> ParseFormatCode(std::string_view code);

/// Writes `serial` (days) under a section with dates or times; as a bare number where the day lies
/// outside 1900..9999.
std::string FormatDateSection(double serial, const FormatSection& section, bool date1904);

}  // namespace hadal::retrieval
