#pragma once

#include <string_view>

namespace hadal::retrieval {

/// What declarations of CSS mean for whether text can be read.
struct CssEffect {
  bool hides = false;    ///< takes no room, lies off the page, or too small to be read
  bool white = false;    ///< white or transparent letters: readable on paint only
  bool colored = false;  ///< letters of another colour
  bool paints = false;   ///< a background that is not white

  bool Any() const { return hides || white || colored || paints; }
  /// With `more` applied over it.
  void Apply(const CssEffect& more);
};

/// Reads "name: value; ..." as in a style attribute. Unknown declarations mean nothing.
CssEffect ReadCss(std::string_view declarations);

/// The same for a colour alone, as in the attribute of <font>; `background` tells which it is.
CssEffect ReadCssColor(std::string_view color, bool background);

}  // namespace hadal::retrieval
