#include "retrieval/parse/css_effect.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <string>

namespace hadal::retrieval {
namespace {

constexpr double kSmallestPixels = 2;  // letters below it cannot be read
constexpr double kFarAway = -999;      // pixels: the usual ways out of the page begin here

/// Lower case without white space and without "!important".
std::string Compact(std::string_view text) {
  std::string compact;
  for (const unsigned char c : text) {
    if (std::isspace(c) == 0) compact.push_back(static_cast<char>(std::tolower(c)));
  }
  compact.resize(std::min(compact.size(), compact.find('!')));
  return compact;
}

/// A length in pixels; `relative` is what 1em or 100 % are. NaN for what is no length.
double Pixels(const std::string& value, double relative) {
  char* end = nullptr;
  const double number = std::strtod(value.c_str(), &end);
  if (end == value.c_str()) return std::nan("");
  const std::string_view unit(end);
  if (unit == "pt") return number * 4 / 3;
  if (unit == "em" || unit == "rem") return number * relative;
  if (unit == "%") return number * relative / 100;
  return number;
}

bool IsZero(const std::string& value) { return Pixels(value, 16) == 0; }

bool IsWhite(const std::string& color) {
  return color == "white" || color == "#fff" || color == "#ffffff" || color == "rgb(255,255,255)" ||
         color == "rgba(255,255,255,1)";
}

bool IsTransparent(const std::string& color) {
  return color == "transparent" || color == "#0000" || color == "#00000000" ||
         (color.starts_with("rgba(") && (color.ends_with(",0)") || color.ends_with(",0.0)")));
}

bool LeavesPaper(const std::string& background) {
  return background.empty() || background == "none" || background == "initial" ||
         background == "inherit" || background == "unset" || IsWhite(background) ||
         IsTransparent(background);
}

/// Several declarations hide only together.
struct Box {
  bool flat = false;  // no width or height
  bool clips = false;
};

void ReadDeclaration(const std::string& name, const std::string& value, CssEffect& effect,
                     Box& box) {
  if (name == "display") {
    effect.hides |= value == "none";
  } else if (name == "visibility") {
    effect.hides |= value == "hidden" || value == "collapse";
  } else if (name == "opacity") {
    effect.hides |= Pixels(value, 1) < 0.05;
  } else if (name == "font-size") {
    effect.hides |= Pixels(value, 16) < kSmallestPixels;
  } else if (name == "text-indent" || name == "left" || name == "top" || name == "margin-left") {
    effect.hides |= Pixels(value, 16) <= kFarAway;
  } else if (name == "clip") {
    effect.hides |=
        value == "rect(0,0,0,0)" || value == "rect(0000)" || value == "rect(1px,1px,1px,1px)";
  } else if (name == "width" || name == "height") {
    // max-height:0 is what folds the answers of a page of questions: a click shows them.
    box.flat |= IsZero(value);
  } else if (name == "overflow") {
    box.clips |= value == "hidden" || value == "clip";
  } else if (name == "color") {
    effect.Apply(ReadCssColor(value, /*background=*/false));
  } else if (name.starts_with("background") && name != "background-clip") {
    effect.paints |= !LeavesPaper(value);
  }
}

}  // namespace

void CssEffect::Apply(const CssEffect& more) {
  hides |= more.hides;
  paints |= more.paints;
  if (more.white || more.colored) {
    white = more.white;
    colored = more.colored;
  }
}

CssEffect ReadCssColor(std::string_view color, bool background) {
  const std::string value = Compact(color);
  CssEffect effect;
  if (background) {
    effect.paints = !LeavesPaper(value);
  } else if (!value.empty() && value != "inherit") {
    effect.white = IsWhite(value) || IsTransparent(value);
    effect.colored = !effect.white;
  }
  return effect;
}

CssEffect ReadCss(std::string_view declarations) {
  CssEffect effect;
  Box box;
  while (!declarations.empty()) {
    // A ';' inside url(data:...) ends nothing.
    size_t end = 0;
    for (int depth = 0; end < declarations.size(); ++end) {
      const char c = declarations[end];
      depth += c == '(' ? 1 : c == ')' && depth > 0 ? -1 : 0;
      if (c == ';' && depth == 0) break;
    }
    const std::string_view one = declarations.substr(0, end);
    declarations.remove_prefix(std::min(declarations.size(), end + 1));
    const size_t colon = one.find(':');
    if (colon == std::string_view::npos) continue;
    ReadDeclaration(Compact(one.substr(0, colon)), Compact(one.substr(colon + 1)), effect, box);
  }
  effect.hides |= box.flat && box.clips;
  return effect;
}

}  // namespace hadal::retrieval
