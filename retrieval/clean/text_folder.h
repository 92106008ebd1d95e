#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"

namespace hadal::retrieval {

/// Characters [begin, end) of a text, counted in code points; an invalid byte sequence counts as
/// one.
struct TextSpan {
  size_t begin = 0;
  size_t end = 0;
  bool operator==(const TextSpan&) const = default;
};

/// A folded text and where each of its characters came from.
struct FoldedText {
  std::u32string text;
  std::vector<TextSpan> origins;  ///< of each folded character; begins never fall

  /// The original span that folded characters [begin, end) came from, with what folded away
  /// between them. Empty for an empty range.
  TextSpan Origin(size_t begin, size_t end) const;
};

/// Brings text into the one form in which questions and passages are compared: Unicode
/// NFKC_Casefold (full width to half width, lower case, zero-width characters and soft hyphens
/// dropped), then traditional to simplified Chinese character by character. Hyphens at a line's end
/// inside an English word ("trans- former") and blanks between Chinese characters that each stand
/// alone ("通 知") fold away too. Never applied to what people are shown. Otherwise context-free on
/// purpose: a character folds alike in a question and in a passage, whatever stands beside it.
/// Linear time. Thread-safe (const).
class TextFolder {
 public:
  /// Builds the character tables from ICU's data and OpenCC's "t2s" configuration.
  /// FAILED_PRECONDITION when they are not installed.
  static StatusOr<std::unique_ptr<TextFolder>> Create();

  /// Invalid UTF-8 becomes U+FFFD.
  std::u32string Fold(std::string_view text) const;
  /// The same text, with the way back.
  FoldedText FoldWithOrigins(std::string_view text) const;

 private:
  TextFolder() = default;
  Status BuildSingles();
  void FoldInto(std::string_view text, std::u32string& out, std::vector<TextSpan>* origins) const;
  /// Characters that ICU must look at together, or one that becomes several.
  void FoldSegment(std::u32string_view segment, std::u32string& out) const;
  /// Whether `c` starts anew: nothing before it changes what it becomes.
  bool StartsSegment(char32_t c) const;
  char32_t Simplified(char32_t c) const;

  std::unordered_map<char32_t, char32_t> simplified_;  ///< traditional, where they differ
  // Of the characters below U+10000: what each becomes alone (0: ask ICU), and StartsSegment().
  std::vector<char32_t> singles_;
  std::vector<bool> starts_segment_;
};

}  // namespace hadal::retrieval
