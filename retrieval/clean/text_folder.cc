#include "retrieval/clean/text_folder.h"

#include <opencc/opencc.h>
#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <cstdint>
#include <utility>

#include "base/utf8.h"

namespace hadal::retrieval {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Han blocks in which OpenCC's character table has entries: extension A, the unified ideographs,
// compatibility ideographs and the supplementary planes in use.
constexpr Range kHan[] = {{0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x323AF}};

// One character a line: the line feed keeps OpenCC's phrase rules from joining neighbours, so one
// call converts every character by itself.
std::string HanLines() {
  std::string lines;
  for (const Range& range : kHan) {
    for (char32_t c = range.first; c <= range.last; ++c) {
      AppendUtf8(c, lines);
      lines.push_back('\n');
    }
  }
  return lines;
}

StatusOr<std::string> ConvertToSimplified(const std::string& text) {
  const opencc_t converter = opencc_open("t2s.json");
  if (converter == reinterpret_cast<opencc_t>(-1)) {
    return FailedPrecondition(
        "OpenCC cannot load t2s.json (traditional to simplified): {}; install the package "
        "libopencc-data",
        opencc_error());
  }
  char* converted = opencc_convert_utf8(converter, text.data(), text.size());
  std::string result = converted == nullptr ? std::string() : std::string(converted);
  if (converted != nullptr) opencc_convert_utf8_free(converted);
  opencc_close(converter);
  if (result.empty()) return Internal("OpenCC converted the character table to nothing");
  return result;
}

}  // namespace

StatusOr<std::unique_ptr<TextFolder>> TextFolder::Create() {
  const std::string lines = HanLines();
  ASSIGN_OR_RETURN(const std::string converted, ConvertToSimplified(lines));
  std::unique_ptr<TextFolder> folder(new TextFolder());
  size_t from = 0;
  size_t to = 0;
  while (from < lines.size() && to < converted.size()) {
    const DecodedChar original = DecodeUtf8(std::string_view(lines).substr(from));
    const size_t line_end = converted.find('\n', to);
    if (line_end == std::string::npos) break;
    const std::string_view line = std::string_view(converted).substr(to, line_end - to);
    if (!line.empty()) {
      const DecodedChar mapped = DecodeUtf8(line);
      const bool single = mapped.valid && mapped.size_bytes == line.size();
      if (single && mapped.code_point != original.code_point) {
        folder->simplified_.emplace(original.code_point, mapped.code_point);
      }
    }
    from += original.size_bytes + 1;
    to = line_end + 1;
  }
  if (from != lines.size()) {
    return FailedPrecondition(
        "OpenCC's t2s.json changed the number of lines of its input: the installed data do not fit "
        "this version; reinstall libopencc-data");
  }
  return folder;
}

std::u32string TextFolder::Fold(std::string_view text) const {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFKCCasefoldInstance(error);
  const icu::UnicodeString original = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  icu::UnicodeString normalized;
  if (U_SUCCESS(error)) normalizer->normalize(original, normalized, error);
  // Only an out-of-memory ICU gets here; unfolded text still matches itself.
  const icu::UnicodeString& source = U_SUCCESS(error) ? normalized : original;

  std::u32string folded;
  folded.reserve(static_cast<size_t>(source.length()));
  for (int32_t i = 0; i < source.length(); i = source.moveIndex32(i, 1)) {
    const char32_t c = static_cast<char32_t>(source.char32At(i));
    const auto it = c < kHan[0].first ? simplified_.end() : simplified_.find(c);
    folded.push_back(it == simplified_.end() ? c : it->second);
  }
  return folded;
}

}  // namespace hadal::retrieval
