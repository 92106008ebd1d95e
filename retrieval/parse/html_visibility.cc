#include "retrieval/parse/html_visibility.h"

#include <algorithm>
#include <cctype>

#include "retrieval/parse/characters.h"

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxSelectors = 10'000;
constexpr size_t kMaxRuleBytes = 4096;

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n\f");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n\f") - begin + 1);
}

/// Lower case without white space.
std::string Compact(std::string_view text) {
  std::string compact;
  for (const unsigned char c : text) {
    if (!std::isspace(c)) compact.push_back(static_cast<char>(std::tolower(c)));
  }
  return compact;
}

bool IsBoilerplateTag(GumboTag tag) {
  switch (tag) {
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_NOSCRIPT:
    case GUMBO_TAG_TEMPLATE:
    case GUMBO_TAG_HEAD:
    case GUMBO_TAG_TITLE:
    case GUMBO_TAG_NAV:
    case GUMBO_TAG_BUTTON:
    case GUMBO_TAG_SELECT:
    case GUMBO_TAG_TEXTAREA:
    case GUMBO_TAG_SVG:
    case GUMBO_TAG_CANVAS:
    case GUMBO_TAG_OBJECT:
    case GUMBO_TAG_IFRAME:
    case GUMBO_TAG_VIDEO:
    case GUMBO_TAG_AUDIO:
      return true;
    default:
      return false;
  }
}

template <size_t N>
bool IsOneOf(std::string_view word, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

/// A word of class, id or role that names the frame of a site rather than the page: "navbar",
/// "main-nav", "cookie-banner", but not "with-sidebar", which names the page beside the frame.
bool IsFrameWord(std::string_view word) {
  static constexpr std::string_view kWords[] = {
      "breadcrumb",    "breadcrumbs", "nav",         "navbar",      "navigation", "menu",
      "sidebar",       "advert",      "cookie",      "cookies",     "pagination", "banner",
      "footer",        "share",       "crumbs",      "site-header", "search",     "contentinfo",
      "complementary", "site-footer", "page-footer", "main-footer", "skip-link"};
  static constexpr std::string_view kLastWords[] = {
      "nav", "navbar", "navigation", "menu", "sidebar", "breadcrumb", "breadcrumbs", "pagination"};
  static constexpr std::string_view kDenials[] = {"with", "has", "no", "without", "is", "hide"};
  if (IsOneOf(word, kWords) || word.starts_with("cookie")) return true;
  const size_t last = word.find_last_of("-_");
  if (last == std::string_view::npos) return false;
  return IsOneOf(word.substr(last + 1), kLastWords) &&
         !IsOneOf(word.substr(0, word.find_first_of("-_")), kDenials);
}

bool NamesFrame(std::string_view names) {
  while (!names.empty()) {
    const size_t end = std::min(names.find(' '), names.size());
    if (IsFrameWord(Compact(names.substr(0, end)))) return true;
    names.remove_prefix(std::min(names.size(), end + 1));
  }
  return false;
}

/// A selector of one tag, class or id, which an element can be asked for without its surroundings.
bool IsSimple(const std::string& selector) {
  return !selector.empty() && selector.find_first_of(" \t\r\n.#[>:+~*@", 1) == std::string::npos &&
         selector[0] != '*' && selector[0] != '[' && selector[0] != ':' && selector[0] != '@';
}

}  // namespace

std::string_view Attribute(const GumboElement& element, const char* name) {
  const GumboAttribute* attribute = gumbo_get_attribute(&element.attributes, name);
  return attribute == nullptr ? std::string_view() : std::string_view(attribute->value);
}

void HtmlVisibility::AddStyleSheet(std::string_view css) {
  if (css.find("@import") != std::string_view::npos) knows_paint_ = false;
  int depth = 0;
  size_t selector_start = 0;
  for (size_t i = 0; i < css.size(); ++i) {
    if (css[i] == '}') {
      depth = std::max(0, depth - 1);
      selector_start = i + 1;
      continue;
    }
    if (css[i] != '{') continue;
    const bool nested = ++depth > 1;
    const std::string_view rule = css.substr(i + 1, kMaxRuleBytes);
    const size_t end = std::min(rule.find_first_of("{}"), rule.size());
    if (end < rule.size() && rule[end] == '{') continue;  // a block of rules: each comes by itself
    const CssEffect effect = ReadCss(rule.substr(0, end));
    if (!effect.Any()) continue;
    const std::string_view text = css.substr(selector_start, i - selector_start);
    // Rules in blocks (@media and the like) hold on some devices only.
    if (nested || text.size() > kMaxRuleBytes) {
      knows_paint_ = knows_paint_ && !effect.paints;
      continue;
    }
    const std::string selectors = LowerAscii(text) + ',';
    for (size_t at = 0; at < selectors.size();) {
      const size_t comma = selectors.find(',', at);
      const std::string one = Trimmed(selectors.substr(at, comma - at));
      at = comma + 1;
      if (IsSimple(one) && effects_.size() < kMaxSelectors) {
        effects_[one].Apply(effect);
      } else {
        knows_paint_ = knows_paint_ && !effect.paints;
      }
    }
  }
}

CssEffect HtmlVisibility::EffectOf(const GumboElement& element) const {
  CssEffect effect;
  if (!effects_.empty()) {
    const auto apply = [&](const std::string& selector) {
      const auto found = effects_.find(selector);
      if (found != effects_.end()) effect.Apply(found->second);
    };
    apply(gumbo_normalized_tagname(element.tag));
    for (std::string_view rest = Attribute(element, "class"); !rest.empty();) {
      const size_t end = std::min(rest.find(' '), rest.size());
      apply("." + Compact(rest.substr(0, end)));
      rest.remove_prefix(std::min(rest.size(), end + 1));
    }
    apply("#" + Compact(Attribute(element, "id")));
  }
  if (element.tag == GUMBO_TAG_FONT) {
    effect.Apply(ReadCssColor(Attribute(element, "color"), /*background=*/false));
  }
  effect.Apply(ReadCssColor(Attribute(element, "bgcolor"), /*background=*/true));
  effect.paints |= !Attribute(element, "background").empty();
  effect.Apply(ReadCss(Attribute(element, "style")));
  return effect;
}

HtmlVisibility::Verdict HtmlVisibility::Judge(const GumboElement& element,
                                              const Place& place) const {
  if (IsBoilerplateTag(element.tag)) return Verdict::kBoilerplate;
  if (gumbo_get_attribute(&element.attributes, "hidden") != nullptr ||
      Attribute(element, "aria-hidden") == "true" || EffectOf(element).hides) {
    return Verdict::kHidden;
  }
  if (place.in_main) return Verdict::kContent;
  if (element.tag == GUMBO_TAG_FOOTER || element.tag == GUMBO_TAG_ASIDE ||
      (element.tag == GUMBO_TAG_HEADER && has_main_)) {
    return Verdict::kBoilerplate;
  }
  if (element.tag != GUMBO_TAG_BODY && element.tag != GUMBO_TAG_HTML && !place.holds_main &&
      (NamesFrame(Attribute(element, "class")) || NamesFrame(Attribute(element, "id")) ||
       NamesFrame(Attribute(element, "role")))) {
    return Verdict::kBoilerplate;
  }
  return Verdict::kContent;
}

}  // namespace hadal::retrieval
