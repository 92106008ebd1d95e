#include "retrieval/parse/html_visibility.h"

#include <algorithm>
#include <cctype>

namespace hadal::retrieval {
namespace {

constexpr size_t kMaxSelectors = 10'000;
constexpr size_t kMaxRuleBytes = 4096;

/// Lower case without white space: "display:none".
std::string Compact(std::string_view text) {
  std::string compact;
  for (const unsigned char c : text) {
    if (!std::isspace(c)) compact.push_back(static_cast<char>(std::tolower(c)));
  }
  return compact;
}

bool HidesBox(const std::string& style) {
  const auto has = [&](std::string_view declaration) {
    const size_t at = style.find(declaration);
    if (at == std::string::npos) return false;
    const size_t end = at + declaration.size();
    return end == style.size() || style[end] == ';' || style[end] == '!' || style[end] == '}';
  };
  return has("display:none") || has("visibility:hidden") || has("font-size:0") ||
         has("font-size:0px") || has("font-size:0pt") || has("opacity:0");
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

/// Words of class, id and role that name the frame of a site rather than the page.
bool NamesFrame(std::string_view names) {
  static constexpr std::string_view kFrameWords[] = {
      "breadcrumb", "breadcrumbs", "nav",    "navbar",      "navigation", "menu",
      "sidebar",    "advert",      "cookie", "cookies",     "pagination", "banner",
      "footer",     "share",       "crumbs", "site-header", "search"};
  while (!names.empty()) {
    const size_t end = std::min(names.find(' '), names.size());
    const std::string word = Compact(names.substr(0, end));
    if (std::find(std::begin(kFrameWords), std::end(kFrameWords), word) != std::end(kFrameWords)) {
      return true;
    }
    names.remove_prefix(std::min(names.size(), end + 1));
  }
  return false;
}

}  // namespace

std::string_view Attribute(const GumboElement& element, const char* name) {
  const GumboAttribute* attribute = gumbo_get_attribute(&element.attributes, name);
  return attribute == nullptr ? std::string_view() : std::string_view(attribute->value);
}

void HtmlVisibility::AddStyleSheet(std::string_view css) {
  int depth = 0;
  size_t selector_start = 0;
  for (size_t i = 0; i < css.size(); ++i) {
    if (css[i] == '}') {
      depth = std::max(0, depth - 1);
      selector_start = i + 1;
    } else if (css[i] == '{') {
      const size_t end = std::min(css.find('}', i), css.size());
      // Rules inside @media and the like hold on other devices only.
      if (depth == 0 && end - selector_start < kMaxRuleBytes &&
          HidesBox(Compact(css.substr(i + 1, end - i - 1)))) {
        std::string selectors = Compact(css.substr(selector_start, i - selector_start)) + ',';
        for (size_t at = 0; at < selectors.size();) {
          const size_t comma = selectors.find(',', at);
          const std::string one = selectors.substr(at, comma - at);
          if (!one.empty() && one.find_first_of(".#[>:+~*@", 1) == std::string::npos &&
              hidden_selectors_.size() < kMaxSelectors) {
            hidden_selectors_.insert(one);
          }
          at = comma + 1;
        }
      }
      ++depth;
    }
  }
}

HtmlVisibility::Verdict HtmlVisibility::Judge(const GumboElement& element, bool in_main) const {
  if (IsBoilerplateTag(element.tag)) return Verdict::kBoilerplate;
  if (gumbo_get_attribute(&element.attributes, "hidden") != nullptr ||
      Attribute(element, "aria-hidden") == "true") {
    return Verdict::kHidden;
  }
  const std::string_view style = Attribute(element, "style");
  if (!style.empty() && HidesBox(Compact(style))) return Verdict::kHidden;
  std::string_view classes = Attribute(element, "class");
  const std::string_view id = Attribute(element, "id");
  if (!hidden_selectors_.empty()) {
    if (hidden_selectors_.contains(gumbo_normalized_tagname(element.tag))) return Verdict::kHidden;
    if (!id.empty() && hidden_selectors_.contains("#" + Compact(id))) return Verdict::kHidden;
    for (std::string_view rest = classes; !rest.empty();) {
      const size_t end = std::min(rest.find(' '), rest.size());
      if (hidden_selectors_.contains("." + Compact(rest.substr(0, end)))) return Verdict::kHidden;
      rest.remove_prefix(std::min(rest.size(), end + 1));
    }
  }
  if (in_main) return Verdict::kContent;
  if (element.tag == GUMBO_TAG_FOOTER || element.tag == GUMBO_TAG_ASIDE ||
      (element.tag == GUMBO_TAG_HEADER && has_main_)) {
    return Verdict::kBoilerplate;
  }
  const std::string_view role = Attribute(element, "role");
  if (element.tag != GUMBO_TAG_BODY && element.tag != GUMBO_TAG_HTML &&
      (NamesFrame(classes) || NamesFrame(id) || NamesFrame(role))) {
    return Verdict::kBoilerplate;
  }
  return Verdict::kContent;
}

}  // namespace hadal::retrieval
