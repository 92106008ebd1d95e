#pragma once

#include <gumbo.h>

#include <string>
#include <string_view>
#include <unordered_map>

#include "retrieval/parse/css_effect.h"

namespace hadal::retrieval {

/// Decides which elements of a page are its content, and which letters can be seen.
/// Thread-compatible.
class HtmlVisibility {
 public:
  enum class Verdict { kContent, kBoilerplate, kHidden };

  /// Where an element stands.
  struct Place {
    bool in_main = false;     ///< inside main or article: header, footer, aside are content there
    bool holds_main = false;  ///< main, article or the page's first heading is inside it
  };

  /// Reads simple rules (".name", "#name" or a tag) from the text of a style element.
  void AddStyleSheet(std::string_view css);

  /// The page has a main or article element: a header outside it is the site's.
  void SetHasMain() { has_main_ = true; }

  /// Style sheets of the page lie elsewhere: nobody can tell what they paint.
  void SetHasMoreStyles() { knows_paint_ = false; }

  Verdict Judge(const GumboElement& element, const Place& place) const;

  /// What the element's style says of its letters and its background.
  CssEffect EffectOf(const GumboElement& element) const;

  /// White letters count as hidden only where every background is known.
  bool knows_paint() const { return knows_paint_; }

 private:
  bool has_main_ = false;
  bool knows_paint_ = true;
  std::unordered_map<std::string, CssEffect> effects_;  // by ".name", "#name", "tag"
};

/// Value of an attribute, empty without one.
std::string_view Attribute(const GumboElement& element, const char* name);

}  // namespace hadal::retrieval
