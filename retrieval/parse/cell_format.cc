#include "retrieval/parse/cell_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace hadal::retrieval {
namespace {

using Kind = FormatToken::Kind;

constexpr double kMaxExact = 1e15;  // spreadsheets keep 15 significant digits
// Decimals such as 2.675 lie just below themselves in binary; spreadsheets round them up.
constexpr double kHalfUp = 1 + 4.5e-16;

bool Holds(const FormatSection& section, double value) {
  const std::string& comparison = section.comparison;
  if (comparison == "<") return value < section.operand;
  if (comparison == "<=") return value <= section.operand;
  if (comparison == ">") return value > section.operand;
  if (comparison == ">=") return value >= section.operand;
  if (comparison == "=") return value == section.operand;
  return value != section.operand;  // "<>"
}

/// The section for `value`; `value` loses its sign where the section stands for negative numbers.
const FormatSection& Choose(const std::vector<FormatSection>& sections, double& value) {
  const size_t numeric = std::min<size_t>(sections.size(), 3);
  const bool conditional = std::any_of(sections.begin(), sections.end(), [](const auto& section) {
    return !section.comparison.empty();
  });
  if (conditional) {
    for (size_t i = 0; i < numeric; ++i) {
      if (sections[i].comparison.empty() || Holds(sections[i], value)) {
        const bool negative = sections[i].comparison.starts_with('<') && sections[i].operand <= 0;
        if (negative) value = std::abs(value);
        return sections[i];
      }
    }
    return sections[numeric - 1];
  }
  if (value < 0 && numeric > 1) {
    value = -value;
    return sections[1];
  }
  return value == 0 && numeric > 2 ? sections[2] : sections[0];
}

/// Where the digits of a section stand.
struct Places {
  std::vector<size_t> whole;  ///< token indices before the point
  std::vector<size_t> fraction;
  size_t exponent_digits = 0;
  bool grouped = false;
  int scale = 0;  ///< commas behind the last whole digit: thousands left out
  int percents = 0;
  bool has_exponent = false;
  bool has_slash = false;
};

Places FindPlaces(const FormatSection& section) {
  Places places;
  bool after_point = false;
  int commas = 0;
  for (size_t i = 0; i < section.tokens.size(); ++i) {
    const FormatToken& token = section.tokens[i];
    if (token.kind == Kind::kDigit) {
      if (places.has_exponent) {
        ++places.exponent_digits;
      } else if (after_point) {
        places.fraction.push_back(i);
      } else {
        places.grouped = places.grouped || (commas > 0 && !places.whole.empty());
        commas = 0;
        places.whole.push_back(i);
      }
    } else if (token.kind == Kind::kPoint) {
      after_point = true;
    } else if (token.kind == Kind::kComma) {
      ++commas;
    } else if (token.kind == Kind::kPercent) {
      ++places.percents;
    } else if (token.kind == Kind::kExponent) {
      places.has_exponent = true;
    } else if (token.kind == Kind::kSlash) {
      places.has_slash = true;
    }
  }
  places.scale = commas;
  return places;
}

/// The digits of a number under a section, and the tokens they stand for.
struct Digits {
  std::string whole;     // without leading zeros, "" for 0
  std::string fraction;  // as many as the section has places
  int exponent = 0;
};

Digits DigitsOf(double value, const Places& places) {
  Digits digits;
  const int decimals = static_cast<int>(places.fraction.size());
  const bool scientific = places.has_exponent && value != 0;
  std::string text = scientific ? fmt::format("{:.{}e}", value * kHalfUp, decimals)  // "9.99e+02"
                                : fmt::format("{:.{}f}", value * kHalfUp, decimals);
  if (scientific) {
    const size_t exponent = text.find('e');
    digits.exponent = std::stoi(text.substr(exponent + 1));
    text.resize(exponent);
  }
  const size_t point = std::min(text.find('.'), text.size());
  digits.whole = text.substr(0, point);
  if (point < text.size()) digits.fraction = text.substr(point + 1);
  digits.whole.erase(0, std::min(digits.whole.find_first_not_of('0'), digits.whole.size()));
  return digits;
}

/// What stands at each whole place: the leftmost takes all digits that are left.
std::vector<std::string> WholeTexts(const FormatSection& section, const Places& places,
                                    const std::string& whole) {
  std::vector<std::string> texts(places.whole.size());
  size_t left = whole.size();
  size_t written = 0;
  const auto put = [&](std::string& text, char digit) {
    if (places.grouped && written > 0 && written % 3 == 0) text.insert(0, ",");
    text.insert(text.begin(), digit);
    ++written;
  };
  for (size_t i = places.whole.size(); i-- > 0;) {
    const char place = section.tokens[places.whole[i]].text[0];
    if (left > 0) {
      put(texts[i], whole[--left]);
    } else if (place == '0') {
      put(texts[i], '0');
    }
    while (i == 0 && left > 0) put(texts[i], whole[--left]);
  }
  return texts;
}

/// Digits behind the point that are shown: trailing zeros at '#' places are not.
size_t ShownFraction(const FormatSection& section, const Places& places,
                     const std::string& fraction) {
  size_t shown = fraction.size();
  while (shown > 0 && fraction[shown - 1] == '0' &&
         section.tokens[places.fraction[shown - 1]].text[0] != '0') {
    --shown;
  }
  return shown;
}

std::string FormatNumberSection(const double number, const FormatSection& section) {
  const Places places = FindPlaces(section);
  double value = number;
  for (int i = 0; i < places.percents; ++i) value *= 100;
  for (int i = 0; i < places.scale; ++i) value /= 1000;
  if (!std::isfinite(value)) return FormatGeneral(number);  // 1e307 in percent
  const bool has_places = !places.whole.empty() || !places.fraction.empty();
  if ((has_places && places.has_slash) ||
      ((has_places || places.has_exponent) && std::abs(value) >= kMaxExact)) {
    return FormatGeneral(value);
  }
  const Digits digits = DigitsOf(std::abs(value), places);
  const std::vector<std::string> whole = WholeTexts(section, places, digits.whole);
  const size_t fraction = ShownFraction(section, places, digits.fraction);
  const bool is_zero =
      digits.whole.empty() && digits.fraction.find_first_not_of('0') == std::string::npos;
  std::string shown = value < 0 && has_places && !is_zero ? "-" : "";
  size_t next_whole = 0;
  size_t next_fraction = 0;
  for (const FormatToken& token : section.tokens) {
    if (token.kind == Kind::kDigit) {
      if (next_whole < whole.size()) {
        shown += whole[next_whole++];
      } else if (next_fraction < fraction) {
        shown += digits.fraction[next_fraction++];
      }
    } else if (token.kind == Kind::kPoint) {
      if (places.whole.empty()) shown += digits.whole;
      if (fraction > 0 || places.fraction.empty()) shown += '.';
    } else if (token.kind == Kind::kExponent) {
      shown += fmt::format("E{}{:0{}}",
                           digits.exponent < 0  ? "-"
                           : token.text == "E+" ? "+"
                                                : "",
                           std::abs(digits.exponent), std::max<size_t>(places.exponent_digits, 1));
      next_fraction = fraction;
    } else if (token.kind == Kind::kGeneral || token.kind == Kind::kText) {
      shown += FormatGeneral(value);
    } else if (token.kind != Kind::kComma) {
      shown += token.text;
    }
  }
  return shown;
}

}  // namespace

std::string FormatGeneral(double value) {
  if (value == 0) return "0";
  if (std::abs(value) < kMaxExact && value == std::trunc(value)) {
    return fmt::format("{:.0f}", value);
  }
  return fmt::format("{:.10G}", value);
}

CellFormat::CellFormat(std::string_view code) {
  if (!code.empty() && code != "General") sections_ = ParseFormatCode(code);
}

std::string CellFormat::Show(double value, bool date1904) const {
  if (!std::isfinite(value)) return {};
  if (sections_.empty()) return FormatGeneral(value);
  const FormatSection& section = Choose(sections_, value);
  return section.is_date ? FormatDateSection(value, section, date1904)
                         : FormatNumberSection(value, section);
}

bool CellFormat::ShowsNothing() const {
  return sections_.size() == 4 &&
         std::all_of(sections_.begin(), sections_.end(),
                     [](const FormatSection& section) { return section.tokens.empty(); });
}

std::string_view BuiltinFormat(int64_t id) {
  switch (id) {
    case 1:
      return "0";
    case 2:
      return "0.00";
    case 3:
    case 37:
    case 38:
      return "#,##0";
    case 4:
    case 39:
    case 40:
      return "#,##0.00";
    case 9:
      return "0%";
    case 10:
      return "0.00%";
    case 11:
      return "0.00E+00";
    case 14:
    case 15:
      return "yyyy-mm-dd";
    case 16:
      return "mm-dd";
    case 17:
    case 27:
    case 57:
      return "yyyy-mm";
    case 18:
      return "h:mm AM/PM";
    case 19:
      return "h:mm:ss AM/PM";
    case 20:
    case 32:
      return "h:mm";
    case 21:
    case 33:
      return "h:mm:ss";
    case 22:
      return "yyyy-mm-dd h:mm";
    case 31:
      return "yyyy\"年\"m\"月\"d\"日\"";
    case 28:
    case 29:
    case 58:
      return "m\"月\"d\"日\"";
    case 45:
      return "mm:ss";
    case 46:
      return "[h]:mm:ss";
    case 47:
      return "mm:ss.0";
    case 48:
      return "##0.0E+0";
    case 49:
      return "@";
    default:
      return "General";
  }
}

}  // namespace hadal::retrieval
