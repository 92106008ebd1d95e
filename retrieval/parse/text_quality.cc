#include "retrieval/parse/text_quality.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include <set>
#include <string_view>

#include "base/utf8.h"
#include "retrieval/parse/characters.h"

namespace hadal::retrieval {
namespace {

constexpr double kMaxUndefined = 0.25;  // share of the characters
constexpr double kMaxForeign = 0.2;
constexpr size_t kMaxForeignScripts = 4;  // a page quotes one or two

bool IsUndefined(char32_t c) {
  const int8_t type = u_charType(static_cast<UChar32>(c));
  return c == 0xFFFD || type == U_UNASSIGNED || type == U_PRIVATE_USE_CHAR ||
         type == U_CONTROL_CHAR || type == U_SURROGATE;
}

/// The script when it is not one that Chinese and English documents are written in.
UScriptCode ForeignScript(char32_t c) {
  UErrorCode error = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(static_cast<UChar32>(c), &error);
  switch (script) {
    case USCRIPT_COMMON:
    case USCRIPT_INHERITED:
    case USCRIPT_UNKNOWN:
    case USCRIPT_LATIN:
    case USCRIPT_HAN:
    case USCRIPT_BOPOMOFO:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_GREEK:
      return USCRIPT_COMMON;
    default:
      return U_SUCCESS(error) ? script : USCRIPT_COMMON;
  }
}

}  // namespace

bool HasReadableText(const PdfPage& page) {
  double characters = 0;
  double undefined = 0;
  double foreign = 0;
  std::set<UScriptCode> scripts;
  for (const PdfFragment& fragment : page.fragments) {
    for (std::string_view rest = fragment.text; !rest.empty();) {
      const DecodedChar c = DecodeUtf8(rest);
      rest.remove_prefix(c.size_bytes);
      if (IsSpace(c.code_point)) continue;
      ++characters;
      undefined += IsUndefined(c.code_point);
      const UScriptCode script = ForeignScript(c.code_point);
      if (script == USCRIPT_COMMON) continue;
      ++foreign;
      scripts.insert(script);
    }
  }
  if (characters == 0 || undefined > kMaxUndefined * characters) return false;
  return scripts.size() <= kMaxForeignScripts || foreign <= kMaxForeign * characters;
}

}  // namespace hadal::retrieval
