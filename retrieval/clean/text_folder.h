#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/status.h"

namespace hadal::retrieval {

/// Brings text into the one form in which questions and passages are compared: Unicode
/// NFKC_Casefold (full width to half width, lower case, zero-width characters dropped), then
/// traditional to simplified Chinese character by character. Never applied to what people are
/// shown. Context-free on purpose: a character folds alike in a question and in a passage, whatever
/// stands beside it. Thread-safe (const).
class TextFolder {
 public:
  /// Builds the character table from OpenCC's "t2s" configuration. FAILED_PRECONDITION when
  /// OpenCC's data files are not installed.
  static StatusOr<std::unique_ptr<TextFolder>> Create();

  /// Invalid UTF-8 becomes U+FFFD.
  std::u32string Fold(std::string_view text) const;

 private:
  TextFolder() = default;
  std::unordered_map<char32_t, char32_t>
      simplified_;  // traditional -> simplified, where they differ
};

}  // namespace hadal::retrieval
