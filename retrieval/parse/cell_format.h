#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "retrieval/parse/format_code.h"

namespace hadal::retrieval {

/// A format code of a spreadsheet (ECMA-376 Part 1, 18.8.30 and 18.8.31): sections with conditions,
/// digit places, grouping, scaling, percent, exponents, literals, dates and times, elapsed times.
/// Fractions ("# ?/?") and unknown codes are shown as General. Thread-compatible.
class CellFormat {
 public:
  explicit CellFormat(std::string_view code = "General");

  /// A number as the spreadsheet shows it, "" where the code shows nothing. `date1904` tells which
  /// day is day 0.
  std::string Show(double value, bool date1904 = false) const;

  /// Hides numbers and texts alike (";;;").
  bool ShowsNothing() const;

 private:
  std::vector<FormatSection> sections_;  // empty: General
};

/// A number without a format: integers of up to 15 digits whole, else ten significant digits.
std::string FormatGeneral(double value);

/// The code of a built-in format, "General" where there is none. The forms of dates that follow
/// the reader's country become ISO dates, the Chinese ones stay Chinese.
std::string_view BuiltinFormat(int64_t id);

}  // namespace hadal::retrieval
