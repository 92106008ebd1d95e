#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "retrieval/parse/cell_format.h"
#include "retrieval/parse/format_code.h"

namespace hadal::retrieval {
namespace {

using Kind = FormatToken::Kind;

constexpr double kMaxSerial = 2958466;  // 10000-01-01
constexpr int64_t kMsPerDay = 86'400'000;

struct Moment {
  int year = 0;
  int month = 0;
  int day = 0;
  int weekday = 0;  ///< 0: Sunday
  int64_t ms_of_day = 0;
  int64_t ms_total = 0;
};

/// Day 60 of the 1900 system is a 29 February that never was: days before it lie one earlier.
Moment MomentOf(double serial, bool date1904, int64_t unit_ms) {
  Moment moment;
  const int64_t ms = std::llround(serial * static_cast<double>(kMsPerDay));
  moment.ms_total = (ms + unit_ms / 2) / unit_ms * unit_ms;
  moment.ms_of_day = moment.ms_total % kMsPerDay;
  const int64_t day = moment.ms_total / kMsPerDay;
  namespace chrono = std::chrono;
  const chrono::sys_days epoch =
      date1904 ? chrono::sys_days{chrono::year{1904} / 1 / 1}
               : chrono::sys_days{chrono::year{1899} / 12 / (day < 60 ? 31 : 30)};
  const chrono::sys_days date = epoch + chrono::days(day);
  const chrono::year_month_day civil{date};
  moment.year = static_cast<int>(civil.year());
  moment.month = static_cast<int>(static_cast<unsigned>(civil.month()));
  moment.day = static_cast<int>(static_cast<unsigned>(civil.day()));
  moment.weekday = static_cast<int>(chrono::weekday{date}.c_encoding());
  return moment;
}

std::string Padded(int64_t value, size_t width) { return fmt::format("{:0{}}", value, width); }

std::string MonthName(int month, size_t letters) {
  static constexpr const char* kMonths[] = {"January",   "February", "March",    "April",
                                            "May",       "June",     "July",     "August",
                                            "September", "October",  "November", "December"};
  const std::string name = kMonths[month - 1];
  return letters == 3 ? name.substr(0, 3) : letters == 5 ? name.substr(0, 1) : name;
}

std::string DayName(int weekday, size_t letters) {
  static constexpr const char* kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                          "Thursday", "Friday", "Saturday"};
  return letters == 3 ? std::string(kDays[weekday]).substr(0, 3) : kDays[weekday];
}

std::string ChineseDayName(int weekday, size_t letters) {
  static constexpr const char* kDays[] = {"日", "一", "二", "三", "四", "五", "六"};
  return (letters == 3 ? "" : "星期") + std::string(kDays[weekday]);
}

/// Whether the m at `index` means minutes: after hours or before seconds.
bool MeansMinutes(const FormatSection& section, size_t index) {
  const auto letter = [](const FormatToken& token) {
    return token.kind == Kind::kDate || token.kind == Kind::kElapsed ? token.text[0] : '\0';
  };
  for (size_t i = index; i-- > 0;) {
    if (const char c = letter(section.tokens[i]); c != '\0') {
      if (c == 'h') return true;
      break;
    }
  }
  for (size_t i = index + 1; i < section.tokens.size(); ++i) {
    if (const char c = letter(section.tokens[i]); c != '\0') return c == 's';
  }
  return false;
}

std::string DatePart(const FormatSection& section, size_t index, const Moment& moment,
                     bool half_day) {
  const std::string& text = section.tokens[index].text;
  const size_t run = text.size();
  const int64_t seconds = moment.ms_of_day / 1000;
  switch (text[0]) {
    case 'y':
      return run <= 2 ? Padded(moment.year % 100, 2) : Padded(moment.year, 4);
    case 'e':
      return Padded(moment.year, 4);
    case 'm':
      if (MeansMinutes(section, index)) return Padded(seconds / 60 % 60, run > 1 ? 2 : 1);
      return run > 2 ? MonthName(moment.month, run) : Padded(moment.month, run);
    case 'd':
      return run > 2 ? DayName(moment.weekday, run) : Padded(moment.day, run);
    case 'a':
      return run > 2 ? ChineseDayName(moment.weekday, run) : text;
    case 'h': {
      int64_t hour = seconds / 3600;
      if (half_day) hour = (hour + 11) % 12 + 1;
      return Padded(hour, run > 1 ? 2 : 1);
    }
    default:
      return Padded(seconds % 60, run > 1 ? 2 : 1);
  }
}

std::string Elapsed(const std::string& text, int64_t ms_total) {
  const int64_t seconds = ms_total / 1000;
  const int64_t value = text[0] == 'h' ? seconds / 3600 : text[0] == 'm' ? seconds / 60 : seconds;
  return Padded(value, text.size());
}

std::string HalfDay(const std::string& form, bool afternoon) {
  const size_t slash = form.find('/');
  return afternoon ? form.substr(slash + 1) : form.substr(0, slash);
}

}  // namespace

std::string FormatDateSection(double serial, const FormatSection& section, bool date1904) {
  if (!(serial >= 0 && serial < kMaxSerial)) return FormatGeneral(serial);
  const auto has = [&](Kind kind) {
    for (const FormatToken& token : section.tokens) {
      if (token.kind == kind) return true;
    }
    return false;
  };
  const bool half_day = has(Kind::kHalfDay);
  const bool fraction = has(Kind::kPoint) && has(Kind::kDigit);
  const Moment moment = MomentOf(serial, date1904, fraction ? 1 : 1000);
  std::string shown;
  size_t fraction_digits = 0;
  for (size_t i = 0; i < section.tokens.size(); ++i) {
    const FormatToken& token = section.tokens[i];
    if (token.kind == Kind::kDate) {
      shown += DatePart(section, i, moment, half_day);
    } else if (token.kind == Kind::kElapsed) {
      shown += Elapsed(token.text, moment.ms_total);
    } else if (token.kind == Kind::kHalfDay) {
      shown += HalfDay(token.text, moment.ms_of_day >= kMsPerDay / 2);
    } else if (token.kind == Kind::kDigit && fraction_digits < 3) {
      shown += Padded(moment.ms_of_day % 1000, 3)[fraction_digits++];
    } else if (token.kind != Kind::kText && token.kind != Kind::kGeneral) {
      shown += token.text;
    }
  }
  return shown;
}

}  // namespace hadal::retrieval
