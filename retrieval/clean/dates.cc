#include "retrieval/clean/dates.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace hadal::retrieval {
namespace {

constexpr int kFirstYear = 1900;
constexpr int kLastYear = 2199;
constexpr int kFirstRocYear = 1911;  // the year before 民国 1

constexpr std::u32string_view kChineseDigits = U"零一二三四五六七八九";
constexpr std::array<std::u32string_view, 12> kMonths = {
    U"january", U"february", U"march",     U"april",   U"may",      U"june",
    U"july",    U"august",   U"september", U"october", U"november", U"december"};

bool IsDigit(char32_t c) { return c >= U'0' && c <= U'9'; }

/// 0 to 9; -1 for what is no digit. The circle and the letter stand for zero in typed dates.
int DigitOf(char32_t c) {
  if (IsDigit(c)) return static_cast<int>(c - U'0');
  if (c == U'〇' || c == U'○' || c == U'o') return 0;
  const size_t at = kChineseDigits.find(c);
  return at == std::u32string_view::npos ? -1 : static_cast<int>(at);
}

class DateReader {
 public:
  explicit DateReader(std::u32string_view text) : text_(text) {}

  std::optional<std::string> Read() {
    if (StartsWith(U"民国")) {
      at_ = 2;
      Blanks();
      const int year = Number();
      return year > 0 && Take(U'年') ? MonthAndDay(kFirstRocYear + year) : std::nullopt;
    }
    if (text_.empty()) return std::nullopt;
    if (text_[0] >= U'a' && text_[0] <= U'z') return English(0);
    const std::u32string year = YearDigits(text_.substr(0, 4));
    if (!year.empty()) {
      at_ = 4;
      Blanks();
      const int value = ValueOf(year);
      if (Take(U'年')) return MonthAndDay(value);
      return IsDigit(text_[0]) ? Separated(value) : std::nullopt;
    }
    const int day = Number();
    return day > 0 ? English(day) : std::nullopt;
  }

  size_t at() const { return at_; }

 private:
  bool StartsWith(std::u32string_view word) const { return text_.substr(at_).starts_with(word); }
  char32_t Next() const { return at_ < text_.size() ? text_[at_] : 0; }
  bool Take(char32_t c) {
    if (Next() != c) return false;
    ++at_;
    return true;
  }
  /// Up to three: a date is not torn further.
  void Blanks() {
    for (int n = 0; n < 3 && Next() == U' '; ++n) ++at_;
  }

  static int ValueOf(std::u32string_view digits) {
    int value = 0;
    for (const char32_t c : digits) value = value * 10 + DigitOf(c);
    return value;
  }

  /// One to three Arabic digits, or Chinese up to 九十九 (十, 二十三); 0: none.
  int Number() {
    size_t end = at_;
    while (end < text_.size() && end < at_ + 3 && IsDigit(text_[end])) ++end;
    if (end > at_) {
      const int value = ValueOf(text_.substr(at_, end - at_));
      at_ = end;
      return end < text_.size() && IsDigit(text_[end]) ? 0 : value;
    }
    const auto chinese = [&] {
      const int digit = Next() == U'o' ? -1 : DigitOf(Next());
      if (digit >= 0) ++at_;
      return digit;
    };
    const int first = chinese();
    if (!Take(U'十')) return std::max(first, 0);
    const int second = chinese();
    return (first < 0 ? 1 : first) * 10 + std::max(second, 0);
  }

  /// Behind 年.
  std::optional<std::string> MonthAndDay(int year) {
    Blanks();
    const int month = Number();
    Blanks();
    if (!Take(U'月')) return std::nullopt;
    const size_t after_month = at_;
    Blanks();
    const int day = Number();
    Blanks();
    if (day > 0 && (Take(U'日') || Take(U'号'))) return Format(year, month, day);
    at_ = after_month;
    return Format(year, month, 0);
  }

  /// 2024-03-05: one separator, twice.
  std::optional<std::string> Separated(int year) {
    const char32_t separator = Next();
    if (separator != U'-' && separator != U'/' && separator != U'.') return std::nullopt;
    ++at_;
    const int month = Number();
    if (!Take(separator)) return std::nullopt;
    const int day = Number();
    return day > 0 ? Format(year, month, day) : std::nullopt;
  }

  /// "march 5, 2024" and, with the day read before it, "5 march 2024".
  std::optional<std::string> English(int day) {
    Blanks();
    const int month = MonthName();
    if (month == 0) return std::nullopt;
    Blanks();
    std::u32string year = YearDigits(text_.substr(at_, 4));
    if (year.empty() && day == 0) {
      day = Number();
      if (day == 0) return std::nullopt;
      Take(U',');
      Blanks();
      year = YearDigits(text_.substr(at_, 4));
    }
    if (year.empty() || !IsDigit(text_[at_])) return std::nullopt;
    at_ += 4;
    return IsDigit(Next()) ? std::nullopt : Format(ValueOf(year), month, day);
  }

  /// In full or by three letters and more, perhaps with a point.
  int MonthName() {
    size_t end = at_;
    while (end < text_.size() && end < at_ + 10 && text_[end] >= U'a' && text_[end] <= U'z') ++end;
    const std::u32string_view word = text_.substr(at_, end - at_);
    if (word.size() < 3) return 0;
    for (size_t m = 0; m < kMonths.size(); ++m) {
      if (!kMonths[m].starts_with(word)) continue;
      at_ = end;
      Take(U'.');
      return static_cast<int>(m) + 1;
    }
    return 0;
  }

  static std::optional<std::string> Format(int year, int month, int day) {
    constexpr std::array<int, 12> kDays = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < kFirstYear || year > kLastYear || month < 1 || month > 12) return std::nullopt;
    if (day == 0) return fmt::format("{:04}-{:02}", year, month);
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    const int days = month == 2 && !leap ? 28 : kDays[static_cast<size_t>(month - 1)];
    if (day > days) return std::nullopt;
    return fmt::format("{:04}-{:02}-{:02}", year, month, day);
  }

  const std::u32string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::optional<std::string> ReadDate(std::u32string_view folded, size_t& length) {
  DateReader reader(folded);
  std::optional<std::string> date = reader.Read();
  if (date) length = reader.at();
  return date;
}

std::optional<std::string> WholeDate(std::u32string_view folded) {
  size_t length = 0;
  std::optional<std::string> date = ReadDate(folded, length);
  return length == folded.size() ? date : std::nullopt;
}

std::u32string YearDigits(std::u32string_view folded) {
  if (folded.size() != 4) return {};
  std::u32string year;
  for (const char32_t c : folded) {
    const int digit = DigitOf(c);
    if (digit < 0) return {};
    year.push_back(U'0' + static_cast<char32_t>(digit));
  }
  return year >= U"1900" && year <= U"2199" ? year : std::u32string();
}

}  // namespace hadal::retrieval
