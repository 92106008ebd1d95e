#pragma once

#include <gumbo.h>

#include <string>
#include <string_view>
#include <unordered_set>

namespace hadal::retrieval {

/// Decides which elements of a page are its content. Thread-compatible.
class HtmlVisibility {
 public:
  enum class Verdict { kContent, kBoilerplate, kHidden };

  /// Reads simple rules (".name", "#name" or a tag with display:none or visibility:hidden) from the
  /// text of a style element.
  void AddStyleSheet(std::string_view css);

  /// The page has a main or article element: a header outside it is the site's.
  void SetHasMain() { has_main_ = true; }

  /// `in_main`: inside main or article, where header, footer and aside are content.
  Verdict Judge(const GumboElement& element, bool in_main) const;

 private:
  bool has_main_ = false;
  std::unordered_set<std::string> hidden_selectors_;  // ".name", "#name", "tag"
};

/// Value of an attribute, empty without one.
std::string_view Attribute(const GumboElement& element, const char* name);

}  // namespace hadal::retrieval
