#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "retrieval/clean/text_folder.h"

namespace hadal::retrieval {

/// 发文字号, the number of an official document: the issuer's code, the year in brackets, a serial
/// number (云数发〔2025〕27号). It is written with every bracket there is, in full width, with
/// blanks, with 第, with leading zeros. All functions are pure and take linear time.

/// The one form of `text` when it is such a number as a whole: folded, the year in square brackets,
/// nothing optional ("云数发[2025]27号"). nullopt otherwise.
std::optional<std::string> NormalizeDocumentNumber(const TextFolder& folder, std::string_view text);

/// Any other number that names a thing (a contract, a form): folded, brackets alike, no blanks.
std::string NormalizeIdentifier(const TextFolder& folder, std::string_view text);

struct FoundDocumentNumber {
  std::string normalized;
  TextSpan span;  ///< in the text
};

/// Every document number that stands in `text`, in order. Words before it that cannot be part of a
/// code (根据, 关于) are left out; others may stay in front: see NamesDocumentNumber().
std::vector<FoundDocumentNumber> FindDocumentNumbers(const TextFolder& folder,
                                                     std::string_view text);

/// Whether a number found in running text names `number`: it is the same, or the same behind
/// further Chinese characters, which no blank separates from it.
inline bool NamesDocumentNumber(std::string_view found, std::string_view number) {
  return !number.empty() && found.ends_with(number);
}

/// The spans of `text` where `number`, in normalized form, stands however it is written.
std::vector<TextSpan> FindDocumentNumber(const TextFolder& folder, std::string_view number,
                                         std::string_view text);

}  // namespace hadal::retrieval
