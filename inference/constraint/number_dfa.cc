// A bound becomes a regular expression over the digits, as in comparing by hand: the longer number
// is the larger one, and of equal length the one with the larger digit where they first differ.
#include "inference/constraint/number_dfa.h"

#include <string>
#include <utility>

#include "inference/constraint/regex.h"

namespace hadal::inference {
namespace {

constexpr std::string_view kInteger = "-?(0|[1-9][0-9]{0,17})";
// Exponents up to 289: 18 digits before it stay below the largest double.
constexpr std::string_view kNumber =
    R"(-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,24})?([eE][+-]?(0?[0-9]{1,2}|1[0-9]{2}|2[0-8][0-9]))?)";
constexpr std::string_view kPlainNumber = R"(-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,24})?)";

/// A number without its sign; no zeros at the end of the fraction.
struct Magnitude {
  std::string whole;
  std::string fraction;
  bool is_zero() const { return whole == "0" && fraction.empty(); }
};

struct Decimal {
  bool negative;
  Magnitude magnitude;
};

StatusOr<Decimal> DecimalOf(const Json& value) {
  std::string text =
      value.is_number_float() ? fmt::format("{}", value.get<double>()) : value.dump();
  Decimal decimal{text.starts_with('-'), {}};
  if (decimal.negative) text.erase(0, 1);
  if (text.find_first_not_of("0123456789.") != std::string::npos) {
    return InvalidArgument(
        "the bound {} is too large or too small; only bounds that are written "
        "without an exponent are supported",
        value.dump());
  }
  const size_t point = text.find('.');
  decimal.magnitude.whole = text.substr(0, point);
  if (point != std::string::npos) decimal.magnitude.fraction = text.substr(point + 1);
  std::string& fraction = decimal.magnitude.fraction;
  while (fraction.ends_with('0')) fraction.pop_back();
  if (decimal.magnitude.is_zero()) decimal.negative = false;
  return decimal;
}

/// Joins alternatives; one that matches nothing when there is none.
class Alternatives {
 public:
  void Add(std::string alternative) {
    if (any_) text_ += "|";
    text_ += alternative;
    any_ = true;
  }
  bool any() const { return any_; }
  std::string text() const { return "(" + text_ + ")"; }

 private:
  std::string text_;
  bool any_ = false;
};

std::string DigitRange(char low, char high) { return fmt::format("[{}-{}]", low, high); }

Alternatives WholeAbove(const std::string& whole) {
  Alternatives out;
  out.Add(fmt::format("[1-9][0-9]{{{},}}", whole.size()));
  for (size_t i = 0; i < whole.size(); ++i) {
    if (whole[i] == '9') continue;
    out.Add(whole.substr(0, i) + DigitRange(static_cast<char>(whole[i] + 1), '9') +
            fmt::format("[0-9]{{{}}}", whole.size() - i - 1));
  }
  return out;
}

Alternatives WholeBelow(const std::string& whole) {
  Alternatives out;
  if (whole != "0") out.Add("0");
  if (whole.size() > 1) out.Add(fmt::format("[1-9][0-9]{{0,{}}}", whole.size() - 2));
  for (size_t i = 0; i < whole.size(); ++i) {
    const char least = i == 0 ? '1' : '0';
    if (whole[i] <= least) continue;
    out.Add(whole.substr(0, i) + DigitRange(least, static_cast<char>(whole[i] - 1)) +
            fmt::format("[0-9]{{{}}}", whole.size() - i - 1));
  }
  return out;
}

/// Fractions, with the point, above that of the bound; equal ones unless `strict`.
std::string FractionAbove(const std::string& fraction, bool strict) {
  Alternatives out;
  for (size_t i = 0; i < fraction.size(); ++i) {
    if (fraction[i] == '9') continue;
    out.Add("\\." + fraction.substr(0, i) + DigitRange(static_cast<char>(fraction[i] + 1), '9') +
            "[0-9]*");
  }
  out.Add("\\." + fraction + "[0-9]*[1-9][0-9]*");
  if (!strict) out.Add(fraction.empty() ? "(\\.0+)?" : "\\." + fraction + "0*");
  return out.text();
}

std::string FractionBelow(const std::string& fraction, bool strict) {
  Alternatives out;
  for (size_t i = 0; i < fraction.size(); ++i) {
    out.Add(i == 0 ? "" : "\\." + fraction.substr(0, i));  // its beginnings are smaller
    if (fraction[i] == '0') continue;
    out.Add("\\." + fraction.substr(0, i) + DigitRange('0', static_cast<char>(fraction[i] - 1)) +
            "[0-9]*");
  }
  if (!strict) out.Add(fraction.empty() ? "(\\.0+)?" : "\\." + fraction + "0*");
  return out.any() ? out.text() : "";
}

constexpr std::string_view kAnyFraction = "(\\.[0-9]+)?";

Alternatives Above(const Magnitude& bound, bool strict) {
  Alternatives out;
  out.Add(WholeAbove(bound.whole).text() + std::string(kAnyFraction));
  out.Add(bound.whole + FractionAbove(bound.fraction, strict));
  return out;
}

/// Nothing below a strict zero: then `any` is false.
Alternatives Below(const Magnitude& bound, bool strict) {
  Alternatives out;
  if (const Alternatives whole = WholeBelow(bound.whole); whole.any()) {
    out.Add(whole.text() + std::string(kAnyFraction));
  }
  const std::string fraction = FractionBelow(bound.fraction, strict);
  if (!fraction.empty()) out.Add(bound.whole + fraction);
  return out;
}

/// Numbers above `bound` (or below it, when not `upwards`): on its own side of zero the larger
/// magnitudes; or all of the other side and, up to the bound, the smaller ones.
std::string Beyond(const Decimal& bound, bool strict, bool upwards) {
  const std::string same = upwards ? "" : "-";
  const std::string opposite = upwards ? "-" : "";
  const Magnitude& magnitude = bound.magnitude;
  if (!magnitude.is_zero() && bound.negative == upwards) {  // across zero
    return same + "[0-9].*|" + opposite + Below(magnitude, strict).text();
  }
  std::string text = same + Above(magnitude, strict).text();
  if (magnitude.is_zero() && !strict && !upwards) text += "|0(\\.0+)?";
  return text;
}

}  // namespace

StatusOr<CharDfa> NumberDfa(bool fractions, const std::vector<SchemaFacts::Bound>& lower,
                            const std::vector<SchemaFacts::Bound>& upper, CompileBudget& budget) {
  const auto compile = [&budget](std::string_view pattern) {
    return CompileRegex(pattern, RegexDialect::kRe2, RegexMatch::kFull, budget);
  };
  const bool bounded = !lower.empty() || !upper.empty();
  ASSIGN_OR_RETURN(CharDfa dfa,
                   compile(!fractions ? kInteger : (bounded ? kPlainNumber : kNumber)));
  for (const bool upwards : {true, false}) {
    for (const SchemaFacts::Bound& bound : upwards ? lower : upper) {
      ASSIGN_OR_RETURN(const Decimal decimal, DecimalOf(*bound.value));
      ASSIGN_OR_RETURN(const CharDfa side, compile(Beyond(decimal, bound.exclusive, upwards)));
      ASSIGN_OR_RETURN(dfa, Intersect(dfa, side, budget));
    }
  }
  return dfa;
}

}  // namespace hadal::inference
