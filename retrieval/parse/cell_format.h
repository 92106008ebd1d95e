#pragma once

#include <string>
#include <string_view>

namespace hadal::retrieval {

/// A number as a spreadsheet shows it under a format code (ECMA-376 Part 1, 18.8.30 and 18.8.31):
/// sections with conditions, digit places, grouping, scaling, percent, exponents, literals, dates
/// and times, elapsed times. Fractions ("# ?/?") and unknown codes are shown as General. `date1904`
/// tells which day is day 0. "" where the code shows nothing (";;;").
std::string FormatCell(double value, std::string_view code, bool date1904 = false);

/// A number without a format: integers of up to 15 digits whole, else ten significant digits.
std::string FormatGeneral(double value);

/// A serial number of days as "2025-04-03", with " 08:30:00" where it has a time of day.
std::string FormatDate(double serial, bool date1904 = false);

/// The code of a built-in format, "General" where there is none. The forms of dates that follow
/// the reader's country become ISO dates, the Chinese ones stay Chinese.
std::string_view BuiltinFormat(int id);

/// Whether the code shows dates or times: its numbers are no quantities.
bool IsDateFormat(std::string_view code);

/// The code hides numbers and texts alike (";;;").
bool ShowsNothing(std::string_view code);

}  // namespace hadal::retrieval
